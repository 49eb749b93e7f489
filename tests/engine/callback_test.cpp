// Callbacks, and the news that a task has failed or recovered: from a stored result to the receiver.
#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <catch2/catch.hpp>

#include "delivery/messages.hpp"
#include "engine/engine_fixture.hpp"
#include "engine/faulty_storage.hpp"
#include "punctual/execution_changes.hpp"

using namespace punctual;
using namespace punctual::testing;
using namespace std::chrono_literals;

namespace {

const std::string callback_url = "http://receiver.example/done";
const std::string failure_url = "http://receiver.example/failed";
const std::string recovery_url = "http://receiver.example/recovered";

std::vector<Delivery> sent_to(FakeTransport& transport, const std::string& url) {
  std::vector<Delivery> out;
  for (auto& delivery : transport.started()) {
    if (delivery.url == url) out.push_back(delivery);
  }
  return out;
}

std::optional<std::string> header(const Delivery& delivery, std::string_view name) {
  for (const auto& [key, value] : delivery.headers) {
    if (key == name) return value;
  }
  return std::nullopt;
}

struct CallbackFixture : EngineFixture {
  static NewTask task_with_callback(std::optional<seconds> delay = std::nullopt) {
    NewTask out = task(delay);
    out.spec.name = "report";
    out.spec.callback_url = callback_url;
    out.spec.retry_attempts = 0;
    return out;
  }

  [[nodiscard]] static bool wait_sent(FakeTransport& transport, const std::string& url, std::size_t count) {
    return eventually([&] { return sent_to(transport, url).size() >= count; });
  }

  // A line of the metrics, as "name{labels} value".
  [[nodiscard]] bool counts(const std::string& line) {
    return eventually([&] { return host.metrics().text().find("\n" + line + "\n") != std::string::npos; });
  }
  [[nodiscard]] bool outbox_is_empty(Storage& storage) {
    return eventually([&] { return storage.outbox().size(1) == 0; });
  }

  // Long enough for something to be sent, if it were.
  static void give_time() { std::this_thread::sleep_for(50ms); }
};

}  // namespace

TEST_CASE_METHOD(CallbackFixture, "a callback tells of an attempt, signed and under an id of its own") {
  Server server(store, clock, host);
  const auto made = create(server, task_with_callback());
  REQUIRE(wait_sent(server.transport(), callback_url, 1));
  const auto sent = sent_to(server.transport(), callback_url).at(0);
  const auto id = message_id(*made.execution_id, MessageEvent::execution_completed);
  CHECK(sent.method == Method::post);
  CHECK(sent.timeout == 10s);
  CHECK(header(sent, "webhook-id") == id.text());
  CHECK(header(sent, "webhook-signature").value_or("").starts_with("v1,"));
  CHECK(header(sent, "X-Runlater-Signature").value_or("").starts_with("sha256="));
  CHECK(header(sent, "Punctual-Task-Id") == made.task.id.text());
  CHECK(header(sent, "Content-Type") == "application/json");
  const auto execution = made.execution_id->text();
  const auto start = format_rfc3339(test_start);
  CHECK(sent.body == R"({"event":"execution.completed","final":true,"task_id":")" + made.task.id.text() +
                         R"(","execution_id":")" + execution + R"(","run_id":")" + execution +
                         R"(","status":"success","status_code":200,"duration_ms":3,"response_body":"",)" +
                         R"("error_message":null,"attempt":1,"scheduled_for":")" + start + R"(","started_at":")" +
                         start + R"(","finished_at":")" + start + "\"}");
  CHECK(outbox_is_empty(server.storage()));
  CHECK(counts("punctual_callbacks_total{result=\"delivered\"} 1"));
  give_time();
  CHECK(server.transport().started().size() == 2);
}

TEST_CASE_METHOD(CallbackFixture, "a task that was claimed ahead of its time has its callback as well") {
  Server server(store, clock, host);
  (void)create(server, task_with_callback(5s));
  clock.advance(6s);
  CHECK(wait_sent(server.transport(), callback_url, 1));
}

