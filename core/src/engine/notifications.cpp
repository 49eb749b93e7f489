#include "engine/notifications.hpp"

#include <algorithm>
#include <iterator>

#include "engine/notice_events.hpp"
#include "engine/transient.hpp"
#include "punctual/hosts.hpp"

namespace punctual {
namespace {

constexpr seconds look_interval{10};
constexpr std::size_t most_counted = 10'000;
constexpr std::size_t most_given_up = 1000;  // in one look around

std::vector<std::string> names_of(const Notifiers& notifiers) {
  std::vector<std::string> out;
  for (const auto& info : notifiers.list()) out.push_back(info.name);
  return out;
}

NoticeClaim claim_of(const Notice& notice) { return {notice.id, notice.token}; }

Counter& notices(Metrics& metrics, const char* result) {
  return metrics.counter("punctual_notices_total", "Notices told to channels, by result", {{"result", result}});
}

}  // namespace

NotificationMetrics::NotificationMetrics(Metrics& m)
    : delivered(notices(m, "delivered")),
      retried(notices(m, "retried")),
      dead(notices(m, "dead")),
      in_flight(m.gauge("punctual_notices_in_flight", "Notices that this server is telling")),
      circuits_open(
          m.gauge("punctual_notice_circuits_open", "Channels that this server leaves alone because they fail")),
      waiting_stored(m.gauge("punctual_notices_waiting",
                             "Notices of all servers that wait to be told, at most 10000 of which are counted")),
      dead_stored(m.gauge("punctual_notices_dead",
                          "Notices that were given up and are kept, at most 10000 of which are counted")) {}

Notifications::Notifications(Channels& channels, Notifiers& notifiers, const Lease& lease, Clock& clock, Host& host,
                             IdGenerator& ids, EngineMetrics& metrics, const EngineSettings& settings)
    : channels_(channels),
      notifiers_(notifiers),
      lease_(lease),
      clock_(clock),
      host_(host),
      ids_(ids),
      storage_errors_(metrics.storage_errors),
      metrics_(host.metrics()),
      poll_(settings.poll_interval),
      public_url_(settings.public_url),
      plugins_(names_of(notifiers)),
      loop_(clock, [this] { return step(); }) {}

void Notifications::wake(Time due) {
  {
    auto state = state_.lock();
    state->claim_at = std::min(state->claim_at, due);
  }
  loop_.wake(due);
}

void Notifications::stop(milliseconds limit) noexcept {
  loop_.stop();
  const auto failed = [&](const char* what) {
    host_.log(LogLevel::warn, std::string("storing what came of notices failed: ") + what);
  };
  if (insist_for(
          limit, [&] { store_results(); }, failed))
    return;
  host_.log(LogLevel::error, "what came of notices could not be stored before shutdown; these will be told again");
}

Time Notifications::step() {
  const Time now = clock_.now();
  try {
    store_results();
    if (claims_) {
      if (has_come(next_look_, now, look_interval)) look_around(now);
      if (has_come(state_.lock()->claim_at, now, poll_)) claim(now);
    }
    failures_ = 0;
  } catch (const std::exception& error) {
    // A claim may have been stored of which nobody here knows.
    next_look_ = now;
    storage_errors_.add();
    const auto wait = transient_wait(++failures_);
    host_.log(LogLevel::warn, std::string("work on notices failed, trying again in ") + std::to_string(wait.count()) +
                                  " ms: " + error.what());
    return clock_.now() + wait;
  }
  metrics_.in_flight.set(static_cast<double>(in_flight_.size()));
  if (!claims_) return now + poll_;
  return std::min({state_.lock()->claim_at, next_look_, now + poll_});
}

void Notifications::claim(Time now) {
  // A wake from here on stays.
  state_.lock()->claim_at = now + poll_;
  NoticeRequest request{lease_.node(), ids_.next_token(), now, 0, {}, left_alone(now)};
  for (const std::string& plugin : plugins_) {
    const std::size_t room = notifiers_.room(plugin);
    if (room == 0) continue;
    request.limit = request.plugins.empty() ? room : std::min(request.limit, room);
    request.plugins.push_back(plugin);
  }
  if (request.plugins.empty()) return;
  auto claims = channels_.claim(request);
  if (claims.next_due) {
    auto state = state_.lock();
    state->claim_at = std::min(state->claim_at, std::max(*claims.next_due, now));
  }
  for (const ClaimedNotices& one : claims.claimed) {
    for (const Notice& notice : one.notices) in_flight_.insert(claim_of(notice));
  }
  for (ClaimedNotices& one : claims.claimed) tell(std::move(one));
}

void Notifications::tell(ClaimedNotices notices) {
  const auto shared = std::make_shared<ClaimedNotices>(std::move(notices));
  notifiers_.tell(shared->channel, event_of(*shared, public_url_), [this, shared](NotifierOutcome&& outcome) {
    const Time now = clock_.now();
    {
      auto state = state_.lock();
      state->told.push_back({std::move(*shared), std::move(outcome), now});
      // The channel, or the thread, may take the next.
      state->claim_at = std::min(state->claim_at, now);
    }
    loop_.wake(now);
  });
}

void Notifications::store_results() {
  std::vector<Told> told;
  state_.lock()->told.swap(told);
  if (told.empty()) return;
  std::vector<NoticeResult> results;
  std::vector<NoticeClaim> released;
  for (const Told& one : told) {
    for (const Notice& notice : one.notices.notices) {
      // Only this server's own shutdown cancels.
      if (one.outcome.kind == NotifierOutcome::Kind::cancelled) {
        released.push_back(claim_of(notice));
      } else {
        results.push_back(result_of(notice, one));
      }
    }
  }
  try {
    if (!results.empty()) channels_.settle(results);
    if (!released.empty()) channels_.release(released);
  } catch (...) {
    auto state = state_.lock();
    state->told.insert(state->told.begin(), std::make_move_iterator(told.begin()), std::make_move_iterator(told.end()));
    throw;
  }
  std::span<const NoticeResult> rest(results);
  for (const Told& one : told) {
    for (const Notice& notice : one.notices.notices) in_flight_.erase(claim_of(notice));
    if (one.outcome.kind == NotifierOutcome::Kind::cancelled) continue;
    const std::size_t size = one.notices.notices.size();
    count(one, rest.first(size));
    rest = rest.subspan(size);
    judge_channel(one);
  }
}

NoticeResult Notifications::result_of(const Notice& notice, const Told& told) const {
  using Kind = NoticeResult::Kind;
  if (told.outcome.kind == NotifierOutcome::Kind::delivered) return {claim_of(notice), Kind::delivered, told.at, {}};
  const auto before = static_cast<std::size_t>(notice.attempts);
  if (told.outcome.kind == NotifierOutcome::Kind::give_up || before >= waits.size()) {
    return {claim_of(notice), Kind::dead, told.at, told.outcome.error};
  }
  return {claim_of(notice), Kind::retry, told.at + waits[before], told.outcome.error};
}

void Notifications::count(const Told& told, std::span<const NoticeResult> results) {
  std::size_t dead = 0;
  for (const NoticeResult& result : results) {
    switch (result.kind) {
      case NoticeResult::Kind::delivered:
        metrics_.delivered.add();
        break;
      case NoticeResult::Kind::retry:
        metrics_.retried.add();
        break;
      case NoticeResult::Kind::dead:
        metrics_.dead.add();
        ++dead;
        break;
    }
  }
  const Channel& channel = told.notices.channel;
  const std::string who = "channel '" + channel.name + "' of " + told.notices.organization_name;
  if (dead > 0) {
    host_.log(LogLevel::error, who + ": " + std::to_string(dead) + (dead == 1 ? " notice is" : " notices are") +
                                   " given up (see /api/v1/channels/" + channel.id.text() +
                                   "/notices): " + told.outcome.error);
  } else if (told.outcome.kind == NotifierOutcome::Kind::retry_later) {
    host_.log(LogLevel::warn, who + " could not be told, trying again: " + told.outcome.error);
  }
}

void Notifications::judge_channel(const Told& told) {
  const ChannelId id = told.notices.channel.id;
  if (told.outcome.kind != NotifierOutcome::Kind::retry_later) {
    circuits_.erase(id);
    return;
  }
  Circuit& circuit = circuits_[id];
  circuit.until = told.at;
  // After a pause the first failure is enough.
  if (++circuit.failures < failures_in_a_row && circuit.openings == 0) return;
  circuit.until = told.at + host_rules::pause_after(++circuit.openings);
}

std::vector<ChannelId> Notifications::left_alone(Time now) const {
  std::vector<ChannelId> out;
  for (const auto& [id, circuit] : circuits_) {
    if (circuit.until > now) out.push_back(id);
  }
  metrics_.circuits_open.set(static_cast<double>(out.size()));
  return out;
}

// What storage has under our lease and nobody here knows, after a claim whose answer was lost.
void Notifications::look_around(Time now) {
  auto unknown = channels_.held(lease_.node());
  std::erase_if(unknown, [&](const NoticeClaim& claim) { return in_flight_.contains(claim); });
  if (!unknown.empty()) {
    channels_.release(unknown);
    host_.log(LogLevel::warn, "returned " + std::to_string(unknown.size()) + " notices of unclear commits");
  }
  // Channels that were deleted, and those nothing is told to any more.
  std::erase_if(circuits_, [&](const auto& entry) { return entry.second.until + host_rules::memory < now; });
  look_for_plugins(now);
  const auto sizes = channels_.sizes(most_counted);
  metrics_.waiting_stored.set(static_cast<double>(sizes.waiting));
  metrics_.dead_stored.set(static_cast<double>(sizes.dead));
  next_look_ = now + look_interval;
}

// What waits for a plugin that no server has loaded would wait, and become more, for ever.
void Notifications::look_for_plugins(Time now) {
  for (const std::string& plugin : channels_.waiting_plugins()) {
    if (std::find(plugins_.begin(), plugins_.end(), plugin) != plugins_.end()) continue;
    if (missing_.insert(plugin).second) {
      host_.log(LogLevel::warn,
                "notices wait for channels of '" + plugin +
                    "', a plugin that this server has not loaded; what no server tells is given up after " +
                    std::to_string(patience_without_plugin / std::chrono::hours{24}) + " days");
    }
    const std::size_t dead = channels_.give_up(plugin, now, patience_without_plugin,
                                               "the plugin '" + plugin + "' is not loaded", most_given_up);
    if (dead == 0) continue;
    metrics_.dead.add(static_cast<double>(dead));
    host_.log(LogLevel::error, std::to_string(dead) + (dead == 1 ? " notice" : " notices") + " of channels of '" +
                                   plugin + "' given up: the plugin is not loaded");
  }
}

}  // namespace punctual
