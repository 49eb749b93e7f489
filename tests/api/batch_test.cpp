// POST /tasks/batch.
#include <algorithm>
#include <catch2/catch.hpp>

#include "running_api.hpp"

using namespace punctual;
using namespace punctual::testing;

namespace {

constexpr const char* path = "/api/v1/tasks/batch";

HttpReply post(const RunningApi& server, std::string_view body, const HeaderList& headers = {}) {
  return server.client().post(path, body, headers);
}

// The ids under a key of the tasks of a reply, in order.
std::vector<std::string> ids(const HttpReply& reply, std::string_view key) {
  std::vector<std::string> out;
  const auto json = reply.json();
  for (const auto& task : json.at("data").at("tasks").as_array()) out.push_back(text_of(task.at(key)));
  return out;
}

// {"url":…,"items":[…]} with so many items.
std::string items_body(std::size_t count, const std::string& item = "1") {
  std::string body = R"({"url":"https://example.com/x","delay":"1h","items":[)";
  for (std::size_t i = 0; i < count; ++i) body += (i == 0 ? "" : ",") + item;
  return body + "]}";
}

std::string tasks_body(std::size_t count, const std::string& task) {
  std::string body = R"({"tasks":[)";
  for (std::size_t i = 0; i < count; ++i) body += (i == 0 ? "" : ",") + task;
  return body + "]}";
}

void is_refused(const HttpReply& reply, const std::string& message) {
  INFO(message);
  CHECK(reply.status == 400);
  CHECK(reply.error_code() == "invalid_params");
  CHECK(reply.error_message() == message);
}

}  // namespace

TEST_CASE("a batch of items is one task for each") {
  RunningApi server;
  const auto reply = post(server, R"({"url":"https://example.com/x","queue":"mail","delay":"5m","method":"PUT",
    "headers":{"X-A":"b"},"timeout_ms":5000,"retry_attempts":2,"callback_url":"https://example.com/done",
    "items":["raw text",{"a":1},[1,2],3,true,null]})");
  CHECK(reply.status == 201);
  const auto json = reply.json();
  CHECK(keys_of(json) == std::vector<std::string>{"data", "message"});
  CHECK(json.at("message") == "6 tasks created");
  const auto& data = json.at("data");
  CHECK(keys_of(data) == std::vector<std::string>{"queue", "created", "scheduled_for", "tasks"});
  CHECK(data.at("queue") == "mail");
  CHECK(data.at("created") == 6);
  CHECK(data.at("scheduled_for") == "2026-01-15T12:05:00.000Z");
  CHECK(keys_of(data.at("tasks").at(0)) == std::vector<std::string>{"task_id", "execution_id"});
  const auto tasks = ids(reply, "task_id");
  REQUIRE(tasks.size() == 6);
  CHECK(std::is_sorted(tasks.begin(), tasks.end()));
  const std::vector<std::string> bodies{"raw text", R"({"a":1})", "[1,2]", "3", "true", "null"};
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    const auto spec = server.spec_of(tasks[i]);
    CHECK(spec.body == bodies[i]);
    CHECK(spec.headers == Headers{{"X-A", "b"}});
    CHECK(spec.url == "https://example.com/x");
    CHECK(spec.method == Method::put);
    CHECK(spec.queue == "mail");
    CHECK(spec.timeout == milliseconds{5000});
    CHECK(spec.retry_attempts == 2);
    CHECK(spec.callback_url == "https://example.com/done");
    CHECK(spec.name == "https://example.com/x · 15 Jan, 12:05");
    CHECK(server.executions_of(tasks[i]).at(0).at("id").as_string() == ids(reply, "execution_id")[i]);
  }
}