TEST_CASE_METHOD(CallbackFixture, "every attempt has its callback, of which the last one is final") {
  EngineSettings settings;
  settings.retry_jitter_percent = 0;
  Server server(store, clock, host, settings);
  server.transport().answer_next(server.transport().response(503));
  auto draft = task_with_callback();
  draft.spec.retry_attempts = 3;
  draft.spec.on_failure_url = failure_url;
  (void)create(server, draft);
  REQUIRE(wait_sent(server.transport(), callback_url, 1));
  clock.advance(16s);
  REQUIRE(wait_sent(server.transport(), callback_url, 2));
  const auto sent = sent_to(server.transport(), callback_url);
  CHECK(sent[0].body.find(R"("final":false)") != std::string::npos);
  CHECK(sent[0].body.find(R"("status":"failed")") != std::string::npos);
  CHECK(sent[0].body.find(R"("attempt":1)") != std::string::npos);
  CHECK(sent[1].body.find(R"("final":true)") != std::string::npos);
  CHECK(sent[1].body.find(R"("attempt":2)") != std::string::npos);
  CHECK(header(sent[0], "webhook-id") != header(sent[1], "webhook-id"));
  CHECK(sent_to(server.transport(), failure_url).empty());
}

TEST_CASE_METHOD(CallbackFixture, "a task tells when it fails for good and when it recovers, once") {
  Server server(store, clock, host);
  auto draft = cron_task("0 0 1 1 *");
  draft.spec.name = "nightly";
  draft.spec.on_failure_url = failure_url;
  draft.spec.on_recovery_url = recovery_url;
  const auto made = create(server, draft);
  const auto run = [&](int status) {
    server.transport().answer_next(server.transport().response(status));
    StartedRun started;
    (void)server.engine().trigger_task(request(), made.task.id, [&](const StartedRun& one) {
      started = one;
      return StoredReply{202, ""};
    });
    REQUIRE(reaches(server, started.execution_id, status == 200 ? ExecutionStatus::success : ExecutionStatus::failed));
    REQUIRE(outbox_is_empty(server.storage()));
    return started.execution_id;
  };
  (void)run(200);
  CHECK(sent_to(server.transport(), recovery_url).empty());
  const auto failed = run(500);
  const auto news = sent_to(server.transport(), failure_url);
  REQUIRE(news.size() == 1);
  CHECK(news[0].body.starts_with(R"({"event":"task.failed","task":{"id":")" + made.task.id.text() +
                                 R"(","name":"nightly","url":"http://target.example/hook","method":"POST"},)" +
                                 R"("execution":{"id":")" + failed.text() +
                                 R"(","status":"failed","status_code":500,"error_message":"HTTP 500",)"));
  const auto recovered = run(200);
  CHECK(header(sent_to(server.transport(), recovery_url).at(0), "Punctual-Execution-Id") == recovered.text());
  (void)run(200);
  CHECK(sent_to(server.transport(), failure_url).size() == 1);
  CHECK(sent_to(server.transport(), recovery_url).size() == 1);
}

TEST_CASE_METHOD(CallbackFixture, "what is cancelled before it was sent has no callback") {
  Server server(store, clock, host);
  const auto made = create(server, task_with_callback(60s));
  (void)server.engine().delete_task(request(), made.task.id, {204, ""});
  CHECK(status(server, *made.execution_id) == ExecutionStatus::cancelled);
  clock.advance(90s);
  give_time();
  CHECK(server.transport().started().empty());
  CHECK(server.storage().outbox().size(1) == 0);
}

// ---- Receivers that fail.

TEST_CASE_METHOD(CallbackFixture, "a callback is sent again after 5, 20 and 60 s under the same id, then given up") {
  Server server(store, clock, host);
  auto& transport = server.transport();
  transport.answer_with(500);
  auto draft = task_with_callback();
  draft.spec.expected_status_codes = "500";
  const auto made = create(server, draft);
  REQUIRE(wait_sent(transport, callback_url, 1));
  std::size_t attempts = 1;
  for (const seconds wait : {5s, 20s, 60s}) {
    REQUIRE(counts("punctual_callbacks_total{result=\"retried\"} " + std::to_string(attempts)));
    clock.advance(wait - 1us);
    give_time();
    CHECK(sent_to(transport, callback_url).size() == attempts);
    clock.advance(1us);
    REQUIRE(wait_sent(transport, callback_url, ++attempts));
  }
  REQUIRE(counts("punctual_callbacks_total{result=\"given_up\"} 1"));
  CHECK(host.logged("execution.completed of execution " + made.execution_id->text() +
                    " could not be delivered and is given up after 4 attempts: HTTP 500"));
  CHECK(outbox_is_empty(server.storage()));
  clock.advance(10min);
  give_time();
  const auto sent = sent_to(transport, callback_url);
  CHECK(sent.size() == 4);
  for (const auto& one : sent) CHECK(header(one, "webhook-id") == header(sent[0], "webhook-id"));
}

