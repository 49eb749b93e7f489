#include "engine/task_engine.hpp"

#include <atomic>

#include "cron/cron_schedule.hpp"
#include "engine/cron_materializer.hpp"
#include "engine/database_clock.hpp"
#include "engine/dispatcher.hpp"
#include "engine/held_claims.hpp"
#include "engine/housekeeping.hpp"
#include "engine/intake.hpp"
#include "engine/lease_keeper.hpp"
#include "engine/new_task.hpp"
#include "engine/sender.hpp"
#include "engine/settler.hpp"
#include "identity/id_generator.hpp"
#include "identity/key_cache.hpp"

namespace punctual {
namespace {

std::optional<IdempotencyRecord> record(const Request& request, Time now, StoredReply reply) {
  if (!request.idempotency) return std::nullopt;
  return IdempotencyRecord{request.idempotency->key, request.idempotency->request, now, std::move(reply)};
}

// What a new task's first execution needs to be sent, from what is in memory already.
Claimed claimed_at_insert(NewWork&& work, const Principal& principal) {
  Claimed out;
  out.id = work.execution->id;
  out.run_id = work.execution->run_id;
  out.task_id = work.task.id;
  out.organization_id = work.task.organization_id;
  out.token = *work.claim;
  out.scheduled_for = work.execution->scheduled_for;
  out.task_updated_at = work.task.updated_at;
  TaskSpec& spec = work.task.spec;
  out.method = spec.method;
  out.url = std::move(spec.url);
  out.headers = std::move(spec.headers);
  out.body = std::move(spec.body);
  out.timeout = spec.timeout;
  out.retry_attempts = spec.retry_attempts;
  out.retry_delay = spec.retry_delay;
  out.retry_max_delay = spec.retry_max_delay;
  out.expires_in = spec.expires_in;
  out.expected_status_codes = std::move(spec.expected_status_codes);
  out.expected_body_pattern = std::move(spec.expected_body_pattern);
  out.signing_secrets = principal.signing_secrets;
  return out;
}

}  // namespace

// Declared in the order in which work passes through them; what is used by an earlier one is bound by a callback.
struct TaskEngine::Parts {
  Storage& storage;
  std::vector<Transport*> transports;
  DatabaseClock clock;
  Host& host;
  EngineSettings settings;
  EngineMetrics metrics;
  IdGenerator ids;
  Lease lease;
  KeyCache keys;
  HeldClaims held;
  Intake intake;
  Dispatcher dispatcher;
  Sender sender;
  Settler settler;
  CronMaterializer cron;
  LeaseKeeper keeper;
  Housekeeping housekeeping;
  std::atomic<bool> draining{false};
  bool started = false;
  std::atomic<Time> offered_at{Time{}};

  static constexpr seconds patience_with_others{5};

  Parts(Storage& the_storage, std::span<Transport* const> the_transports, Clock& the_clock, Host& the_host,
        const EngineSettings& the_settings)
      : storage(the_storage),
        transports(the_transports.begin(), the_transports.end()),
        clock(the_clock),
        host(the_host),
        settings(the_settings),
        metrics(host.metrics()),
        keys(storage.directory()),
        held(settings.max_in_flight),
        intake(storage.work(), lease, metrics),
        dispatcher(
            storage.work(), lease, clock, host, ids, metrics, settings, held,
            [this](Claimed claimed) { sender.send(std::move(claimed)); }, [this] { keeper.suspect(); }),
        sender(transports, clock, metrics, held, settings.compat_headers,
               [this](Ended ended) { settler.finish(std::move(ended)); }),
        settler(storage.work(), clock, host, ids, metrics, settings,
                [this](const Settler::Settled& settled) { after_settling(settled); }),
        cron(storage.schedules(), clock, host, ids, metrics, settings, [this](Time due) { dispatcher.wake(due); }),
        keeper(storage.leases(), storage.work(), lease, clock, host, ids, metrics, settings, held,
               [this] { dispatcher.wake(clock.now()); }),
        housekeeping(storage.maintenance(), keys, held, clock, host, metrics, settings.retention) {}

  void after_settling(const Settler::Settled& settled) {
    held.settled(settled.claims);
    if (!dispatcher.keeps_up()) {
      dispatcher.wake(clock.now());
    } else if (settled.next_due) {
      dispatcher.wake(*settled.next_due);
    }
  }

