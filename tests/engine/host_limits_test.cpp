// Hosts that fail or ask for a pause are left alone for a while; what waits for them is sent when they open.
#include <catch2/catch.hpp>

#include "engine/engine_fixture.hpp"

using namespace punctual;
using namespace punctual::testing;
using namespace std::chrono_literals;

namespace {

struct HostsFixture : EngineFixture {
  Server server{store, clock, host};

  static NewTask to(const std::string& url, std::optional<seconds> delay = std::nullopt) {
    NewTask out = task(delay);
    out.spec.url = url;
    out.spec.retry_attempts = 0;
    return out;
  }
  static NewTask one_try() { return to("http://target.example/hook"); }

  // One attempt that ends so.
  void attempt(Server& sender, DeliveryOutcome outcome, NewTask draft = one_try()) {
    sender.transport().answer_next(std::move(outcome));
    const auto made = create(sender, std::move(draft));
    REQUIRE(eventually([&] { return has_ended(sender, *made.execution_id); }));
  }
  void attempt(int status) { attempt(server, server.transport().response(status)); }
  void fail_three_times() {
    for (int i = 0; i < 3; ++i) attempt(500);
    REQUIRE(opened(1));
  }
  void ask_for_pause(std::optional<std::string> retry_after) {
    auto outcome = server.transport().response(429);
    if (retry_after) outcome.headers.emplace_back("Retry-After", *retry_after);
    attempt(server, outcome);
    REQUIRE(eventually([&] { return host.logged("it answered 429"); }));
  }
  static DeliveryOutcome broken(DeliveryResult result) {
    DeliveryOutcome out;
    out.result = result;
    out.error = "10.0.0.1";
    return out;
  }