TEST_CASE_METHOD(CallbackFixture, "a receiver at an address that must not be reached is not tried again") {
  Server server(store, clock, host);
  server.transport().answer_next(server.transport().response(200));
  DeliveryOutcome blocked;
  blocked.result = DeliveryResult::blocked;
  blocked.error = "10.0.0.1";
  server.transport().answer_next(blocked);
  (void)create(server, task_with_callback());
  REQUIRE(counts("punctual_callbacks_total{result=\"given_up\"} 1"));
  CHECK(host.logged("after 1 attempts: Blocked address: 10.0.0.1"));
  CHECK(outbox_is_empty(server.storage()));
}

TEST_CASE_METHOD(CallbackFixture, "receivers that do not answer take no place of a delivery") {
  EngineSettings settings;
  settings.max_in_flight = 2;
  settings.max_callbacks_in_flight = 3;
  Server server(store, clock, host, settings);
  auto& transport = server.transport();
  transport.answer_with(std::nullopt);
  for (int i = 0; i < 20; ++i) {
    const auto made = create(server, task_with_callback());
    REQUIRE(eventually([&] {
      const auto started = transport.started();
      return std::any_of(started.begin(), started.end(), [&](const auto& one) { return one.id == *made.execution_id; });
    }));
    transport.finish(*made.execution_id, 200);
    REQUIRE(reaches(server, *made.execution_id, ExecutionStatus::success));
  }
  REQUIRE(wait_sent(transport, callback_url, 3));
  give_time();
  CHECK(sent_to(transport, callback_url).size() == 3);
  // As they end the others follow.
  for (std::size_t i = 0; i < 20; ++i) {
    REQUIRE(wait_sent(transport, callback_url, i + 1));
    transport.finish(sent_to(transport, callback_url).at(i).id, 204);
  }
  CHECK(outbox_is_empty(server.storage()));
}

// ---- Servers and storage that fail.

TEST_CASE_METHOD(CallbackFixture, "what a server that died had stored or was sending is sent by its successor") {
  ExecutionId execution;
  execution.value.bytes[0] = 6;
  std::vector<MessageId> ids;
  {
    // Leaves the store as a server that was killed between a result and its callbacks, with one of two claimed.
    auto storage = store.open();
    NodeInfo node;
    node.id.value.bytes[0] = 77;
    node.at = clock.now();
    (void)storage->leases().acquire(node);
    NewWork work;
    work.task.id.value.bytes[0] = 5;
    work.task.organization_id = principal.organization_id;
    work.task.spec = task_with_callback().spec;
    work.task.spec.scheduled_at = clock.now();
    work.task.inserted_at = work.task.updated_at = clock.now();
    work.execution = NewExecution{execution, execution, 1, clock.now()};
    work.claim = ClaimToken{42};
    (void)storage->work().insert(node.id, {&work, 1});
    Claimed claimed;
    claimed.id = execution;
    claimed.callback_url = callback_url;
    claimed.on_failure_url = failure_url;
    Settlement end;
    end.id = execution;
    end.token = ClaimToken{42};
    end.task_id = work.task.id;
    end.finished_at = clock.now();
    end.messages = messages_about(claimed, end);
    for (const auto& message : end.messages) ids.push_back(message.id);
    REQUIRE(storage->work().settle({&end, 1}).at(0) == SettleOutcome::settled);
    REQUIRE(storage->outbox().claim({node.id, ClaimToken{43}, clock.now(), 1, 1, {}}).claimed.size() == 1);
  }
  REQUIRE(ids.size() == 2);
  Server server(store, clock, host);
  REQUIRE(comes_true_in_time([&] { return server.transport().started().size() >= 2; }));
  CHECK(sent_to(server.transport(), callback_url).size() == 1);
  CHECK(sent_to(server.transport(), failure_url).size() == 1);
  CHECK(outbox_is_empty(server.storage()));
}

TEST_CASE_METHOD(CallbackFixture, "a server that is stopped gives open callbacks to the next one at once") {
  {
    Server server(store, clock, host);
    server.transport().answer_with(std::nullopt);
    const auto made = create(server, task_with_callback());
    REQUIRE(server.transport().wait_started(1));
    server.transport().finish(*made.execution_id, 200);
    REQUIRE(wait_sent(server.transport(), callback_url, 1));
  }
  Server next(store, clock, host);
  CHECK(wait_sent(next.transport(), callback_url, 1));
  CHECK(outbox_is_empty(next.storage()));
}

