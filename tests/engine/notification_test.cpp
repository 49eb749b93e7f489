// Notices: from what has happened to the channel that is told of it.
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "engine/engine_fixture.hpp"
#include "engine/faulty_storage.hpp"
#include "engine/notifications.hpp"
#include "punctual/channels.hpp"
#include "support/fake_notifiers.hpp"

using namespace punctual;
using namespace punctual::testing;
using namespace std::chrono_literals;
using Kind = NotifierOutcome::Kind;

namespace {

// A server that tells channels through notifiers of the test.
class NotifyingServer {
 public:
  NotifyingServer(StoreUnderTest& store, FakeClock& clock, TestHost& host, EngineSettings settings = {})
      : storage_(store.open()), faulty_(*storage_), transport_(clock), transports_{&transport_} {
    storage_->maintenance().migrate();
    settings.public_url = "https://punctual.example/";
    settings.host_limits = false;  // targets fail here as the test wants it
    engine_.emplace(faulty_, transports_, notifiers_, clock, host, on_time_of_test(settings));
    engine_->start();
  }

  TaskEngine& engine() { return *engine_; }
  FakeTransport& transport() { return transport_; }
  FakeNotifiers& notifiers() { return notifiers_; }
  FaultyStorage& storage() { return faulty_; }

 private:
  PluginInstance<Storage> storage_;
  FaultyStorage faulty_;
  FakeTransport transport_;
  std::vector<Transport*> transports_;
  FakeNotifiers notifiers_;
  std::optional<TaskEngine> engine_;
};

struct NotificationFixture : EngineFixture {
  NotificationFixture() { principal.organization_name = "acme"; }

  Channel add_channel(NotifyingServer& server, const std::string& name = "ops", NoticeEvents events = {}) const {
    ChannelSpec spec;
    spec.name = name;
    spec.plugin = "notifier-fake";
    spec.events = events;
    Channel made;
    (void)server.engine().create_channel(request(), spec, [&](const Channel& channel) {
      made = channel;
      return StoredReply{201, ""};
    });
    return made;
  }

  CreatedTask create_task(NotifyingServer& server, NewTask draft) const {
    CreatedTask made;
    (void)server.engine().create_task(request(), std::move(draft), [&](const CreatedTask& created) {
      made = created;
      return StoredReply{202, ""};
    });
    return made;
  }

  CreatedTask create_failing(NotifyingServer& server, const std::string& name = "nightly") const {
    NewTask draft = task();
    draft.spec.name = name;
    draft.spec.retry_attempts = 0;
    server.transport().answer_next(server.transport().response(500));
    return create_task(server, draft);
  }

  void run_again(NotifyingServer& server, TaskId id, int status) {
    clock.advance(1ms);
    server.transport().answer_next(server.transport().response(status));
    StartedRun started;
    (void)server.engine().trigger_task(request(), id, [&](const StartedRun& one) {
      started = one;
      return StoredReply{202, ""};
    });
    REQUIRE(eventually([&] {
      return server.engine().find_execution(principal, started.execution_id).execution.finished_at.has_value();
    }));
  }

  std::vector<NoticeRecord> notices(NotifyingServer& server, const Channel& channel) const {
    NoticeQuery query;
    query.organization_id = principal.organization_id;
    query.channel_id = channel.id;
    query.limit = 100;
    return server.engine().list_notices(query).items;
  }

  [[nodiscard]] bool counts(const std::string& line) {
    return eventually([&] { return host.metrics().text().find("\n" + line + "\n") != std::string::npos; });
  }

  // Long enough for something to be told, if it were.
  static void give_time() { std::this_thread::sleep_for(50ms); }

  // By larger steps, as a window of the throttle is a minute.
  template <class Condition>
  [[nodiscard]] bool comes_true_in_time(Condition condition) {
    return EngineFixture::comes_true_in_time(condition, milliseconds{200});
  }
};

}  // namespace