TEST_CASE("items and tasks of a batch keep their numbers digit for digit") {
  RunningApi server;
  const auto items = ids(post(server, R"({"items":[7],"url":"https://example.com","headers":{"N":1.10},"delay":60,
    "items":["text, [1.50]", 1e400 ,[1.50, {"a" :-0}], "x" ,12345678901234567890123,{ }]})"),
                         "task_id");
  const std::vector<std::string> bodies{
      "text, [1.50]", "1e400", R"([1.50,{"a":-0}])", "x", "12345678901234567890123", "{}"};
  REQUIRE(items.size() == bodies.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    CHECK(server.spec_of(items[i]).body == bodies[i]);
    CHECK(server.spec_of(items[i]).headers == Headers{{"N", "1.10"}});
  }
  const auto tasks = ids(post(server, R"({"tasks":[{"url":"https://example.com/[","body":"x"},
    {"url":"https://example.com","body":[1.10]}, {"url":"https://example.com"},
    {"url":"https://example.com","headers":{"N":2.20},"body":{"n":3.30}}]})"),
                         "task_id");
  REQUIRE(tasks.size() == 4);
  CHECK(server.spec_of(tasks[0]).body == "x");
  CHECK(server.spec_of(tasks[1]).body == "[1.10]");
  CHECK(server.spec_of(tasks[2]).body.empty());
  CHECK(server.spec_of(tasks[3]).body == R"({"n":3.30})");
  CHECK(server.spec_of(tasks[3]).headers == Headers{{"N", "2.20"}});
}

TEST_CASE("a number as an item is as large as a body may be") {
  RunningApi server;
  const auto reply = post(server, R"({"url":"https://example.com","items":[1)" + std::string(262144, '0') + "]}");
  CHECK(reply.detail("items[0]") == "must be less than 256KB");
}

TEST_CASE("a batch of items takes a time, or none") {
  RunningApi server;
  const auto field = GENERATE("run_at", "scheduled_at");
  const auto later = post(server, R"({"url":"https://example.com","items":[1],")" + std::string(field) +
                                      R"(":"2026-01-15T14:00:00+01:00"})");
  CHECK(later.json().at("data").at("scheduled_for") == "2026-01-15T13:00:00.000Z");
  const auto now = post(server, R"({"url":"https://example.com","items":[1],"queue":null,"delay":null})");
  CHECK(now.json().at("data").at("scheduled_for") == "2026-01-15T12:00:00.000Z");
  CHECK(now.json().at("data").at("queue").is_null());
  CHECK(now.json().at("message") == "1 tasks created");
}

TEST_CASE("a batch of tasks is each of them") {
  RunningApi server;
  const auto reply = post(server, R"({"tasks":[
    {"url":"https://example.com/a","queue":"q","delay":"1h"},
    {"url":"https://example.com/b","cron":"@daily","name":"daily"},
    {"url":"https://example.com/c","method":"GET","expires_in":"1m","run_at":"2026-01-15T13:00:00Z"}]})");
  CHECK(reply.status == 201);
  const auto data = reply.json().at("data");
  CHECK(data.at("queue").is_null());
  CHECK(data.at("scheduled_for").is_null());
  CHECK(data.at("created") == 3);
  CHECK(data.at("tasks").at(1).at("execution_id").is_null());
  const auto tasks = ids(reply, "task_id");
  CHECK(server.spec_of(tasks[0]).queue == "q");
  CHECK(server.spec_of(tasks[1]).name == "daily");
  CHECK(server.spec_of(tasks[1]).method == Method::get);
  CHECK(server.spec_of(tasks[2]).expires_in == seconds{60});
}