TEST_CASE_METHOD(CallbackFixture, "two servers send every callback of many tasks once", "[several-servers]") {
  Server first(store, clock, host);
  Server second(store, clock, host);
  constexpr std::size_t total = 200;
  for (std::size_t i = 0; i < total; ++i) (void)create(i % 2 == 0 ? first : second, task_with_callback());
  REQUIRE(eventually(
      [&] {
        return sent_to(first.transport(), callback_url).size() + sent_to(second.transport(), callback_url).size() >=
               total;
      },
      60s));
  REQUIRE(outbox_is_empty(first.storage()));
  std::set<std::string> ids;
  for (Server* server : {&first, &second}) {
    for (const auto& one : sent_to(server->transport(), callback_url)) ids.insert(*header(one, "webhook-id"));
  }
  CHECK(ids.size() == total);
  CHECK(sent_to(first.transport(), callback_url).size() + sent_to(second.transport(), callback_url).size() == total);
}

namespace {

// A server whose outbox fails when told to.
struct FaultyServer {
  explicit FaultyServer(CallbackFixture& fixture)
      : storage(fixture.store.open()),
        faulty(*storage),
        transport(fixture.clock),
        engine(faulty, transports, fixture.clock, fixture.host, on_time_of_test({})) {
    engine.start();
  }

  void create(const CallbackFixture& fixture) {
    (void)engine.create_task(fixture.request(), CallbackFixture::task_with_callback(), [](const CreatedTask&) {
      return StoredReply{202, ""};
    });
  }

  PluginInstance<Storage> storage;
  FaultyStorage faulty;
  FakeTransport transport;
  std::array<Transport*, 1> transports{&transport};
  TaskEngine engine;
};

}  // namespace

TEST_CASE_METHOD(CallbackFixture, "a callback whose result cannot be stored at once is not sent again") {
  FaultyServer server(*this);
  SECTION("storage fails") { server.faulty.faulty_outbox().fail_settle(3); }
  SECTION("the answer of storage is lost") { server.faulty.faulty_outbox().lose_settle_answers(2); }
  server.create(*this);
  REQUIRE(eventually([&] {
    clock.advance(1ms);
    return !sent_to(server.transport, callback_url).empty() && server.storage->outbox().size(1) == 0;
  }));
  CHECK(eventually([&] { return host.logged("work on the outbox failed"); }));
  give_time();
  CHECK(sent_to(server.transport, callback_url).size() == 1);
}

TEST_CASE_METHOD(CallbackFixture, "the callback of what was cancelled as its response came in says so") {
  FaultyServer server(*this);
  server.transport.answer_with(std::nullopt);
  server.create(*this);
  REQUIRE(server.transport.wait_started(1));
  const auto id = server.transport.started().at(0).id;
  // Marked by another server, whose word has not come yet.
  const NodeId node = server.storage->leases().list().at(0).node.id;
  const TaskWrite mark{principal.organization_id, {}, node, clock.now(), {&id, 1}, std::nullopt};
  REQUIRE(server.storage->execution_changes()
              .cancel(mark, id, ForeignClaim::ask, [](const Execution&) { return StoredReply{}; })
              .result == WriteResult::applied);
  server.transport.finish(id, 200);
  REQUIRE(wait_sent(server.transport, callback_url, 1));
  const auto body = boost::json::parse(sent_to(server.transport, callback_url).at(0).body);
  CHECK(body.at("status") == "cancelled");
  CHECK(body.at("status_code") == 200);
  CHECK(body.at("final") == true);
  CHECK(server.engine.find_execution(principal, id).execution.status == ExecutionStatus::cancelled);
}

TEST_CASE_METHOD(CallbackFixture, "a claim of callbacks whose answer is lost is given back and made again") {
  FaultyServer server(*this);
  server.faulty.faulty_outbox().lose_claim_answers(2);
  server.create(*this);
  REQUIRE(eventually([&] {
    clock.advance(1ms);
    return !sent_to(server.transport, callback_url).empty();
  }));
  CHECK(host.logged("returned 1 callbacks of unclear commits"));
  CHECK(sent_to(server.transport, callback_url).size() == 1);
}