TEST_CASE_METHOD(NotificationFixture, "a channel is told when a task fails, with all that there is to say") {
  NotifyingServer server(store, clock, host);
  (void)add_channel(server);
  const auto made = create_failing(server);
  REQUIRE(server.notifiers().wait_told(1));
  const auto told = server.notifiers().told().at(0);
  CHECK(told.channel.name == "ops");
  const NotifierEvent& event = told.event;
  CHECK(event.kind == "task.failed");
  CHECK(event.organization == "acme");
  CHECK(event.channel == "ops");
  CHECK(event.task_id == made.task.id.text());
  CHECK(event.task_name == "nightly");
  CHECK(event.task_url == "http://target.example/hook");
  CHECK(event.task_method == "POST");
  CHECK(event.execution_id == made.execution_id->text());
  CHECK(event.execution_status == "failed");
  CHECK(event.status_code == 500);
  CHECK(event.attempt == 1);
  CHECK(event.message == "\"nightly\" has failed: HTTP 500");
  CHECK(event.link == "https://punctual.example/api/v1/executions/" + made.execution_id->text());
  CHECK(event.since_ms == std::chrono::duration_cast<milliseconds>(test_start.time_since_epoch()).count());
  CHECK(boost::json::parse(event.json).at("execution").at("error_message") == "HTTP 500");
  CHECK(counts("punctual_notices_total{result=\"delivered\"} 1"));
}

TEST_CASE_METHOD(NotificationFixture, "a task that fails again and again is told of once, and once when it recovers") {
  NotifyingServer server(store, clock, host);
  const auto channel = add_channel(server);
  const auto made = create_failing(server);
  for (const int status : {500, 500, 200, 200, 500}) run_again(server, made.task.id, status);
  // Those of one channel are told one after another, so that time must go on between them.
  REQUIRE(comes_true_in_time([&] { return server.notifiers().told().size() >= 3; }));
  REQUIRE(comes_true_in_time([&] { return notices(server, channel).empty(); }));
  std::vector<std::string> kinds;
  for (const auto& told : server.notifiers().told()) kinds.push_back(told.event.kind);
  CHECK(kinds == std::vector<std::string>{"task.failed", "task.recovered", "task.failed"});
}

TEST_CASE_METHOD(NotificationFixture, "a task that will be tried again has not failed") {
  EngineSettings settings;
  settings.retry_jitter_percent = 0;
  NotifyingServer server(store, clock, host, settings);
  (void)add_channel(server);
  NewTask draft = task();
  draft.spec.retry_attempts = 1;
  server.transport().answer_next(server.transport().response(500));
  const auto made = create_task(server, draft);
  REQUIRE(eventually(
      [&] { return server.engine().find_execution(principal, *made.execution_id).execution.finished_at.has_value(); }));
  clock.advance(1s);
  give_time();
  CHECK(server.notifiers().told().empty());
  server.transport().answer_next(server.transport().response(500));
  REQUIRE(comes_true_in_time([&] { return !server.notifiers().told().empty(); }));
  CHECK(server.notifiers().told().at(0).event.attempt == 2);
}

TEST_CASE_METHOD(NotificationFixture, "a task and its organisation decide whether channels are told") {
  NotifyingServer server(store, clock, host);
  const auto channel = add_channel(server);
  NewTask quiet = task();
  quiet.spec.retry_attempts = 0;
  quiet.spec.notify_on_failure = false;
  server.transport().answer_next(server.transport().response(500));
  (void)create_task(server, quiet);
  (void)server.storage().directory().change_organization(principal.organization_id,
                                                         [](Organization& organization) -> std::optional<AuditEntry> {
                                                           organization.notify_on_failure = false;
                                                           return std::nullopt;
                                                         });
  (void)create_failing(server, "as the organisation says");
  NewTask loud = task();
  loud.spec.name = "loud";
  loud.spec.retry_attempts = 0;
  loud.spec.notify_on_failure = true;
  server.transport().answer_next(server.transport().response(500));
  (void)create_task(server, loud);
  REQUIRE(comes_true_in_time([&] { return !server.notifiers().told().empty(); }));
  REQUIRE(comes_true_in_time([&] { return notices(server, channel).empty(); }));
  REQUIRE(server.notifiers().told().size() == 1);
  CHECK(server.notifiers().told().at(0).event.task_name == "loud");
}