  bool has_ended(Server& asked, ExecutionId id) const {
    const auto now = status(asked, id);
    return now != ExecutionStatus::pending && now != ExecutionStatus::running;
  }
  // The circuits opened so far, of all servers here, are so many.
  bool opened(int count) {
    return eventually([&] { return metric_is("punctual_host_circuits_opened_total", count); });
  }
  bool metric_is(const std::string& name, int value) {
    return host.metrics().text().find("\n" + name + " " + std::to_string(value) + "\n") != std::string::npos;
  }
  std::size_t held() { return server.storage().hosts().count_held(100'000); }
  std::size_t sent() { return server.transport().started().size(); }
  // A task whose execution is held for its host.
  CreatedTask create_held(Server& asked, NewTask draft = one_try()) {
    const std::size_t before = held();
    auto made = create(asked, std::move(draft));
    REQUIRE(eventually([&] { return held() == before + 1; }));
    return made;
  }
  // While the clock goes on by a few steps, as what waited is let go in steps.
  bool soon(const std::function<bool()>& condition) {
    return eventually([&] {
      if (condition()) return true;
      clock.advance(20ms);
      return false;
    });
  }
  bool soon_sent(std::size_t count) {
    return soon([&] { return sent() >= count; });
  }
  void rest() { std::this_thread::sleep_for(50ms); }
};

}  // namespace

TEST_CASE_METHOD(HostsFixture, "three failures in a row close a host: what comes waits as it is, and is sent later") {
  fail_three_times();
  CHECK(host.logged("host target.example:80 of organisation"));
  CHECK(host.logged("is left alone for 30 s: it has failed three times in a row"));
  const auto waiting = create_held(server);
  CHECK(status(server, *waiting.execution_id) == ExecutionStatus::pending);
  clock.advance(29s);
  rest();
  CHECK(sent() == 3);
  clock.advance(1s);
  REQUIRE(reaches(server, *waiting.execution_id, ExecutionStatus::success));
  const auto done = executions(server, waiting.task.id);
  REQUIRE(done.size() == 1);
  CHECK(done[0].attempt == 1);
  CHECK(done[0].scheduled_for == waiting.scheduled_for);
  CHECK(eventually([&] { return host.logged("is sent to again"); }));
}

TEST_CASE_METHOD(HostsFixture, "timeouts and transport errors count as failures do") {
  attempt(500);
  attempt(server, broken(DeliveryResult::timed_out));
  attempt(server, broken(DeliveryResult::transport_error));
  CHECK(opened(1));
}

TEST_CASE_METHOD(HostsFixture, "failures with an answer between them are not in a row") {
  for (const int status : {500, 500, 200, 500, 500, 404, 500, 500, 302, 500, 500}) attempt(status);
  rest();
  CHECK(metric_is("punctual_host_circuits_opened_total", 0));
  CHECK(server.storage().hosts().list().empty());
}

TEST_CASE_METHOD(HostsFixture, "what is no failure of the host closes nothing") {
  for (int i = 0; i < 4; ++i) {
    attempt(404);
    attempt(server, broken(DeliveryResult::blocked));
    auto asserting = one_try();
    asserting.spec.expected_body_pattern = "ok";
    attempt(server, server.transport().response(200), asserting);
  }
  // They do not end a row either when they say nothing of the host.
  attempt(500);
  attempt(500);
  attempt(server, broken(DeliveryResult::blocked));
  rest();
  CHECK(server.storage().hosts().list().empty());
  attempt(500);
  CHECK(opened(1));
}

TEST_CASE_METHOD(HostsFixture, "a host is one port of one host, whatever the path") {
  for (const char* path : {"/a", "/b?c", "/"}) {
    attempt(server, server.transport().response(500), to(std::string("http://target.example") + path));
  }
  REQUIRE(opened(1));
  for (const char* url : {"http://target.example:8080/", "https://target.example/", "http://other.example/"}) {
    const auto made = create(server, to(url));
    CHECK(reaches(server, *made.execution_id, ExecutionStatus::success));
  }
  (void)create_held(server, to("http://user:secret@TARGET.example:80/x"));
  CHECK_FALSE(host.logged("secret"));
}

TEST_CASE_METHOD(HostsFixture, "a host that is closed for one organisation is open for another") {
  Organization other = organization();
  other.id.value.bytes[0] = 2;
  other.name = "other";
  server.storage().directory().create_organization(other);
  fail_three_times();
  principal.organization_id = other.id;
  const auto made = create(server, one_try());
  CHECK(reaches(server, *made.execution_id, ExecutionStatus::success));
}

TEST_CASE_METHOD(HostsFixture, "the pause grows with every trial that fails: 30, 60, 120, 300 seconds") {
  fail_three_times();
  int openings = 1;
  for (const seconds pause : {30s, 60s, 120s, 300s, 300s}) {
    const auto waiting = create_held(server);
    const std::size_t before = sent();
    clock.advance(pause - 1s);
    rest();
    CHECK(sent() == before);
    server.transport().answer_next(server.transport().response(500));
    clock.advance(1s);
    REQUIRE(reaches(server, *waiting.execution_id, ExecutionStatus::failed));
    REQUIRE(opened(++openings));
  }
  // After an answer it begins anew.
  const auto last = create_held(server);
  clock.advance(300s);
  REQUIRE(reaches(server, *last.execution_id, ExecutionStatus::success));
  REQUIRE(eventually([&] { return host.logged("is sent to again"); }));
  for (int i = 0; i < 3; ++i) attempt(500);
  REQUIRE(opened(openings + 1));
  const auto states = server.storage().hosts().list();
  REQUIRE(states.size() == 1);
  CHECK(states[0].until == clock.now() + 30s);
}

TEST_CASE_METHOD(HostsFixture, "one trial is sent after a pause, and the others when it has been answered") {
  fail_three_times();
  std::vector<CreatedTask> waiting;
  for (int i = 0; i < 6; ++i) waiting.push_back(create_held(server));
  server.transport().answer_with(std::nullopt);
  clock.advance(30s);
  REQUIRE(server.transport().wait_started(4));
  (void)create_held(server);
  for (int i = 0; i < 5; ++i) {
    clock.advance(1s);
    rest();
  }
  REQUIRE(sent() == 4);
  CHECK(server.transport().started()[3].id == *waiting[0].execution_id);
  server.transport().answer_with(200);
  server.transport().finish(*waiting[0].execution_id, 200);
  CHECK(soon_sent(3 + 7));
  CHECK(soon([&] { return server.storage().hosts().list().empty(); }));
}

TEST_CASE_METHOD(HostsFixture, "results that come in after a host was closed say nothing new") {
  server.transport().answer_with(std::nullopt);
  std::vector<CreatedTask> under_way;
  for (int i = 0; i < 8; ++i) under_way.push_back(create(server, one_try()));
  REQUIRE(server.transport().wait_started(8));
  for (std::size_t i = 0; i < 7; ++i) server.transport().finish(*under_way[i].execution_id, 500);
  REQUIRE(reaches(server, *under_way[6].execution_id, ExecutionStatus::failed));
  REQUIRE(opened(1));
  server.transport().finish(*under_way[7].execution_id, 200);
  REQUIRE(reaches(server, *under_way[7].execution_id, ExecutionStatus::success));
  (void)create_held(server);
  CHECK(opened(1));
}

TEST_CASE_METHOD(HostsFixture, "a 429 closes its host for as long as it says") {
  ask_for_pause("90");
  const auto waiting = create_held(server);
  clock.advance(89s);
  rest();
  CHECK(sent() == 1);
  clock.advance(1s);
  CHECK(reaches(server, *waiting.execution_id, ExecutionStatus::success));
  CHECK(metric_is("punctual_host_circuits_opened_total", 0));
}

TEST_CASE_METHOD(HostsFixture, "a 429 may say until when") {
  ask_for_pause("Sun, 01 Mar 2026 10:02:00 GMT");
  const auto waiting = create_held(server);
  clock.advance(119s);
  rest();
  CHECK(sent() == 1);
  clock.advance(1s);
  CHECK(reaches(server, *waiting.execution_id, ExecutionStatus::success));
}

TEST_CASE_METHOD(HostsFixture, "a 429 that does not say how long closes its host for a minute") {
  ask_for_pause(std::nullopt);
  const auto waiting = create_held(server);
  clock.advance(59s);
  rest();
  CHECK(sent() == 1);
  clock.advance(1s);
  CHECK(reaches(server, *waiting.execution_id, ExecutionStatus::success));
}

TEST_CASE_METHOD(HostsFixture, "what waits after a 429 is let go in growing numbers, and stopped by another one") {
  ask_for_pause("60");
  for (int i = 0; i < 20; ++i) (void)create_held(server);
  server.transport().answer_with(std::nullopt);
  clock.advance(60s);
  REQUIRE(server.transport().wait_started(2));
  rest();
  CHECK(sent() == 2);
  auto again = server.transport().response(429);
  again.headers.emplace_back("Retry-After", "100");
  server.transport().finish(server.transport().started()[1].id, again);
  REQUIRE(eventually([&] {
    const auto states = server.storage().hosts().list();
    return states.size() == 1 && states[0].phase == HostPhase::asked && states[0].until > clock.now() + 99s;
  }));
  clock.advance(50s);
  rest();
  CHECK(sent() == 2);
  CHECK(held() == 19);
}

TEST_CASE_METHOD(HostsFixture, "a 503 that says when to come again counts as a failure and moves its own retry alone") {
  auto draft = one_try();
  draft.spec.retry_attempts = 1;
  auto outcome = server.transport().response(503);
  outcome.headers.emplace_back("Retry-After", "1000");
  server.transport().answer_next(outcome);
  const auto made = create(server, draft);
  REQUIRE(reaches(server, *made.execution_id, ExecutionStatus::failed));
  CHECK(executions(server, made.task.id).at(0).scheduled_for == test_start + 1000s);
  const auto other = create(server, one_try());
  CHECK(reaches(server, *other.execution_id, ExecutionStatus::success));
}

TEST_CASE_METHOD(HostsFixture, "what waits longer than it may is missed, though its host is still closed") {
  fail_three_times();
  auto brief = one_try();
  brief.spec.expires_in = 10s;
  const auto waiting = create_held(server, brief);
  clock.advance(10s);
  rest();
  CHECK(status(server, *waiting.execution_id) == ExecutionStatus::pending);
  clock.advance(1s);
  REQUIRE(reaches(server, *waiting.execution_id, ExecutionStatus::missed));
  CHECK(sent() == 3);
}

TEST_CASE_METHOD(HostsFixture, "what waits for a host is cancelled when its task is deleted") {
  fail_three_times();
  const auto waiting = create_held(server);
  (void)server.engine().delete_task(request(), waiting.task.id, {204, ""});
  CHECK(status(server, *waiting.execution_id) == ExecutionStatus::cancelled);
  clock.advance(31s);
  rest();
  CHECK(sent() == 3);
}

TEST_CASE_METHOD(HostsFixture, "what waits for a host is sent at once when an edit gives it another one") {
  fail_three_times();
  const auto waiting = create_held(server);
  (void)edit(server, waiting.task.id, [](TaskSpec& spec) { spec.url = "http://other.example/"; });
  REQUIRE(reaches(server, *waiting.execution_id, ExecutionStatus::success));
  CHECK(server.transport().started().back().url == "http://other.example/");
}

TEST_CASE_METHOD(HostsFixture, "a line whose head waits for its host waits with it") {
  fail_three_times();
  auto first = one_try();
  auto second = to("http://other.example/");
  first.spec.queue = second.spec.queue = "line";
  const auto head = create_held(server, first);
  clock.advance(1ms);
  const auto next = create(server, second);
  clock.advance(5s);
  rest();
  CHECK(status(server, *next.execution_id) == ExecutionStatus::pending);
  clock.advance(25s);
  REQUIRE(reaches(server, *next.execution_id, ExecutionStatus::success));
  const auto started = server.transport().started();
  REQUIRE(started.size() == 5);
  CHECK(started[3].id == *head.execution_id);
  CHECK(started[4].id == *next.execution_id);
}

TEST_CASE_METHOD(HostsFixture, "ten thousand executions that wait for their host keep nobody else waiting") {
  fail_three_times();
  constexpr std::size_t many = 10'000;
  std::vector<NewWork> batch;
  for (std::size_t i = 0; i < many; ++i) {
    NewWork work;
    const auto number = static_cast<std::uint32_t>(i);
    work.task.id.value.bytes = {9};
    for (std::size_t at = 0; at < 4; ++at) {
      work.task.id.value.bytes[12 + at] = static_cast<std::uint8_t>(number >> (24 - 8 * at));
    }
    work.task.organization_id = principal.organization_id;
    work.task.spec = one_try().spec;
    work.task.spec.name = "one of many";
    work.task.spec.scheduled_at = clock.now();
    work.task.inserted_at = work.task.updated_at = clock.now();
    const ExecutionId id{work.task.id.value};
    work.execution = NewExecution{id, id, 1, clock.now()};
    batch.push_back(std::move(work));
  }
  for (std::size_t first = 0; first < many; first += 500) {
    (void)server.storage().work().insert({}, std::span(batch).subspan(first, 500));
  }
  clock.advance(1s);
  REQUIRE(eventually([&] { return held() == many; }, 60s));
  CHECK(sent() == 3);
  // The claim loop has come to rest, and none of them has a place.
  const auto claims = [&] {
    const std::string text = host.metrics().text();
    const std::string name = "\npunctual_claim_seconds_count ";
    return std::stoul(text.substr(text.find(name) + name.size()));
  };
  rest();
  const auto before = claims();
  std::this_thread::sleep_for(200ms);
  CHECK(claims() <= before + 2);
  const auto other = create(server, to("http://other.example/"));
  CHECK(reaches(server, *other.execution_id, ExecutionStatus::success));
  const auto later = create(server, to("http://other.example/", 1s));
  clock.advance(1s);
  CHECK(reaches(server, *later.execution_id, ExecutionStatus::success));
  CHECK(sent() == 5);
}

TEST_CASE_METHOD(HostsFixture, "all that has waited is sent once when its host is open again") {
  fail_three_times();
  std::vector<CreatedTask> waiting;
  for (int i = 0; i < 100; ++i) waiting.push_back(create(server, one_try()));
  REQUIRE(eventually([&] { return held() == 100; }));
  clock.advance(30s);
  REQUIRE(soon_sent(103));
  for (const auto& one : waiting) CHECK(reaches(server, *one.execution_id, ExecutionStatus::success));
  rest();
  CHECK(sent() == 103);
}

// ---- A server after another one.

namespace {

// A server has found a host closed and has ended.
struct ClosedBefore : EngineFixture {
  ExecutionId waiting;