  void give_back(std::span<const ClaimRef> claims) noexcept {
    try {
      storage.work().release(claims);
    } catch (const std::exception& error) {
      host.log(LogLevel::warn, std::string("waiting executions could not be returned: ") + error.what());
    }
  }

  void refuse_when_draining() const {
    if (draining) throw Unavailable("The server is shutting down", seconds{5});
  }

  // Whether this work may be sent right after its insert, without a claim: it is due, has no line to keep, nothing older
  // waits, and there is room.
  bool claim_at_insert(NewWork& work, Time now) {
    if (!work.execution || work.execution->scheduled_for > now || work.task.spec.queue) return false;
    if (!dispatcher.keeps_up()) return false;
    const ClaimToken token = ids.next_token();
    if (!held.expect({work.execution->id, token}, work.task.organization_id, work.task.id)) return false;
    work.claim = token;
    return true;
  }

  // Other servers may take what this one has no room for.
  void offer_to_others(Time due) {
    const Time now = clock.now();
    if (due > now + settings.claim_ahead) return;
    Time last = offered_at.load(std::memory_order_relaxed);
    if (now - last < milliseconds{50} || !offered_at.compare_exchange_strong(last, now)) return;
    storage.signals().send({Signal::Kind::due, due, {}, std::nullopt});
  }

  // What another server says.
  void on_signal(const Signal& signal) {
    if (signal.kind == Signal::Kind::due) {
      dispatcher.wake(signal.due);
      return;
    }
    const auto recalled = held.recall(signal.organization_id, signal.task_id, clock.now());
    try {
      if (!recalled.given_up.empty()) storage.work().release(recalled.given_up);
      if (!recalled.started.empty()) storage.work().mark_started(recalled.started);
    } catch (const std::exception& error) {
      // Whoever asked asks again; what is claimed in storage and unknown here is given back before long.
      host.log(LogLevel::warn,
               std::string("claims that another server asked for could not be given back: ") + error.what());
      keeper.suspect();
    }
  }

  // After a new task is durable: have it sent, or see to it that it will be claimed in time.
  void follow_up(NewWork&& work, bool claimed, const Principal& principal) {
    if (claimed) {
      metrics.claimed_at_insert.add();
      if (held.begin_sending(work.execution->id)) sender.send(claimed_at_insert(std::move(work), principal));
    } else if (work.execution) {
      if (work.claim) held.abandon({work.execution->id, *work.claim});
      dispatcher.wake(work.execution->scheduled_for);
      if (!dispatcher.keeps_up()) offer_to_others(work.execution->scheduled_for);
    } else if (work.task.next_run_at) {
      cron.wake(*work.task.next_run_at);
    }
  }

  // A change of a task: `write` is called with the executions under way here, until it is not `stale`.
  template <class Write>
  Reply change(const Principal& principal, std::optional<TaskId> task, StoredReply& reply, Write write) {
    const auto give_up = std::chrono::steady_clock::now() + patience_with_others;
    milliseconds wait{5};
    for (int attempt = 1;; ++attempt) {
      if (auto done = change_once(principal, task, reply, write, attempt)) return *std::move(done);
      // Another server has claimed it: it is asked to give it back or to say that it is being sent.
      if (std::chrono::steady_clock::now() >= give_up) {
        throw Unavailable("Another server has claimed the task and does not answer", seconds{10});
      }
      storage.signals().send({Signal::Kind::recall, {}, principal.organization_id, task});
      std::this_thread::sleep_for(wait);
      wait = std::min(2 * wait, milliseconds{100});
    }
  }