TEST_CASE_METHOD(NotificationFixture, "a channel is told of the events it wants") {
  NotifyingServer server(store, clock, host);
  (void)add_channel(server, "recoveries", {NoticeEvents::bit(NoticeEvent::task_recovered)});
  const auto made = create_failing(server);
  run_again(server, made.task.id, 200);
  REQUIRE(comes_true_in_time([&] { return !server.notifiers().told().empty(); }));
  give_time();
  REQUIRE(server.notifiers().told().size() == 1);
  CHECK(server.notifiers().told().at(0).event.kind == "task.recovered");
}

TEST_CASE_METHOD(NotificationFixture, "a task whose target is gone is told of as disabled") {
  NotifyingServer server(store, clock, host);
  (void)add_channel(server, "ops", {NoticeEvents::bit(NoticeEvent::task_disabled)});
  server.transport().answer_next(server.transport().response(410));
  (void)create_task(server, task());
  REQUIRE(comes_true_in_time([&] { return !server.notifiers().told().empty(); }));
  CHECK(server.notifiers().told().at(0).event.kind == "task.disabled");
  CHECK(server.notifiers().told().at(0).event.detail == "The target answered 410 Gone");
}

TEST_CASE_METHOD(NotificationFixture, "many failures at once are told of in one summary") {
  NotifyingServer server(store, clock, host);
  server.notifiers().set_room(0);
  const auto channel = add_channel(server);
  for (int i = 0; i < 50; ++i) (void)create_failing(server, "task " + std::to_string(i));
  REQUIRE(eventually([&] { return notices(server, channel).size() == 50; }));
  server.notifiers().set_room(4);
  REQUIRE(comes_true_in_time([&] { return notices(server, channel).empty(); }));
  const auto told = server.notifiers().told();
  REQUIRE(told.size() == 1);
  CHECK(told[0].event.kind == "summary");
  CHECK(told[0].event.count == 50);
  CHECK(told[0].event.message == "50 events: 50 task.failed");
  CHECK(boost::json::parse(told[0].event.json).at("events").as_array().size() == 50);
}

TEST_CASE_METHOD(NotificationFixture,
                 "a summary that comes again with more in it has another id, its events have theirs") {
  NotifyingServer server(store, clock, host);
  server.notifiers().answer_with(std::nullopt);
  const auto channel = add_channel(server);
  server.notifiers().set_room(0);
  for (int i = 0; i < 12; ++i) (void)create_failing(server, "task " + std::to_string(i));
  REQUIRE(eventually([&] { return notices(server, channel).size() == 12; }));
  server.notifiers().set_room(4);
  REQUIRE(comes_true_in_time([&] { return !server.notifiers().told().empty(); }));
  server.notifiers().finish_all(Kind::retry_later);
  for (int i = 0; i < 3; ++i) (void)create_failing(server, "later " + std::to_string(i));
  REQUIRE(comes_true_in_time([&] { return server.notifiers().told().size() == 2; }));
  const auto told = server.notifiers().told();
  CHECK(told[0].event.id != told[1].event.id);
  const auto ids_of = [](const NotifierEvent& event) {
    std::set<std::string> out;
    const auto json = boost::json::parse(event.json);
    for (const auto& one : json.at("events").as_array()) out.emplace(one.at("id").as_string());
    return out;
  };
  const auto first = ids_of(told[0].event);
  const auto second = ids_of(told[1].event);
  CHECK(first.size() == 12);
  CHECK(second.size() == 15);
  CHECK(std::includes(second.begin(), second.end(), first.begin(), first.end()));
}

// ---- Channels that fail.

TEST_CASE_METHOD(NotificationFixture, "a notice is told again under the same id, with growing waits, then given up") {
  NotifyingServer server(store, clock, host);
  server.notifiers().answer_with(Kind::retry_later);
  const auto channel = add_channel(server);
  (void)create_failing(server);
  std::size_t attempts = 1;
  REQUIRE(server.notifiers().wait_told(attempts));
  for (const seconds wait : Notifications::waits) {
    REQUIRE(counts("punctual_notices_total{result=\"retried\"} " + std::to_string(attempts)));
    REQUIRE(notices(server, channel).at(0).next_at == clock.now() + wait);
    // The channel is left alone for up to five minutes after its failures, too.
    clock.advance(wait + 5min);
    REQUIRE(server.notifiers().wait_told(++attempts));
  }
  REQUIRE(counts("punctual_notices_total{result=\"dead\"} 1"));
  std::set<std::string> ids;
  for (const auto& told : server.notifiers().told()) ids.insert(told.event.id);
  CHECK(ids.size() == 1);
  const auto record = notices(server, channel).at(0);
  CHECK(record.dead_at.has_value());
  CHECK(record.attempts == 8);
  CHECK(record.last_error == "told to");
  CHECK(host.logged("channel 'ops' of acme: 1 notice is given up"));
}