  ClosedBefore() {
    Server before(store, clock, host);
    auto draft = task();
    draft.spec.retry_attempts = 0;
    before.transport().answer_with(500);
    for (int i = 0; i < 3; ++i) REQUIRE(reaches(before, *create(before, draft).execution_id, ExecutionStatus::failed));
    waiting = *create(before, draft).execution_id;
    REQUIRE(eventually([&] { return before.storage().hosts().count_held(10) == 1; }));
  }
};

}  // namespace

TEST_CASE_METHOD(ClosedBefore, "a host stays closed over a restart, and what waits for it is sent when it opens") {
  Server server(store, clock, host);
  clock.advance(29s);
  std::this_thread::sleep_for(50ms);
  CHECK(server.transport().started().empty());
  clock.advance(1s);
  CHECK(reaches(server, waiting, ExecutionStatus::success));
}

TEST_CASE_METHOD(ClosedBefore, "where hosts are not to be closed none is, and those that were are opened") {
  EngineSettings settings;
  settings.host_limits = false;
  Server server(store, clock, host, settings);
  CHECK(reaches(server, waiting, ExecutionStatus::success));
  server.transport().answer_with(500);
  auto draft = task();
  draft.spec.retry_attempts = 0;
  for (int i = 0; i < 5; ++i) CHECK(reaches(server, *create(server, draft).execution_id, ExecutionStatus::failed));
}

// ---- Several servers.

TEST_CASE_METHOD(HostsFixture, "a 429 to one server is respected by another within a second", "[several-servers]") {
  Server second(store, clock, host);
  rest();
  ask_for_pause("60");
  std::this_thread::sleep_for(900ms);
  const auto waiting = create_held(second);
  rest();
  CHECK(second.transport().started().empty());
  CHECK(status(second, *waiting.execution_id) == ExecutionStatus::pending);
  clock.advance(60s);
  CHECK(soon([&] { return has_ended(second, *waiting.execution_id); }));
}

TEST_CASE_METHOD(HostsFixture, "a closed host is found within a second by a server that nobody tells",
                 "[several-servers]") {
  const auto cli = store.open();
  const HostReport asked{
      {principal.organization_id, "target.example:80"}, HostReport::Kind::asked, clock.now(), clock.now() + 60s, {}};
  (void)cli->hosts().report({&asked, 1});
  clock.advance(1s);
  rest();
  (void)create_held(server);
  CHECK(sent() == 0);
}

TEST_CASE_METHOD(HostsFixture, "of two servers one sends the trial, and its end counts for both", "[several-servers]") {
  Server second(store, clock, host);
  fail_three_times();
  std::this_thread::sleep_for(500ms);
  std::vector<CreatedTask> waiting;
  for (int i = 0; i < 10; ++i) waiting.push_back(create_held(i % 2 == 0 ? server : second));
  const auto all_sent = [&] { return sent() - 3 + second.transport().started().size(); };
  for (Server* one : {&server, &second}) one->transport().answer_with(std::nullopt);
  clock.advance(30s);
  REQUIRE(eventually([&] { return all_sent() == 1; }));
  for (int i = 0; i < 5; ++i) {
    clock.advance(1s);
    rest();
  }
  REQUIRE(all_sent() == 1);
  for (Server* one : {&server, &second}) one->transport().answer_with(200);
  Server& sender = second.transport().started().empty() ? server : second;
  sender.transport().finish(sender.transport().started().back().id, 200);
  CHECK(soon([&] { return all_sent() == 10; }));
  for (const auto& one : waiting) CHECK(reaches(server, *one.execution_id, ExecutionStatus::success));
  CHECK(all_sent() == 10);
}
