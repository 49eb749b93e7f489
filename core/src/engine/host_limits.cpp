#include "engine/host_limits.hpp"

#include "delivery/target_host.hpp"
#include "engine/transient.hpp"

namespace punctual {
namespace {

constexpr milliseconds look_interval{500};
constexpr milliseconds soonest_look{10};
constexpr seconds count_interval{10};
constexpr std::size_t most_held_counted = 100'000;
// Bounds one transaction.
constexpr std::size_t max_batch = 512;

std::optional<HostKey> host_of(const Claimed& claimed) {
  auto name = target_host(claimed.url);
  if (!name) return std::nullopt;
  return HostKey{claimed.organization_id, *std::move(name)};
}

HostQuestion question_of(const std::shared_ptr<Claimed>& claimed, const HostKey& host) {
  HostQuestion out;
  out.id = claimed->id;
  out.token = claimed->token;
  out.host = host;
  out.task_updated_at = claimed->task_updated_at;
  out.timeout = claimed->timeout;
  // A moment later: at its end it may still be sent.
  if (claimed->expires_in) out.expires_at = claimed->scheduled_for + *claimed->expires_in + milliseconds{1};
  return out;
}

std::string text_of(const HostChange& change) {
  const HostState& state = change.state;
  std::string out = "host " + state.host.name + " of organisation " + state.host.organization_id.text();
  switch (change.kind) {
    case HostChange::Kind::closed_by_failures:
      return out + " is left alone for " + std::to_string(host_rules::pause_after(state.openings).count()) +
             " s: " + (state.openings == 1 ? "it has failed three times in a row" : "it has failed again");
    case HostChange::Kind::closed_on_request:
      return out + " is left alone until " + format_rfc3339(state.until) + ": it answered 429";
    case HostChange::Kind::opened:
      break;
  }
  return out + " is sent to again";
}

}  // namespace

int HostLimits::Failures::count(const HostKey& host) {
  const auto known = by_host_.find(host);
  if (known != by_host_.end()) {
    latest_.splice(latest_.begin(), latest_, known->second);
    return ++known->second->second;
  }
  if (latest_.size() == most_counted) {
    by_host_.erase(latest_.back().first);
    latest_.pop_back();
  }
  latest_.emplace_front(host, 1);
  by_host_.emplace(host, latest_.begin());
  return 1;
}

void HostLimits::Failures::forget(const HostKey& host) {
  const auto known = by_host_.find(host);
  if (known == by_host_.end()) return;
  latest_.erase(known->second);
  by_host_.erase(known);
}

HostLimits::HostLimits(HostStates& states, Signals& signals, Clock& clock, Host& host, EngineMetrics& metrics,
                       const EngineSettings& settings, Callbacks callbacks)
    : states_(states),
      signals_(signals),
      clock_(clock),
      host_(host),
      metrics_(metrics),
      enabled_(settings.host_limits),
      callbacks_(std::move(callbacks)),
      loop_(clock, [this] { return step(); }) {}

void HostLimits::stop() noexcept {
  loop_.stop();
  try {
    store_reports();
  } catch (const std::exception& error) {
    host_.log(LogLevel::warn, std::string("what was found of hosts could not be stored: ") + error.what());
  }
}

bool HostLimits::keeps_back(const std::shared_ptr<Claimed>& claimed, Time now) {
  if (!any_closed_.load(std::memory_order_relaxed)) return false;
  auto host = host_of(*claimed);
  if (!host) return false;
  {
    auto state = state_.lock();
    const auto closed = state->closed.find(*host);
    if (closed == state->closed.end() || !closed->second.at(now)) return false;
    state->kept.push_back({claimed, *std::move(host)});
  }
  loop_.wake(now);
  return true;
}

void HostLimits::observe(const Claimed& claimed, const Verdict& verdict, Time at) {
  if (!enabled_) return;
  const bool says_little = verdict.host == HostSign::answered || verdict.host == HostSign::nothing;
  if (says_little && quiet_.load(std::memory_order_relaxed)) return;
  auto host = host_of(claimed);
  if (!host) return;
  bool reported = false;
  {
    auto state = state_.lock();
    if (state->trials.erase(claimed.id) > 0) {
      observe_trial(*state, *std::move(host), claimed, verdict, at);
    } else {
      observe_other(*state, *std::move(host), verdict, at);
    }
    note_quiet(*state);
    reported = !state->reports.empty();
  }
  if (reported) loop_.wake(at);
}

void HostLimits::observe_trial(State& state, HostKey host, const Claimed& claimed, const Verdict& verdict, Time at) {
  state.failures.forget(host);
  HostReport out{std::move(host), HostReport::Kind::nothing, at, {}, claimed.id};
  switch (verdict.host) {
    case HostSign::nothing:
      break;
    case HostSign::answered:
      out.kind = HostReport::Kind::answered;
      break;
    case HostSign::failed:
      out.kind = HostReport::Kind::failed;
      break;
    case HostSign::asked:
      out.kind = HostReport::Kind::asked;
      out.until = at + verdict.retry_after.value_or(pause_of_429);
      break;
  }
  state.reports.push_back(std::move(out));
}

void HostLimits::observe_other(State& state, HostKey host, const Verdict& verdict, Time at) {
  switch (verdict.host) {
    case HostSign::nothing:
      return;
    case HostSign::answered:
      state.failures.forget(host);
      return;
    case HostSign::failed: {
      // What was under way when the host was closed says nothing new.
      if (const auto closed = state.closed.find(host); closed != state.closed.end() && closed->second.at(at)) return;
      if (state.failures.count(host) < failures_in_a_row) return;
      state.failures.forget(host);
      mark(state, host, HostPhase::failing, at + host_rules::pause_after(1));
      state.reports.push_back({std::move(host), HostReport::Kind::failed, at, {}, std::nullopt});
      return;
    }
    case HostSign::asked: {
      state.failures.forget(host);
      const Time until = at + verdict.retry_after.value_or(pause_of_429);
      if (until <= at) return;
      mark(state, host, HostPhase::asked, until);
      state.reports.push_back({std::move(host), HostReport::Kind::asked, at, until, std::nullopt});
      return;
    }
  }
}

// Closed here at once, before storage and the other servers know.
void HostLimits::mark(State& state, const HostKey& host, HostPhase phase, Time until) {
  const auto [closed, is_new] = state.closed.try_emplace(host, Closed{phase, until, 0});
  closed->second.until = std::max(closed->second.until, until);
  closed->second.mark = ++state.marks;
  any_closed_ = true;
}

void HostLimits::note_quiet(const State& state) { quiet_ = state.failures.empty() && state.trials.empty(); }

void HostLimits::look() {
  look_wanted_ = true;
  loop_.wake(clock_.now());
}

Time HostLimits::step() {
  const Time now = clock_.now();
  try {
    store_reports();
    ask(now);
    if (look_wanted_.exchange(false) || has_come(next_look_, now, look_interval)) next_look_ = look_at_storage(now);
    if (std::exchange(changed_, false)) signals_.send({Signal::Kind::hosts, {}, {}, std::nullopt});
    failed_steps_ = 0;
    return next_look_;
  } catch (const std::exception& error) {
    metrics_.storage_errors.add();
    look_wanted_ = true;
    const auto wait = transient_wait(++failed_steps_);
    host_.log(LogLevel::warn, std::string("looking after hosts failed, trying again in ") +
                                  std::to_string(wait.count()) + " ms: " + error.what());
    return now + wait;
  }
}

void HostLimits::store_reports() {
  {
    auto state = state_.lock();
    to_report_.insert(to_report_.end(), std::make_move_iterator(state->reports.begin()),
                      std::make_move_iterator(state->reports.end()));
    state->reports.clear();
    taken_marks_ = state->marks;
  }
  if (!to_report_.empty()) {
    const auto changes = states_.report(to_report_);
    to_report_.clear();
    tell(changes);
    changed_ = true;
    look_wanted_ = true;
  }
  stored_marks_ = taken_marks_;
}

void HostLimits::ask(Time now) {
  {
    auto state = state_.lock();
    to_ask_.insert(to_ask_.end(), std::make_move_iterator(state->kept.begin()),
                   std::make_move_iterator(state->kept.end()));
    state->kept.clear();
  }
  while (!to_ask_.empty()) {
    const std::size_t size = std::min(to_ask_.size(), max_batch);
    std::vector<HostQuestion> questions;
    for (std::size_t i = 0; i < size; ++i) questions.push_back(question_of(to_ask_[i].claimed, to_ask_[i].host));
    const auto answers = states_.ask(questions, now);
    std::vector<ClaimRef> held;
    bool made_room = false;
    std::vector<std::shared_ptr<Claimed>> to_send;
    for (std::size_t i = 0; i < size; ++i) {
      const ClaimRef claim{questions[i].id, questions[i].token};
      if (answers.at(i) == HostAnswer::held) {
        held.push_back(claim);
        made_room = made_room || to_ask_[i].claimed->capped;
        continue;
      }
      note_sent(claim.id, to_ask_[i].host, answers[i]);
      to_send.push_back(std::move(to_ask_[i].claimed));
    }
    to_ask_.erase(to_ask_.begin(), to_ask_.begin() + static_cast<std::ptrdiff_t>(size));
    if (!held.empty()) callbacks_.held(held, made_room);
    for (auto& one : to_send) callbacks_.send(std::move(one));
  }
}

void HostLimits::note_sent(ExecutionId id, const HostKey& host, HostAnswer answer) {
  auto state = state_.lock();
  if (answer == HostAnswer::trial) {
    state->trials.insert(id);
    note_quiet(*state);
    return;
  }
  // It is open, then: how this one ends counts again.
  const auto closed = state->closed.find(host);
  if (closed != state->closed.end() && closed->second.mark <= stored_marks_) state->closed.erase(closed);
}

// When to look again.
Time HostLimits::look_at_storage(Time now) {
  auto states = states_.list();
  if (!states.empty()) {
    const bool dismissed = !enabled_ && dismiss(states, now);
    if (advance(now) || dismissed) states = states_.list();
  }
  take_over(states);
  count(states, now);
  Time next = now + look_interval;
  for (const HostState& one : states) next = std::min(next, one.next_at);
  return std::max(next, now + soonest_look);
}

// Hosts were closed before they were no longer to be.
bool HostLimits::dismiss(const std::vector<HostState>& states, Time now) {
  std::vector<HostReport> reports;
  for (const HostState& one : states) {
    if (one.phase == HostPhase::opening) continue;
    reports.push_back({one.host, HostReport::Kind::dismissed, now, {}, std::nullopt});
  }
  if (reports.empty()) return false;
  tell(states_.report(reports));
  changed_ = true;
  return true;
}

bool HostLimits::advance(Time now) {
  const LetGo gone = states_.advance(now);
  tell(gone.changes);
  if (!gone.changes.empty()) changed_ = true;
  if (gone.earliest) callbacks_.let_go(*gone.earliest);
  return gone.executions > 0 || !gone.changes.empty();
}

void HostLimits::take_over(const std::vector<HostState>& states) {
  if (!enabled_) return;
  auto state = state_.lock();
  std::map<HostKey, Closed> closed;
  for (const HostState& one : states) {
    if (one.phase != HostPhase::opening) closed.emplace(one.host, Closed{one.phase, one.until, 0});
  }
  // What this server has found out since storage was told is not in there yet.
  for (const auto& [host, mine] : state->closed) {
    if (mine.mark > stored_marks_) closed.insert_or_assign(host, mine);
  }
  state->closed = std::move(closed);
  any_closed_ = !state->closed.empty();
}

void HostLimits::count(const std::vector<HostState>& states, Time now) {
  double failing = 0;
  double asked = 0;
  for (const HostState& one : states) {
    if (!host_rules::is_closed(one, now)) continue;
    (one.phase == HostPhase::failing ? failing : asked) += 1;
  }
  metrics_.hosts_failing.set(failing);
  metrics_.hosts_asked.set(asked);
  if (states.empty()) {
    metrics_.held_executions.set(0);
    next_count_ = now;
  } else if (has_come(next_count_, now, count_interval)) {
    metrics_.held_executions.set(static_cast<double>(states_.count_held(most_held_counted)));
    next_count_ = now + count_interval;
  }
}

void HostLimits::tell(const std::vector<HostChange>& changes) {
  for (const HostChange& change : changes) {
    if (change.kind == HostChange::Kind::closed_by_failures) metrics_.circuits_opened.add();
    host_.log(change.kind == HostChange::Kind::opened ? LogLevel::info : LogLevel::warn, text_of(change));
  }
}

}  // namespace punctual
