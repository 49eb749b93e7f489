// What the engine is made of, for the files that implement it: task_engine.cpp (its life) and the …_requests.cpp (what a
// frontend asks for).
#pragma once

#include <atomic>
#include <chrono>
#include <thread>
#include <utility>

#include "engine/courier.hpp"
#include "engine/cron_materializer.hpp"
#include "engine/database_clock.hpp"
#include "engine/dispatcher.hpp"
#include "engine/held_claims.hpp"
#include "engine/host_limits.hpp"
#include "engine/housekeeping.hpp"
#include "engine/intake.hpp"
#include "engine/lease_keeper.hpp"
#include "engine/notifications.hpp"
#include "engine/sender.hpp"
#include "engine/settler.hpp"
#include "engine/task_engine.hpp"
#include "identity/id_generator.hpp"
#include "identity/key_cache.hpp"

namespace punctual {

// What is stored with a write for its idempotency key; nothing when the request has none.
[[nodiscard]] inline std::optional<IdempotencyRecord> idempotency_record(const Request& request, Time now,
                                                                         StoredReply reply) {
  if (!request.idempotency) return std::nullopt;
  return IdempotencyRecord{request.idempotency->key, request.idempotency->request, now, std::move(reply)};
}

// What the same request was answered before, where `outcome` is that of a write; throws KeyReused. Nothing: neither.
template <class Outcome>
[[nodiscard]] std::optional<Reply> answered_before(Outcome& outcome) {
  if (outcome.result == WriteResult::key_reused) throw KeyReused();
  if (outcome.result != WriteResult::replayed) return std::nullopt;
  return Reply{std::move(outcome.replay.value()), true};
}

// What a new task's first execution needs to be sent, from what is in memory already.
[[nodiscard]] Claimed claimed_at_insert(NewWork&& work, const Principal& principal);

// Declared in the order in which work passes through them; what is used by an earlier one is bound by a callback.
struct TaskEngine::Parts {
  Storage& storage;
  std::vector<Transport*> transports;
  Notifiers& notifiers;
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
  HostLimits hosts;
  Sender sender;
  Settler settler;
  Courier courier;
  Notifications notifications;
  CronMaterializer cron;
  LeaseKeeper keeper;
  Housekeeping housekeeping;
  std::atomic<bool> draining{false};
  bool started = false;
  std::atomic<Time> offered_at{Time{}};

  static constexpr seconds patience_with_others{5};

  Parts(Storage& the_storage, std::span<Transport* const> the_transports, Notifiers& the_notifiers, Clock& the_clock,
        Host& the_host, const EngineSettings& the_settings)
      : storage(the_storage),
        transports(the_transports.begin(), the_transports.end()),
        notifiers(the_notifiers),
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
        hosts(storage.hosts(), storage.signals(), clock, host, metrics, settings,
              {[this](std::shared_ptr<Claimed> claimed) { sender.send_at_last(std::move(claimed)); },
               [this](const std::vector<ClaimRef>& claims, bool made_room) {
                 after_settling({claims, made_room ? std::optional(clock.now()) : std::nullopt});
               },
               [this](Time due) { after_letting_go(due); }}),
        sender(transports, clock, metrics, held, hosts, settings.compat_headers,
               [this](Ended ended) { settler.finish(std::move(ended)); }),
        settler(
            storage.work(), clock, host, ids, metrics, settings,
            [this](const Claimed& claimed, const Verdict& verdict, Time at) { hosts.observe(claimed, verdict, at); },
            [this](const Settler::Settled& settled) { after_settling(settled); }),
        courier(storage.outbox(), lease, sender, clock, host, ids, metrics, settings),
        notifications(storage.channels(), notifiers, lease, clock, host, ids, metrics, settings),
        cron(storage.schedules(), clock, host, ids, metrics, settings, [this](Time due) { dispatcher.wake(due); }),
        keeper(
            storage.leases(), storage.work(), lease, clock, host, ids, metrics, settings, held,
            [this] { look_for_work(); }, [this] { abort_cancelled(); }),
        housekeeping(storage, keys, held, clock, host, metrics, settings) {}

  // Something may have become claimable that others had claimed.
  void look_for_work() {
    dispatcher.wake(clock.now());
    courier.wake(clock.now());
    notifications.wake(clock.now());
  }

  void after_settling(const Settler::Settled& settled) {
    held.settled(settled.claims);
    if (settled.told) courier.wake(clock.now());
    if (settled.failed) notifications.wake(clock.now());
    if (!dispatcher.keeps_up()) {
      dispatcher.wake(clock.now());
    } else if (settled.next_due) {
      dispatcher.wake(*settled.next_due);
    }
  }

  // What was held for a host, due at `due` at the earliest, may be claimed.
  void after_letting_go(Time due) {
    dispatcher.wake(due);
    if (!dispatcher.keeps_up()) offer_to_others(due);
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
    if (!has_come(last + milliseconds{50}, now, milliseconds{50}) || !offered_at.compare_exchange_strong(last, now))
      return;
    storage.signals().send({Signal::Kind::due, due, {}, std::nullopt});
  }

  // Ends an execution that a client has cancelled, if it is this server that sends it.
  void abort(ExecutionId id) {
    if (!held.cancel(id)) return;
    for (Transport* transport : transports) transport->cancel(id);
  }

  // Those of which another server's word was lost.
  void abort_cancelled() {
    for (const ExecutionId id : storage.execution_changes().cancelled_claims(lease.node())) abort(id);
  }

  // What another server says.
  void on_signal(const Signal& signal) {
    if (signal.kind == Signal::Kind::due) {
      dispatcher.wake(signal.due);
      return;
    }
    if (signal.kind == Signal::Kind::cancel) {
      abort(signal.execution_id);
      return;
    }
    if (signal.kind == Signal::Kind::hosts) {
      hosts.look();
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
    return change(principal, task, reply, write, [&] { recall(principal.organization_id, task); });
  }

  // The same, where `ask` asks other servers to give back what they have claimed or to say that it is being sent.
  template <class Write, class Ask>
  Reply change(const Principal& principal, std::optional<TaskId> task, StoredReply& reply, Write write, Ask ask) {
    const auto give_up = std::chrono::steady_clock::now() + patience_with_others;
    milliseconds wait{5};
    for (int attempt = 1;; ++attempt) {
      if (auto done = change_once(principal, task, reply, write, attempt)) return *std::move(done);
      if (std::chrono::steady_clock::now() >= give_up) {
        throw Unavailable("Another server has claimed the task and does not answer", seconds{10});
      }
      ask();
      std::this_thread::sleep_for(wait);
      wait = std::min(2 * wait, milliseconds{100});
    }
  }

  void recall(OrganizationId organization, std::optional<TaskId> task) {
    storage.signals().send({Signal::Kind::recall, {}, organization, task});
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
          // What waited behind it in a line may be the head now.
          dispatcher.wake(clock.now());
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
        case WriteResult::limit_exceeded:
          throw LimitExceeded("A limit of the organisation is reached");
      }
    }
  }
};

}  // namespace punctual