TEST_CASE_METHOD(NotificationFixture, "what was given up can be told again") {
  NotifyingServer server(store, clock, host);
  server.notifiers().answer_with(Kind::give_up);
  const auto channel = add_channel(server);
  (void)create_failing(server);
  REQUIRE(eventually([&] {
    const auto all = notices(server, channel);
    return all.size() == 1 && all[0].dead_at;
  }));
  server.notifiers().answer_with(Kind::delivered);
  std::size_t retried = 0;
  (void)server.engine().retry_notices(request(), channel.id, [&](std::size_t count) {
    retried = count;
    return StoredReply{202, ""};
  });
  CHECK(retried == 1);
  REQUIRE(comes_true_in_time([&] { return notices(server, channel).empty(); }));
  CHECK(server.notifiers().told().size() == 2);
}

TEST_CASE_METHOD(NotificationFixture, "a channel that fails three times in a row is left alone for half a minute") {
  NotifyingServer server(store, clock, host);
  server.notifiers().answer_with(Kind::retry_later);
  const auto channel = add_channel(server);
  for (int i = 0; i < 3; ++i) (void)create_failing(server, "task " + std::to_string(i));
  REQUIRE(comes_true_in_time([&] { return server.notifiers().told().size() >= 3; }));
  REQUIRE(counts("punctual_notices_total{result=\"retried\"} 3"));
  server.notifiers().answer_with(Kind::delivered);
  // The clock may have gone on since the third failure, and so far between two of them that it was the second of one notice.
  const auto failed = notices(server, channel);
  REQUIRE(failed.size() == 3);
  Time closed;
  for (const NoticeRecord& one : failed) {
    if (one.attempts == 0) continue;
    closed =
        std::max(closed, one.next_at.value() - Notifications::waits.at(static_cast<std::size_t>(one.attempts - 1)));
  }
  REQUIRE(comes_true_in_time([&] { return notices(server, channel).empty(); }));
  CHECK(clock.now() >= closed + 30s);
}

TEST_CASE_METHOD(NotificationFixture, "a channel that fails by timing out, seconds apart, is left alone as well") {
  NotifyingServer server(store, clock, host);
  server.notifiers().answer_with(std::nullopt);
  (void)add_channel(server);
  for (int i = 0; i < 3; ++i) (void)create_failing(server, "task " + std::to_string(i));
  for (std::size_t told = 1; told <= 3; ++told) {
    REQUIRE(server.notifiers().wait_told(told));
    CHECK(counts("punctual_notice_circuits_open 0"));
    // Longer than it takes until the server looks around.
    clock.advance(11s);
    server.notifiers().finish_all(Kind::retry_later);
    REQUIRE(counts("punctual_notices_total{result=\"retried\"} " + std::to_string(told)));
  }
  CHECK(counts("punctual_notice_circuits_open 1"));
}

TEST_CASE_METHOD(NotificationFixture, "channels that never answer delay no task") {
  NotifyingServer server(store, clock, host);
  server.notifiers().answer_with(std::nullopt);
  server.transport().answer_with(200);
  for (int i = 0; i < 6; ++i) (void)add_channel(server, "channel " + std::to_string(i));
  (void)create_failing(server);
  REQUIRE(server.notifiers().wait_told(4));
  std::vector<CreatedTask> made;
  for (int i = 0; i < 100; ++i) made.push_back(create_task(server, task()));
  for (const auto& one : made) {
    CHECK(eventually([&] {
      return server.engine().find_execution(principal, *one.execution_id).execution.status == ExecutionStatus::success;
    }));
  }
  // No more is claimed than there is room for.
  CHECK(server.notifiers().told().size() == 4);
}

