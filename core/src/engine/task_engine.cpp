#include "engine/task_engine.hpp"

#include "cron/cron_schedule.hpp"
#include "engine/no_notifiers.hpp"
#include "engine/task_engine_parts.hpp"

namespace punctual {
namespace {

Notifiers& no_notifiers() {
  static NoNotifiers none;
  return none;
}

}  // namespace

TaskEngine::TaskEngine(Storage& storage, std::span<Transport* const> transports, Notifiers& notifiers, Clock& clock,
                       Host& host, const EngineSettings& settings)
    : parts_(std::make_unique<Parts>(storage, transports, notifiers, clock, host, settings)) {}

TaskEngine::TaskEngine(Storage& storage, std::span<Transport* const> transports, Clock& clock, Host& host,
                       const EngineSettings& settings)
    : TaskEngine(storage, transports, no_notifiers(), clock, host, settings) {}

TaskEngine::~TaskEngine() { drain(milliseconds{0}); }

void TaskEngine::start() {
  parts_->keeper.acquire();
  parts_->started = true;
  parts_->storage.signals().listen([this](const Signal& signal) { parts_->on_signal(signal); });
  parts_->settler.start();
  parts_->hosts.start();
  parts_->dispatcher.start();
  parts_->courier.start();
  parts_->notifications.start();
  parts_->cron.start();
  parts_->keeper.start();
  parts_->housekeeping.start();
}

void TaskEngine::drain(milliseconds limit) noexcept {
  if (parts_->draining.exchange(true)) return;
  const auto deadline = std::chrono::steady_clock::now() + limit;
  const auto left = [&] {
    return std::max(milliseconds{0},
                    std::chrono::duration_cast<milliseconds>(deadline - std::chrono::steady_clock::now()));
  };
  parts_->cron.stop();
  parts_->dispatcher.stop();
  parts_->courier.stop_claiming();
  parts_->notifications.stop_claiming();
  // Before the transports refuse what plugins send: to fail because of that is no failure of a channel.
  parts_->notifiers.begin_nothing_more();
  parts_->give_back(parts_->held.suspend());
  if (parts_->started) parts_->storage.signals().send({Signal::Kind::due, parts_->clock.now(), {}, std::nullopt});
  for (Transport* transport : parts_->transports) transport->drain(left());
  // What plugins send goes through the transports, and has ended with these.
  parts_->notifiers.drain(std::max(left(), milliseconds{500}));
  // Results must be stored even when the deliveries took all the time.
  const milliseconds to_store = std::max(left(), milliseconds{2000});
  if (!parts_->held.wait_idle(to_store)) {
    parts_->host.log(LogLevel::warn, "some executions were still under way at the end of the shutdown");
  }
  parts_->settler.stop(to_store);
  parts_->courier.stop(to_store);
  parts_->notifications.stop(to_store);
  parts_->hosts.stop();
  parts_->housekeeping.stop();
  parts_->keeper.stop();
  parts_->storage.signals().stop_listening();
  if (!parts_->started) return;
  parts_->keeper.end();
  parts_->storage.signals().send({Signal::Kind::due, parts_->clock.now(), {}, std::nullopt});
}

// ---- who

std::optional<Principal> TaskEngine::authenticate(std::string_view api_key) {
  return parts_->keys.authenticate(api_key, now());
}

std::optional<StoredReply> TaskEngine::find_reply(const Principal& principal, const IdempotencyKey& key) {
  return parts_->storage.tasks().find_reply(principal.organization_id, key.key, key.request, now());
}

// ---- checks

std::optional<ScheduleProblem> TaskEngine::check_schedule(std::string_view expression,
                                                          std::string_view timezone) const {
  const auto made = CronSchedule::make(expression, timezone);
  if (const auto* problem = std::get_if<ScheduleProblem>(&made)) return *problem;
  return std::nullopt;
}

std::vector<Time> TaskEngine::preview_schedule(std::string_view expression, std::string_view timezone, Time from,
                                               std::size_t count) const {
  const auto made = CronSchedule::make(expression, timezone);
  if (const auto* problem = std::get_if<ScheduleProblem>(&made)) {
    if (*problem == ScheduleProblem::unknown_timezone) throw Invalid("timezone", "is not a known time zone");
    throw Invalid("expression", "is not a valid cron expression");
  }
  return std::get<CronSchedule>(made).next(from, count);
}

std::optional<TargetProblem> TaskEngine::check_target(std::string_view url) const {
  const Transport* transport = parts_->sender.transport_for(url);
  return transport == nullptr ? std::optional{TargetProblem::malformed} : transport->check_target(url);
}

// ---- the server itself

Time TaskEngine::now() const noexcept { return parts_->clock.now(); }
bool TaskEngine::storage_reachable() noexcept { return parts_->storage.maintenance().reachable(); }
bool TaskEngine::draining() const noexcept { return parts_->draining; }
Metrics& TaskEngine::metrics() noexcept { return parts_->host.metrics(); }

}  // namespace punctual
