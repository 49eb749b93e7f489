#include "load/generator.hpp"

#include <set>

#include <catch2/catch.hpp>

#include "support/http_target.hpp"

using namespace punctual;
using namespace punctual::bench;
using testing::HttpTarget;
using testing::TargetAnswer;
using testing::TargetRequest;

namespace {

constexpr auto tasks_path = "/api/v1/tasks";

RequestSource source() { return {.host = "127.0.0.1", .key = "pk.sk", .target = "http://127.0.0.1:9"}; }

TargetAnswer accept_or_list(const TargetRequest& request) { return {.status = request.method == "POST" ? 202 : 200}; }

}  // namespace

TEST_CASE("requests come at the rate that was asked for, in the mix that was asked for") {
  HttpTarget server;
  server.answer(tasks_path, accept_or_list);
  TaskRequests requests(source(), seed_mix);
  const LoadReport report =
      generate(server.port(), requests, {.rate = 400, .duration = milliseconds{500}, .connections = 8});
  CHECK(report.due == 200);
  CHECK(report.succeeded() == 200);
  CHECK(report.errors == 0);
  CHECK(report.by_kind.at(static_cast<std::size_t>(RequestKind::immediate)).count() == 140);
  CHECK(report.by_kind.at(static_cast<std::size_t>(RequestKind::delayed)).count() == 30);
  CHECK(report.by_kind.at(static_cast<std::size_t>(RequestKind::list)).count() == 30);
  CHECK(report.took >= 0.4);  // not faster than it was due
}

TEST_CASE("every task has a number of its own, and those that were accepted are known") {
  HttpTarget server;
  server.answer(tasks_path, accept_or_list);
  TaskRequests requests(source(), immediate_only);
  const LoadReport report =
      generate(server.port(), requests, {.rate = 400, .duration = milliseconds{250}, .connections = 4});
  std::set<std::string> sent;
  for (const auto& request : server.requests()) {
    const auto at = request.body.find("/n/") + 3;
    sent.insert(request.body.substr(at, request.body.find('?') - at));
  }
  CHECK(sent.size() == 100);
  CHECK(std::set<std::uint32_t>(report.accepted.begin(), report.accepted.end()).size() == 100);
}

TEST_CASE("a stall is charged for the requests that were due while it lasted") {
  HttpTarget server;
  bool stalled = false;
  server.answer(tasks_path, [&](const TargetRequest&) {
    const bool now = !stalled;
    stalled = true;
    return TargetAnswer{.delay = milliseconds{now ? 300 : 0}};
  });
  TaskRequests requests(source(), lists_only);
  const LoadReport report =
      generate(server.port(), requests, {.rate = 100, .duration = milliseconds{300}, .connections = 1});
  CHECK(report.succeeded() == 30);
  // The first took 300 ms, and the one behind it was due 10 ms later: half of all waited for at least about 150 ms.
  CHECK(report.latency.percentile_ms(50) >= 140);
  CHECK(report.most_waiting >= 25);
}

TEST_CASE("other statuses, refusals and connections that end are errors, each of its kind") {
  HttpTarget server;
  int answered = 0;
  server.answer(tasks_path, [&](const TargetRequest&) {
    switch (answered++ % 4) {
      case 0:
        return TargetAnswer{.status = 500};
      case 1:
        return TargetAnswer{.status = 503, .headers = {{"Retry-After", "1"}}};
      case 2:
        return TargetAnswer{.shape = TargetAnswer::Shape::close};
      default:
        return TargetAnswer{};
    }
  });
  TaskRequests requests(source(), lists_only);
  const LoadReport report =
      generate(server.port(), requests, {.rate = 200, .duration = milliseconds{200}, .connections = 1});
  CHECK(report.succeeded() == 10);
  CHECK(report.errors == 30);
  CHECK(report.wrong() == 10);
  CHECK(report.refusals.count() == 10);
  CHECK(report.connections_lost() == 10);
}

TEST_CASE("what has no reply when patience ends is an error") {
  HttpTarget server;
  server.answer(tasks_path, TargetAnswer{.shape = TargetAnswer::Shape::never});
  TaskRequests requests(source(), lists_only);
  const LoadReport report =
      generate(server.port(), requests,
               {.rate = 100, .duration = milliseconds{100}, .connections = 2, .patience = milliseconds{50}});
  CHECK(report.unanswered == 10);
  CHECK(report.errors == 10);
  CHECK(report.wrong() == 0);
}

TEST_CASE("a closed loop keeps every connection busy and no more") {
  HttpTarget server;
  server.answer(tasks_path, TargetAnswer{.delay = milliseconds{20}});
  TaskRequests requests(source(), lists_only);
  const LoadReport report =
      generate(server.port(), requests, {.rate = 0, .duration = milliseconds{300}, .connections = 5});
  CHECK(server.most_waiting() == 5);
  CHECK(report.errors == 0);
  CHECK(report.succeeded() == report.due);
}

TEST_CASE("a task for an exact instant says which") {
  Mix mix = timed_only;
  mix.ahead = seconds{2};
  TaskRequests requests(source(), mix);
  const Time due = parse_rfc3339("2026-01-31T08:30:00.000100Z").value();
  const std::string sent(requests.next(due).bytes);
  CHECK(sent.find(R"("run_at":"2026-01-31T08:30:02.001Z")") != std::string::npos);
  const Time instant = parse_rfc3339("2026-01-31T08:30:02.001Z").value();
  CHECK(sent.find("?due=" + std::to_string(instant.time_since_epoch().count())) != std::string::npos);
}