TEST_CASE_METHOD(NotificationFixture, "what was being told at a shutdown is told by the next server") {
  {
    NotifyingServer server(store, clock, host);
    server.notifiers().answer_with(std::nullopt);
    (void)add_channel(server);
    (void)create_failing(server);
    REQUIRE(server.notifiers().wait_told(1));
  }
  NotifyingServer next(store, clock, host);
  REQUIRE(next.notifiers().wait_told(1));
  CHECK(next.notifiers().told().at(0).event.task_name == "nightly");
}

TEST_CASE_METHOD(NotificationFixture, "notifiers know of a shutdown before their requests are refused") {
  bool refused_before = true;
  {
    NotifyingServer server(store, clock, host);
    server.notifiers().on_stop([&] { refused_before = server.transport().is_drained(); });
  }
  CHECK_FALSE(refused_before);
}

TEST_CASE_METHOD(NotificationFixture, "what came of a notice is stored when storage is back") {
  NotifyingServer server(store, clock, host);
  const auto channel = add_channel(server);
  server.storage().faulty_channels().fail_settle(3);
  (void)create_failing(server);
  REQUIRE(server.notifiers().wait_told(1));
  REQUIRE(comes_true_in_time([&] { return notices(server, channel).empty(); }));
  CHECK(server.notifiers().told().size() == 1);
}

TEST_CASE_METHOD(NotificationFixture, "a claim of notices whose answer was lost is given back and told") {
  NotifyingServer server(store, clock, host);
  const auto channel = add_channel(server);
  server.storage().faulty_channels().lose_claim_answers(1);
  (void)create_failing(server);
  REQUIRE(comes_true_in_time([&] { return !server.notifiers().told().empty(); }));
  REQUIRE(comes_true_in_time([&] { return notices(server, channel).empty(); }));
  CHECK(server.notifiers().told().size() == 1);
  CHECK(host.logged("returned 1 notices of unclear commits"));
}

TEST_CASE_METHOD(NotificationFixture,
                 "what waits for a plugin that is not loaded is told of once and given up in the end") {
  NotifyingServer server(store, clock, host);
  Channel channel;
  channel.id.value.bytes[0] = 9;
  channel.organization_id = principal.organization_id;
  channel.name = "left";
  channel.plugin = "notifier-gone";
  channel.inserted_at = channel.updated_at = clock.now();
  REQUIRE(server.storage().channels().create({principal.organization_id, clock.now(), {}, nullptr}, channel).result ==
          WriteResult::applied);
  (void)create_failing(server);
  REQUIRE(eventually([&] { return notices(server, channel).size() == 1; }));
  const std::string warning = "notices wait for channels of 'notifier-gone'";
  REQUIRE(comes_true_in_time([&] { return host.logged(warning); }));
  clock.advance(Notifications::patience_without_plugin - 24h);
  // Whatever is told now comes after a look.
  (void)add_channel(server);
  (void)create_failing(server, "another");
  REQUIRE(comes_true_in_time([&] { return server.notifiers().told().size() == 1; }));
  REQUIRE(notices(server, channel).size() == 2);
  for (const NoticeRecord& one : notices(server, channel)) CHECK_FALSE(one.dead_at);
  clock.advance(24h);
  REQUIRE(comes_true_in_time([&] { return notices(server, channel).back().dead_at.has_value(); }));
  CHECK(notices(server, channel).back().last_error == "the plugin 'notifier-gone' is not loaded");
  CHECK_FALSE(notices(server, channel).front().dead_at);
  CHECK(counts("punctual_notices_total{result=\"dead\"} 1"));
  CHECK(host.logged("1 notice of channels of 'notifier-gone' given up: the plugin is not loaded"));
  CHECK(host.times_logged(warning) == 1);
}

// ---- Channels as clients see them.

TEST_CASE_METHOD(NotificationFixture, "a test event tells what comes of it and leaves nothing behind") {
  NotifyingServer server(store, clock, host);
  const auto channel = add_channel(server);
  CHECK(server.engine().test_channel(principal, channel.id).kind == Kind::delivered);
  CHECK(server.notifiers().told().at(0).event.kind == "test");
  server.notifiers().answer_with(Kind::give_up);
  const auto outcome = server.engine().test_channel(principal, channel.id);
  CHECK(outcome.kind == Kind::give_up);
  CHECK(outcome.error == "told to");
  CHECK(notices(server, channel).empty());
}

