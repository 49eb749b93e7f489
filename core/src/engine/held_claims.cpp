#include "engine/held_claims.hpp"

#include <algorithm>

namespace punctual {

namespace {

template <class Key>
void count_down(std::map<Key, int>& holds, const Key& key) {
  const auto hold = holds.find(key);
  if (--hold->second == 0) holds.erase(hold);
}

}  // namespace

void HeldClaims::State::add(ExecutionId id, const Entry& entry) {
  entries.emplace(id, entry);
  ++held_by[entry.organization];
}

void HeldClaims::State::erase(Entries::iterator entry) {
  const auto number = held_by.find(entry->second.organization);
  if (--number->second == 0) held_by.erase(number);
  entries.erase(entry);
}

void HeldClaims::State::erase(ExecutionId id) {
  if (const auto entry = entries.find(id); entry != entries.end()) erase(entry);
}

std::size_t HeldClaims::State::of(OrganizationId organization) const {
  const auto number = held_by.find(organization);
  return number == held_by.end() ? 0 : number->second;
}

std::size_t HeldClaims::open_places(const State& state) const {
  const std::size_t open = capacity_ - capacity_ / 10;
  return open > state.taken() ? open - state.taken() : 0;
}

std::size_t HeldClaims::equal_share(const State& state) const {
  return std::max<std::size_t>(1, capacity_ / (state.held_by.size() + 1));
}

bool HeldClaims::expect(const ClaimRef& claim, OrganizationId organization, TaskId task) {
  auto state = state_.lock();
  if (state->suspended || state->taken() >= capacity_) return false;
  if (open_places(*state) == 0 && state->of(organization) >= equal_share(*state)) return false;
  state->add(claim.id, Entry{organization, task, claim.token, Stage::expected, std::nullopt, false});
  return true;
}

bool HeldClaims::begin_sending(ExecutionId id) {
  auto state = state_.lock();
  const auto entry = state->entries.find(id);
  if (entry == state->entries.end()) return false;
  if (state->suspended) {
    state->erase(entry);
    became_idle_.notify_all();
    return false;
  }
  entry->second.stage = Stage::sending;
  return true;
}

std::size_t HeldClaims::room() {
  auto state = state_.lock();
  if (state->suspended || state->entries.size() >= capacity_) return 0;
  return capacity_ - state->entries.size();
}

HeldClaims::Allowance HeldClaims::allowance(const State& state, std::size_t wanted) const {
  Allowance out;
  if (state.suspended || state.taken() >= capacity_) return out;
  out.limit = std::min(wanted, capacity_ - state.taken());
  const std::size_t open = open_places(state);
  if (out.limit <= open) return out;
  const std::size_t equal = equal_share(state);
  out.share = std::max(open, equal);
  for (const auto& [organization, number] : state.held_by) {
    const std::size_t most = std::max(open, number < equal ? equal - number : 0);
    if (most < out.limit) out.shares.push_back({organization, most});
  }
  return out;
}

HeldClaims::Allowance HeldClaims::begin_claim(std::size_t wanted) {
  auto state = state_.lock();
  Allowance out = allowance(*state, wanted);
  state->claiming = true;
  state->reserved = out.limit;
  return out;
}

void HeldClaims::absorb(std::vector<Claimed> claimed) {
  auto state = state_.lock();
  state->claiming = false;
  state->reserved = 0;
  const auto revoked = std::exchange(state->revoked, {});
  if (std::exchange(state->claim_void, false) || state->suspended) return;
  for (auto& one : claimed) {
    if (revoked.contains({one.id, one.token})) continue;
    const Entry entry{one.organization_id, one.task_id, one.token, Stage::waiting, std::nullopt, false};
    const auto known = state->entries.find(one.id);
    if (known == state->entries.end()) {
      state->add(one.id, entry);
    } else {
      // Of an execution that is still under way here under a lost lease the new claim is not taken: it becomes unknown to
      // us and is given back, and by then the old one has ended.
      if (known->second.stage != Stage::waiting) continue;
      // A waiting one has lost its claim in storage to this one, and is only about to be revoked.
      state->drop_waiting({one.id, known->second.token});
      known->second = entry;
    }
    state->wheel.add(std::move(one));
  }
  due_changed_.notify_all();
}

bool HeldClaims::State::drop_waiting(const ClaimRef& claim) {
  return wheel.remove(claim) ||
         std::erase_if(parked, [&](const Claimed& one) { return one.id == claim.id && one.token == claim.token; }) > 0;
}

std::vector<Claimed> HeldClaims::wait_due(Clock& clock) {
  std::vector<Claimed> due;
  auto state = state_.lock();
  while (!state->stopped) {
    const Time now = clock.now();
    const bool trusted = clock.monotonic() < state->trusted_until;
    while (trusted) {
      auto next = state->wheel.take_due(now);
      if (!next) break;
      if (state->is_held(*next)) {
        state->parked.push_back(std::move(*next));
        continue;
      }
      state->entries.at(next->id).stage = Stage::sending;
      due.push_back(std::move(*next));
    }
    if (!due.empty()) return due;
    const auto next_due = trusted ? state->wheel.next_due() : std::nullopt;
    clock.wait_until(state.lock(), due_changed_, next_due.value_or(now + seconds{1}));
  }
  return due;
}

void HeldClaims::trust(MonotonicTime until) {
  auto state = state_.lock();
  // Only what waits for this needs to be woken.
  const bool wake = state->wheel.size() > 0;
  state->trusted_until = until;
  if (wake) due_changed_.notify_all();
}

bool HeldClaims::sent(const ClaimRef& claim, Time at) {
  auto state = state_.lock();
  const auto entry = state->entries.find(claim.id);
  if (entry == state->entries.end() || entry->second.token != claim.token) return true;
  if (entry->second.cancelled) return false;
  entry->second.sent_at = at;
  return true;
}

bool HeldClaims::cancel(ExecutionId id) {
  auto state = state_.lock();
  const auto entry = state->entries.find(id);
  if (entry == state->entries.end()) return false;
  entry->second.cancelled = true;
  cancellations_.fetch_add(1, std::memory_order_acq_rel);
  return true;
}

bool HeldClaims::is_cancelled(const ClaimRef& claim) {
  auto state = state_.lock();
  const auto entry = state->entries.find(claim.id);
  return entry != state->entries.end() && entry->second.token == claim.token && entry->second.cancelled;
}

void HeldClaims::settled(std::span<const ClaimRef> claims) {
  auto state = state_.lock();
  for (const auto& claim : claims) {
    const auto entry = state->entries.find(claim.id);
    if (entry != state->entries.end() && entry->second.token == claim.token) state->erase(entry);
  }
  if (state->busy() == 0) became_idle_.notify_all();
}

HeldClaims::Hold::Hold(HeldClaims& claims, OrganizationId organization, std::optional<TaskId> task)
    : claims_(claims), organization_(organization), task_(task) {
  auto state = claims_.state_.lock();
  if (task_) {
    ++state->held_tasks[*task_];
  } else {
    ++state->held_organizations[organization_];
  }
  for (const auto& [id, entry] : state->entries) {
    if (entry.stage == Stage::waiting || entry.organization != organization_) continue;
    if (!task_ || entry.task == *task_) sending_.push_back(id);
  }
}

HeldClaims::Hold::~Hold() {
  auto state = claims_.state_.lock();
  if (task_) {
    count_down(state->held_tasks, *task_);
  } else {
    count_down(state->held_organizations, organization_);
  }
  // What is no longer held is due: back into the wheel, whose thread sends it.
  const auto kept = std::partition(state->parked.begin(), state->parked.end(),
                                   [&](const Claimed& one) { return state->is_held(one); });
  for (auto one = kept; one != state->parked.end(); ++one) state->wheel.add(std::move(*one));
  state->parked.erase(kept, state->parked.end());
  claims_.due_changed_.notify_all();
}

void HeldClaims::Hold::revoke(std::span<const ClaimRef> claims) {
  auto state = claims_.state_.lock();
  for (const auto& claim : claims) {
    if (state->claiming) state->revoked.insert(claim);
    if (state->drop_waiting(claim)) state->erase(claim.id);
  }
}

HeldClaims::Recalled HeldClaims::recall(OrganizationId organization, std::optional<TaskId> task, Time now) {
  auto state = state_.lock();
  Recalled out;
  for (const auto& [id, entry] : state->entries) {
    if (entry.organization != organization || (task && entry.task != *task)) continue;
    const ClaimRef claim{id, entry.token};
    if (entry.stage == Stage::waiting) {
      out.given_up.push_back(claim);
    } else {
      out.started.push_back({claim, entry.sent_at.value_or(now)});
    }
  }
  for (const auto& claim : out.given_up) {
    state->drop_waiting(claim);
    state->erase(claim.id);
  }
  return out;
}

bool HeldClaims::knows(const ClaimRef& claim) {
  auto state = state_.lock();
  const auto entry = state->entries.find(claim.id);
  return entry != state->entries.end() && entry->second.token == claim.token;
}

std::optional<Time> HeldClaims::sent_at(ExecutionId id) {
  auto state = state_.lock();
  const auto entry = state->entries.find(id);
  return entry == state->entries.end() ? std::nullopt : entry->second.sent_at;
}

HeldClaims::Sizes HeldClaims::sizes() {
  auto state = state_.lock();
  const std::size_t busy = state->busy();
  return {state->entries.size() - busy, busy};
}

std::vector<ClaimRef> HeldClaims::suspend() {
  auto state = state_.lock();
  state->suspended = true;
  state->claim_void = state->claiming;
  auto dropped = state->wheel.clear();
  for (const auto& one : state->parked) dropped.push_back({one.id, one.token});
  state->parked.clear();
  for (const auto& claim : dropped) state->erase(claim.id);
  return dropped;
}

void HeldClaims::resume() { state_.lock()->suspended = false; }

void HeldClaims::stop() {
  auto state = state_.lock();
  state->stopped = true;
  due_changed_.notify_all();
}

bool HeldClaims::wait_idle(milliseconds limit) {
  auto state = state_.lock();
  return became_idle_.wait_for(state.lock(), limit, [&] { return state->busy() == 0; });
}

}  // namespace punctual