TEST_CASE("a batch of tasks tells the queue and the time that all have") {
  RunningApi server;
  const auto data = post(server, R"({"tasks":[{"url":"https://example.com/a","queue":"q","delay":60},
    {"url":"https://example.com/b","queue":"q","delay":"1m"}]})")
                        .json()
                        .at("data");
  CHECK(data.at("queue") == "q");
  CHECK(data.at("scheduled_for") == "2026-01-15T12:01:00.000Z");
  const auto at_once = post(server, R"({"tasks":[{"url":"https://example.com/a"},{"url":"https://example.com/b"}]})");
  CHECK(at_once.json().at("data").at("scheduled_for") == "2026-01-15T12:00:00.000Z");
  const auto cron = post(server, R"({"tasks":[{"url":"https://example.com/a","cron":"@daily"}]})");
  CHECK(cron.json().at("data").at("scheduled_for").is_null());
}

TEST_CASE("a batch may have a thousand items, and not one more") {
  RunningApi server;
  const auto reply = post(server, items_body(1000));
  CHECK(reply.status == 201);
  CHECK(reply.json().at("message") == "1000 tasks created");
  const auto tasks = ids(reply, "task_id");
  CHECK(tasks.size() == 1000);
  CHECK(std::adjacent_find(tasks.begin(), tasks.end(), std::greater_equal<>{}) == tasks.end());
  CHECK(post(server, tasks_body(1000, R"({"url":"https://example.com","delay":"1h"})")).status == 201);
  is_refused(post(server, items_body(1001)), "items must not exceed 1000 elements");
  is_refused(post(server, tasks_body(1001, "{}")), "tasks must not exceed 1000 elements");
}

TEST_CASE("a batch that is none is 400") {
  RunningApi server;
  is_refused(post(server, "{}"), "items must be a list");
  is_refused(post(server, ""), "items must be a list");
  is_refused(post(server, R"({"url":"https://example.com"})"), "items must be a list");
  is_refused(post(server, R"({"url":"https://example.com","items":null})"), "items must be a list");
  is_refused(post(server, R"({"url":"https://example.com","items":{"a":1}})"), "items must be a list");
  is_refused(post(server, R"({"url":"https://example.com","items":[]})"), "items must not be empty");
  for (const auto* url : {"", R"("url":null,)", R"("url":"",)", R"("url":"  ",)"}) {
    is_refused(post(server, "{" + std::string(url) + R"("items":[1]})"), "url is required");
  }
  is_refused(post(server, R"({"tasks":"x"})"), "tasks must be a list");
  is_refused(post(server, R"({"tasks":[]})"), "tasks must not be empty");
  is_refused(post(server, R"({"items":[1],"tasks":[{}]})"), "only one of items and tasks can be given");
  is_refused(post(server, R"({"url":"https://example.com","items":[1],"delay":5,"run_at":"2026-02-01T00:00:00Z"})"),
             "only one of cron, delay and run_at can be given, not both delay and run_at");
  CHECK(post(server, R"({"url":"https://example.com","items":[1],"delay":"x"})").error_code() == "invalid_delay");
  CHECK(post(server, R"({"url":"https://example.com","items":[1],"run_at":"x"})").error_code() == "invalid_run_at");
  CHECK(post(server, "[").error_code() == "invalid_json");
  CHECK(server.task_count() == 0);
}

TEST_CASE("what all items share is checked like a creation") {
  RunningApi server;
  const auto reply =
      post(server, R"({"url":"x","items":[1],"timeout_ms":1,"colour":1,"cron":"@daily","body":"x","method":"get",
    "name":"n","callback_url":"y"})");
  CHECK(reply.status == 422);
  CHECK(reply.error_code() == "validation_error");
  CHECK(reply.detail("url") == "must be a valid HTTP or HTTPS URL");
  CHECK(reply.detail("timeout_ms") == "must be greater than or equal to 1000");
  CHECK(reply.detail("method") == "is invalid");
  CHECK(reply.detail("callback_url") == "must be a valid HTTP or HTTPS URL");
  for (const auto* unknown : {"colour", "cron", "body", "name"}) CHECK(reply.detail(unknown) == "is not a known field");
  CHECK(server.task_count() == 0);
}

TEST_CASE("an item that is too large is named, and nothing is created") {
  RunningApi server;
  const std::string fits(262144, 'x');
  const std::string too_large(262145, 'x');
  CHECK(post(server, R"({"url":"https://example.com","items":[")" + fits + R"("]})").status == 201);
  const auto reply =
      post(server, R"({"url":"https://example.com","items":["a",")" + too_large + R"(",{"k":")" + fits + R"("},"b"]})");
  CHECK(reply.status == 422);
  CHECK(reply.detail("items[1]") == "must be less than 256KB");
  CHECK(reply.detail("items[2]") == "must be less than 256KB");
  CHECK(reply.json().at("error").at("details").as_object().size() == 2);
  CHECK(server.task_count() == 1);
}

TEST_CASE("what is wrong with tasks of a batch is named with their places, and none is created") {
  RunningApi server;
  const auto reply = post(server, R"({"tasks":[{"url":"https://example.com"},{"url":"x","colour":1},{"timeout_ms":1},7,
    {"url":"https://example.com","delay":0},{"url":"https://example.com","run_at":"x"},
    {"url":"https://example.com","delay":5,"cron":"@daily"},{"url":"https://example.com","cron":"never"},
    {"url":"https://example.com","run_at":"2026-01-01T00:00:00Z"},{"task":{"url":"https://example.com"}},
    {"url":"https://example.com","id":"x"}],"url":"https://example.com"})");
  CHECK(reply.status == 422);
  CHECK(reply.error_code() == "validation_error");
  CHECK(reply.detail("tasks[1].url") == "must be a valid HTTP or HTTPS URL");
  CHECK(reply.detail("tasks[1].colour") == "is not a known field");
  CHECK(reply.detail("tasks[2].url") == "can't be blank");
  CHECK(reply.detail("tasks[2].timeout_ms") == "must be greater than or equal to 1000");
  CHECK(reply.detail("tasks[3]") == "is invalid");
  CHECK(reply.detail("tasks[4].delay") == "delay must be a positive number");
  CHECK(reply.detail("tasks[5].run_at") == "run_at must be a valid ISO 8601 datetime");
  CHECK(reply.detail("tasks[6]") == "only one of cron, delay and run_at can be given, not both delay and cron");
  CHECK(reply.detail("tasks[7].cron") == "is not a valid cron expression");
  CHECK(reply.detail("tasks[8].run_at") == "must be in the future");
  CHECK(reply.detail("tasks[9].task") == "is not a known field");
  CHECK(reply.detail("tasks[10].id") == "is not a known field");
  CHECK(reply.detail("url") == "is not a known field");
  for (const auto& place : keys_of(reply.json().at("error").at("details"))) {
    CHECK_FALSE(place.starts_with("tasks[0]"));
  }
  CHECK(server.task_count() == 0);
}

TEST_CASE("a batch is taken up to the size of a request") {
  RunningApi server;
  const std::string item = '"' + std::string(250000, 'x') + '"';
  CHECK(post(server, items_body(32, item)).status == 201);
  CHECK(post(server, items_body(34, item)).status == 413);
  CHECK(server.task_count() == 32);
}

TEST_CASE("a batch that is due is sent, each item with its body") {
  RunningApi server;
  const auto reply = post(server, R"({"url":"https://example.com","items":["a","b","c"]})");
  REQUIRE(server.transport().wait_started(3));
  std::vector<std::string> bodies;
  for (const auto& delivery : server.transport().started()) bodies.push_back(delivery.body);
  std::sort(bodies.begin(), bodies.end());
  CHECK(bodies == std::vector<std::string>{"a", "b", "c"});
  for (const auto& execution : ids(reply, "execution_id")) server.finish(execution, 200);
}

TEST_CASE("the items of a batch with a queue are sent in their order") {
  RunningApi server;
  const auto reply = post(server, R"({"url":"https://example.com","queue":"q","items":["a","b","c"]})");
  for (const auto& execution : ids(reply, "execution_id")) {
    REQUIRE(eventually([&] {
      const auto started = server.transport().started();
      return !started.empty() && started.back().id.text() == execution;
    }));
    server.finish(execution, 200);
  }
}

TEST_CASE("a batch with a key is created once") {
  RunningApi server;
  const HeaderList key{{"Idempotency-Key", "k"}};
  const auto first = post(server, items_body(3), key);
  server.restart();
  const auto again = post(server, items_body(3), key);
  CHECK(again.status == 201);
  CHECK(again.body == first.body);
  CHECK(again.header("Idempotent-Replayed") == "true");
  CHECK(server.task_count() == 3);
  CHECK(post(server, items_body(4), key).error_code() == "idempotency_key_reused");
  CHECK(post(server, R"({"url":"x","items":[1]})", {{"Idempotency-Key", "other"}}).status == 422);
  CHECK(post(server, items_body(1), {{"Idempotency-Key", "other"}}).status == 201);
}

TEST_CASE("a batch needs a key of the API, and its path takes nothing but POST") {
  RunningApi server;
  CHECK(HttpClient(server.client().address()).post(path, items_body(1)).status == 401);
  CHECK(server.client().get(path).status == 404);
}