  // Nothing: another server has to be asked first.
  template <class Write>
  std::optional<Reply> change_once(const Principal& principal, std::optional<TaskId> task, StoredReply& reply,
                                   Write& write, int attempt) {
    for (;; ++attempt) {
      HeldClaims::Hold hold(held, principal.organization_id, task);
      TaskWriteOutcome outcome = write(hold.sending());
      hold.revoke(outcome.revoked);
      switch (outcome.result) {
        case WriteResult::applied:
          if (!outcome.revoked.empty()) dispatcher.wake(clock.now());
          return Reply{std::move(reply), false};
        case WriteResult::replayed:
          return Reply{std::move(outcome.replay.value()), true};
        case WriteResult::key_reused:
          throw KeyReused();
        case WriteResult::not_found:
          throw NotFound();
        case WriteResult::conflict:
          throw Conflict("The task has already run or is running; an edit never runs it again");
        case WriteResult::stale:
          if (attempt >= 10) throw Unavailable("The task is being changed by many requests at once");
          break;
        case WriteResult::held_elsewhere:
          return std::nullopt;
      }
    }
  }
};

TaskEngine::TaskEngine(Storage& storage, std::span<Transport* const> transports, Clock& clock, Host& host,
                       EngineSettings settings)
    : parts_(std::make_unique<Parts>(storage, transports, clock, host, settings)) {}

TaskEngine::~TaskEngine() { drain(milliseconds{0}); }

void TaskEngine::start() {
  parts_->keeper.acquire();
  parts_->started = true;
  parts_->storage.signals().listen([this](const Signal& signal) { parts_->on_signal(signal); });
  parts_->settler.start();
  parts_->dispatcher.start();
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
  parts_->give_back(parts_->held.suspend());
  if (parts_->started) parts_->storage.signals().send({Signal::Kind::due, parts_->clock.now(), {}, std::nullopt});
  for (Transport* transport : parts_->transports) transport->drain(left());
  // Results must be stored even when the deliveries took all the time.
  const milliseconds to_store = std::max(left(), milliseconds{2000});
  if (!parts_->held.wait_idle(to_store)) {
    parts_->host.log(LogLevel::warn, "some executions were still under way at the end of the shutdown");
  }
  parts_->settler.stop(to_store);
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

// ---- tasks

Reply TaskEngine::create_task(const Request& request, NewTask draft, const Render<CreatedTask>& render) {
  parts_->refuse_when_draining();
  const Time now = this->now();
  NewWork work;
  Task& task = work.task;
  task.id = parts_->ids.next<TaskId>(now);
  task.organization_id = request.principal.organization_id;
  task.spec = std::move(draft.spec);
  task.inserted_at = task.updated_at = now;
  CreatedTask created;
  if (task.spec.schedule_type == ScheduleType::cron) {
    task.next_run_at = next_run(task.spec, now);
  } else {
    const Time due = draft.delay ? due_after(now, *draft.delay)
                                 : task.spec.scheduled_at.value_or(std::chrono::floor<milliseconds>(now));
    const auto id = parts_->ids.next<ExecutionId>(now);
    work.execution = NewExecution{id, id, 1, due};
    task.spec.scheduled_at = task.next_run_at = created.scheduled_for = due;
    created.execution_id = id;
  }
  if (task.spec.name.empty()) task.spec.name = default_name(task.spec, created.scheduled_for);
  created.task = task;
  StoredReply reply = render(created);
  work.idempotency = record(request, now, reply);

  const bool claimed = parts_->claim_at_insert(work, now);
  InsertOutcome outcome;
  try {
    outcome = parts_->intake.submit(work);
  } catch (...) {
    if (claimed) {
      parts_->held.abandon({work.execution->id, *work.claim});
      parts_->keeper.suspect();
    }
    throw;
  }
  if (outcome.result != WriteResult::applied) {
    if (claimed) parts_->held.abandon({work.execution->id, *work.claim});
    if (outcome.result == WriteResult::replayed) return {std::move(outcome.replay.value()), true};
    if (outcome.result == WriteResult::key_reused) throw KeyReused();
    throw NotFound("The organisation does not exist any more");
  }
  parts_->follow_up(std::move(work), outcome.claimed, request.principal);
  return {std::move(reply), false};
}

Task TaskEngine::find_task(const Principal& principal, TaskId id) {
  auto task = parts_->storage.tasks().find(principal.organization_id, id);
  if (!task) throw NotFound();
  return std::move(*task);
}

Page<Task> TaskEngine::list_tasks(TaskQuery query) { return parts_->storage.tasks().list(query); }

Reply TaskEngine::update_task(const Request& request, TaskId id, const TaskChange& change, const Render<Task>& render) {
  parts_->refuse_when_draining();
  StoredReply reply;
  TaskUpdate update;
  Reply done = parts_->change(request.principal, id, reply, [&](std::span<const ExecutionId> sending) {
    const Task before = find_task(request.principal, id);
    const Time now = this->now();
    update = {};
    update.expected_version = before.updated_at;
    update.task = before;
    TaskSpec& spec = update.task.spec;
    spec = change.apply(before);
    if (spec.schedule_type == ScheduleType::cron) {
      if (spec.cron_expression != before.spec.cron_expression || spec.timezone != before.spec.timezone ||
          spec.enabled != before.spec.enabled) {
        update.pending = PendingChange::forget;
        update.task.next_run_at = next_run(spec, now);
      }
    } else if (change.moves_due_time) {
      if (change.delay) spec.scheduled_at = due_after(now, *change.delay);
      if (spec.scheduled_at != before.spec.scheduled_at) {
        update.pending = PendingChange::move;
        update.move_to = spec.scheduled_at.value();
        update.task.next_run_at = spec.scheduled_at;
      }
    }
    if (spec != before.spec) update.task.updated_at = std::max(now, before.updated_at + microseconds{1});
    reply = render(update.task);
    if (spec == before.spec && !request.idempotency) return TaskWriteOutcome{};
    const TaskWrite write{before.organization_id, id, parts_->lease.node(), now, sending, record(request, now, reply)};
    return parts_->storage.tasks().update(write, update);
  });
  if (!done.replayed && update.pending == PendingChange::move) parts_->dispatcher.wake(update.move_to);
  if (!done.replayed && update.pending == PendingChange::forget && update.task.next_run_at) {
    parts_->cron.wake(*update.task.next_run_at);
  }
  return done;
}

Reply TaskEngine::delete_task(const Request& request, TaskId id, const StoredReply& reply) {
  parts_->refuse_when_draining();
  StoredReply content = reply;
  return parts_->change(request.principal, id, content, [&](std::span<const ExecutionId> sending) {
    const Time now = this->now();
    return parts_->storage.tasks().remove(
        {request.principal.organization_id, id, parts_->lease.node(), now, sending, record(request, now, reply)});
  });
}

Reply TaskEngine::delete_queue(const Request& request, std::string_view queue, const Render<std::size_t>& render) {
  parts_->refuse_when_draining();
  StoredReply content;
  return parts_->change(request.principal, std::nullopt, content, [&](std::span<const ExecutionId> sending) {
    const Time now = this->now();
    return parts_->storage.tasks().remove_queue(
        {request.principal.organization_id, {}, parts_->lease.node(), now, sending, record(request, now, {})}, queue,
        [&](std::size_t count) { return content = render(count); });
  });
}

Reply TaskEngine::trigger_task(const Request& request, TaskId id, const Render<StartedRun>& render) {
  parts_->refuse_when_draining();
  const Time now = this->now();
  const auto execution = parts_->ids.next<ExecutionId>(now);
  const Time due = std::chrono::floor<milliseconds>(now);
  StoredReply reply = render({execution, due});
  const auto outcome = parts_->storage.tasks().add_run(
      {request.principal.organization_id, id, parts_->lease.node(), now, {}, record(request, now, reply)},
      {execution, execution, 1, due});
  if (outcome.result == WriteResult::replayed) return {outcome.replay.value(), true};
  if (outcome.result == WriteResult::key_reused) throw KeyReused();
  if (outcome.result != WriteResult::applied) throw NotFound();
  parts_->dispatcher.wake(due);
  return {std::move(reply), false};
}

// ---- executions

ExecutionDetail TaskEngine::find_execution(const Principal& principal, ExecutionId id) {
  auto found = parts_->storage.tasks().find_execution(principal.organization_id, id);
  if (!found) throw NotFound();
  show_claim(found->execution);
  return std::move(*found);
}

Page<Execution> TaskEngine::list_executions(ExecutionQuery query) {
  query.now = now();
  if (query.task_id && !parts_->storage.tasks().find(query.organization_id, *query.task_id)) throw NotFound();
  auto page = parts_->storage.tasks().list_executions(query);
  for (auto& execution : page.items) show_claim(execution);
  return page;
}

// A claimed execution that waits for its time is pending to everybody but us; one that is sent has begun when it was sent,
// which of another server's is known when it has been asked.
void TaskEngine::show_claim(Execution& execution) {
  if (execution.status != ExecutionStatus::running) return;
  if (const auto sent_at = parts_->held.sent_at(execution.id)) execution.started_at = sent_at;
  if (!execution.started_at && execution.scheduled_for > now()) execution.status = ExecutionStatus::pending;
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