TEST_CASE_METHOD(NotificationFixture, "a channel that was changed or deleted is told accordingly") {
  NotifyingServer server(store, clock, host);
  server.notifiers().set_room(0);
  const auto first = add_channel(server, "first");
  const auto second = add_channel(server, "second");
  (void)create_failing(server);
  REQUIRE(eventually([&] { return notices(server, first).size() == 1 && notices(server, second).size() == 1; }));
  (void)server.engine().update_channel(
      request(), first.id,
      [](const Channel& channel) {
        return ChannelSpec{"renamed", channel.plugin, channel.settings, channel.events, channel.enabled};
      },
      [](const Channel&) {
        return StoredReply{200, ""};
      });
  (void)server.engine().delete_channel(request(), second.id, {204, ""});
  server.notifiers().set_room(4);
  REQUIRE(comes_true_in_time([&] { return !server.notifiers().told().empty(); }));
  give_time();
  REQUIRE(server.notifiers().told().size() == 1);
  CHECK(server.notifiers().told().at(0).channel.name == "renamed");
  CHECK_THROWS_AS(notices(server, second), NotFound);
}

TEST_CASE_METHOD(NotificationFixture, "channels of others, unknown plugins and names in use are refused") {
  NotifyingServer server(store, clock, host);
  const auto channel = add_channel(server);
  CHECK_THROWS_AS(add_channel(server), Invalid);
  ChannelSpec unknown;
  unknown.name = "x";
  unknown.plugin = "notifier-nobody";
  CHECK_THROWS_AS(server.engine().create_channel(request(), unknown, [](const Channel&) { return StoredReply{}; }),
                  Invalid);
  Principal stranger = principal;
  stranger.organization_id.value.bytes[0] = 2;
  CHECK_THROWS_AS(server.engine().find_channel(stranger, channel.id), NotFound);
  CHECK_THROWS_AS(server.engine().test_channel(stranger, channel.id), NotFound);
}

// ---- Several servers.

TEST_CASE_METHOD(NotificationFixture, "four servers tell each failure once, in no more messages than a channel takes",
                 "[several-servers]") {
  if (!store.allows_several_servers()) return;
  std::vector<std::unique_ptr<NotifyingServer>> servers;
  for (int i = 0; i < 4; ++i) servers.push_back(std::make_unique<NotifyingServer>(store, clock, host));
  const auto channel = add_channel(*servers[0]);
  std::vector<std::thread> clients;
  for (auto& server : servers) {
    clients.emplace_back([&] {
      for (int i = 0; i < 25; ++i) (void)create_failing(*server, "task");
    });
  }
  for (auto& client : clients) client.join();
  REQUIRE(comes_true_in_time([&] {
    std::int64_t told = 0;
    for (auto& server : servers) {
      for (const auto& one : server->notifiers().told()) told += one.event.count;
    }
    return told >= 100 && notices(*servers[0], channel).empty();
  }));
  std::map<std::string, int> times;
  std::size_t messages = 0;
  for (auto& server : servers) {
    for (const auto& one : server->notifiers().told()) {
      ++messages;
      const auto json = boost::json::parse(one.event.json);
      const auto* events = json.as_object().if_contains("events");
      if (events == nullptr) ++times[one.event.execution_id];
      for (const auto& event : events == nullptr ? boost::json::array() : events->as_array()) {
        ++times[std::string(event.at("execution").at("id").as_string())];
      }
    }
  }
  CHECK(times.size() == 100);
  CHECK(std::all_of(times.begin(), times.end(), [](const auto& entry) { return entry.second == 1; }));
  CHECK(messages <= 2 * notice_throttle::most_in_a_window);
}

TEST_CASE_METHOD(NotificationFixture, "what a dead server was telling is told by another", "[several-servers]") {
  if (!store.allows_several_servers()) return;
  NotifyingServer dying(store, clock, host);
  dying.notifiers().answer_with(std::nullopt);
  (void)add_channel(dying);
  (void)create_failing(dying);
  REQUIRE(dying.notifiers().wait_told(1));
  NotifyingServer other(store, clock, host);
  dying.storage().fail_heartbeats(true);
  REQUIRE(comes_true_in_time([&] { return !other.notifiers().told().empty(); }));
  CHECK(other.notifiers().told().at(0).event.id == dying.notifiers().told().at(0).event.id);
}
