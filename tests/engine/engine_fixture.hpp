// An engine on a real storage plugin, with time and the network in the test's hands.
#pragma once

#include <functional>
#include <optional>

#include "engine/task_engine.hpp"
#include "support/eventually.hpp"
#include "support/fake_clock.hpp"
#include "support/fake_transport.hpp"
#include "support/store_under_test.hpp"

namespace punctual::testing {

inline const Time test_start = Time{std::chrono::sys_days{std::chrono::year{2026} / 3 / 1}} + std::chrono::hours{10};

// A database knows nothing of the time of a test.
inline EngineSettings on_time_of_test(EngineSettings settings) {
  settings.max_clock_offset = milliseconds{0};
  return settings;
}

// One server: storage opened, engine started. Destroyed without stop(), it stops as if asked to.
class Server {
 public:
  // `prepare` is called before anything can be sent.
  Server(StoreUnderTest& store, FakeClock& clock, TestHost& host, EngineSettings settings = {},
         const std::function<void(FakeTransport&)>& prepare = {})
      : storage_(store.open()), transport_(clock), transports_{&transport_} {
    if (prepare) prepare(transport_);
    storage_->maintenance().migrate();
    engine_.emplace(*storage_, transports_, clock, host, on_time_of_test(settings));
    engine_->start();
  }

  TaskEngine& engine() { return *engine_; }
  FakeTransport& transport() { return transport_; }
  Storage& storage() { return *storage_; }

 private:
  PluginInstance<Storage> storage_;
  FakeTransport transport_;
  std::vector<Transport*> transports_;
  std::optional<TaskEngine> engine_;
};

struct EngineFixture {
  FakeClock clock{test_start};
  TestHost host{clock};
  StoreUnderTest store{host, [](Storage& storage) {
                         storage.maintenance().migrate();
                         storage.directory().create_organization(organization());
                       }};
  Principal principal;

  EngineFixture() {
    principal.organization_id = organization().id;
    principal.signing_secrets = organization().signing_secrets;
  }

  static Organization organization() {
    Organization out;
    out.id.value.bytes[0] = 1;
    out.name = "acme";
    out.signing_secrets = {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"};
    out.inserted_at = test_start;
    return out;
  }

  Request request() const { return {principal, std::nullopt}; }

  static NewTask task(std::optional<seconds> delay = std::nullopt) {
    NewTask out;
    out.spec.url = "http://target.example/hook";
    out.spec.body = "{}";
    out.delay = delay;
    return out;
  }

  static NewTask cron_task(const std::string& expression) {
    NewTask out = task();
    out.spec.schedule_type = ScheduleType::cron;
    out.spec.cron_expression = expression;
    out.spec.retry_attempts = 0;
    return out;
  }

  CreatedTask create(Server& server, NewTask draft) const {
    CreatedTask made;
    (void)server.engine().create_task(request(), std::move(draft), [&](const CreatedTask& created) {
      made = created;
      return StoredReply{202, ""};
    });
    return made;
  }

  Reply edit(Server& server, TaskId id, std::function<void(TaskSpec&)> apply, bool moves = false) const {
    TaskChange change;
    change.apply = [&](const Task& before) {
      TaskSpec spec = before.spec;
      apply(spec);
      return spec;
    };
    change.moves_due_time = moves;
    return server.engine().update_task(request(), id, change, [](const Task&) { return StoredReply{200, ""}; });
  }

  std::vector<Execution> executions(Server& server, std::optional<TaskId> task = std::nullopt) const {
    ExecutionQuery query;
    query.organization_id = principal.organization_id;
    query.task_id = task;
    query.limit = 100;
    return server.engine().list_executions(query).items;
  }

  ExecutionStatus status(Server& server, ExecutionId id) const {
    return server.engine().find_execution(principal, id).execution.status;
  }

  // As reaches, while the clock goes on by small steps and never ahead of the heartbeats, so that nothing looks silent which
  // is not, however slow the machine.
  [[nodiscard]] bool reaches_in_time(Server& server, ExecutionId id, ExecutionStatus wanted) {
    return comes_true_in_time([&] { return status(server, id) == wanted; });
  }

  // The same for a condition of any kind.
  template <class Condition>
  [[nodiscard]] bool comes_true_in_time(Condition condition, milliseconds step = milliseconds{20}) {
    std::string beats;
    Time beat_at = clock.now();
    return eventually(
        [&] {
          if (auto now = heartbeats(); now != beats) {
            beats = std::move(now);
            beat_at = clock.now();
          }
          if (clock.now() - beat_at < milliseconds{1500}) clock.advance(step);
          return condition();
        },
        seconds{60});
  }

  // The line of the metrics that counts those of all servers here.
  [[nodiscard]] std::string heartbeats() {
    const std::string text = host.metrics().text();
    const auto begin = text.find("\npunctual_heartbeats_total ");
    return text.substr(begin, text.find('\n', begin + 1) - begin);
  }

  [[nodiscard]] bool reaches(Server& server, ExecutionId id, ExecutionStatus wanted) const {
    return eventually([&] { return status(server, id) == wanted; });
  }
};

}  // namespace punctual::testing
