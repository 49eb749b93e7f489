// Bad input of every kind, field by field.
#include <catch2/catch.hpp>

#include "running_api.hpp"

using namespace punctual;
using namespace punctual::testing;

namespace {

struct BadField {
  std::string field;
  std::string value;  // JSON
  std::string problem;
};

// The problem that a task with one bad field is refused with.
void check_refused(const HttpClient& client, const BadField& bad, std::string_view rest) {
  INFO(bad.field << " = " << bad.value.substr(0, 80));
  const auto url = bad.field == "url" ? std::string() : R"("url":"https://example.com",)";
  const auto reply =
      client.post("/api/v1/tasks", "{" + url + std::string(rest) + "\"" + bad.field + "\":" + bad.value + "}");
  REQUIRE(reply.status == 422);
  CHECK(reply.error_code() == "validation_error");
  CHECK(reply.detail(bad.field) == bad.problem);
}

std::string quoted(std::size_t length, char c = 'a') { return '"' + std::string(length, c) + '"'; }

void check_400(const HttpClient& client, const std::string& body, std::string_view code, std::string_view message) {
  INFO(body.substr(0, 100));
  const auto reply = client.post("/api/v1/tasks", body);
  REQUIRE(reply.status == 400);
  CHECK(reply.error_code() == code);
  CHECK(reply.error_message() == message);
}

}  // namespace

TEST_CASE("bad values of a one-time task's fields are refused in the contract's words") {
  RunningApi server;
  const auto client = server.client();
  const std::string valid_url = "must be a valid HTTP or HTTPS URL";
  const std::string inside = "cannot target private or internal addresses";
  const std::string codes = "must be comma-separated HTTP status codes (100-599)";
  const std::string positive = "must be greater than or equal to 1";
  const std::vector<BadField> table{
      {"url", "null", "can't be blank"},
      {"url", R"("")", "can't be blank"},
      {"url", R"(" \t ")", "can't be blank"},
      {"url", "5", "is invalid"},
      {"url", R"("https://exa\u0000mple.com")", "must be a valid HTTP or HTTPS URL"},
      {"url", R"("ftp://example.com")", valid_url},
      {"url", R"("example.com")", valid_url},
      {"url", R"("https://")", valid_url},
      {"url", R"("https://exa mple.com")", valid_url},
      {"url", R"("https://example.com/\r\nX: y")", valid_url},
      {"url", "\"https://example.com/" + std::string(2048 - 19, 'a') + "\"", valid_url},
      {"url", R"("http://127.0.0.1/x")", inside},
      {"url", R"("http://localhost:8080")", inside},
      {"callback_url", R"("x")", valid_url},
      {"callback_url", R"("http://10.0.0.1")", inside},
      {"callback_url", "{}", "is invalid"},
      {"on_failure_url", R"("x")", valid_url},
      {"on_recovery_url", R"("x")", valid_url},
      {"name", "5", "is invalid"},
      {"name", R"("a\u0000b")", "is invalid"},
      {"name", quoted(256), "is invalid"},
      {"method", R"("get")", "is invalid"},
      {"method", R"("TRACE")", "is invalid"},
      {"method", R"("")", "is invalid"},
      {"method", "1", "is invalid"},
      {"headers", "[]", "is invalid"},
      {"headers", R"("X: y")", "is invalid"},
      {"headers", R"({"X":null})", "is invalid"},
      {"headers", R"({"X":{}})", "is invalid"},
      {"headers", R"({"":"x"})", "is invalid"},
      {"headers", R"({"X Y":"x"})", "is invalid"},
      {"headers", R"({"X:":"x"})", "is invalid"},
      {"headers", R"({"Xé":"x"})", "is invalid"},
      {"headers", R"({"X":"a\r\nB: c"})", "is invalid"},
      {"headers", R"({"X":"a\u0000"})", "is invalid"},
      {"headers", R"({"X":"a\u007f"})", "is invalid"},
      {"headers", R"({"Host":"x"})", "is invalid"},
      {"headers", R"({"content-length":"1"})", "is invalid"},
      {"headers", R"({"Connection":"close"})", "is invalid"},
      {"headers", R"({"Transfer-Encoding":"chunked"})", "is invalid"},
      {"headers", R"({"TE":"trailers"})", "is invalid"},
      {"headers", R"({"Upgrade":"x"})", "is invalid"},
      {"headers", R"({"Keep-Alive":"1"})", "is invalid"},
      {"headers", R"({"Webhook-Id":"x"})", "is invalid"},
      {"headers", R"({"PUNCTUAL-Task-Id":"x"})", "is invalid"},
      {"headers", R"({"x-runlater-signature":"x"})", "is invalid"},
      {"headers", "{\"X\":" + quoted(16384) + "}", "is invalid"},
      {"body", "5", "is invalid"},
      {"body", "true", "is invalid"},
      {"body", quoted(262145), "must be less than 256KB"},
      {"body", std::string("[").append(quoted(262143)).append("]"), "must be less than 256KB"},
      {"timeout_ms", "999", "must be greater than or equal to 1000"},
      {"timeout_ms", "-99999999999", "must be greater than or equal to 1000"},
      {"timeout_ms", "300001", "must be less than or equal to 300000"},
      {"timeout_ms", "18446744073709551615", "must be less than or equal to 300000"},
      {"timeout_ms", "18446744073709551616", "must be less than or equal to 300000"},
      {"timeout_ms", "1e400", "must be less than or equal to 300000"},
      {"timeout_ms", "-9223372036854775809", "must be greater than or equal to 1000"},
      {"timeout_ms", "999.0", "must be greater than or equal to 1000"},
      {"timeout_ms", "30000.5", "is invalid"},
      {"timeout_ms", "1e-4", "is invalid"},
      {"timeout_ms", R"("30000")", "is invalid"},
      {"retry_attempts", "-1", "must be greater than or equal to 0"},
      {"retry_attempts", "11", "must be less than or equal to 10"},
      {"retry_attempts", "99999999999999999999", "must be less than or equal to 10"},
      {"retry_attempts", "-99999999999999999999", "must be greater than or equal to 0"},
      {"retry_attempts", "1.5", "is invalid"},
      {"retry_attempts", "true", "is invalid"},
      {"retry_delay", "0", positive},
      {"retry_delay", "-5", positive},
      {"retry_delay", R"("0s")", positive},
      {"retry_delay", R"("")", "is invalid"},
      {"retry_delay", R"("5 minutes")", "is invalid"},
      {"retry_delay", "-9223372036854775809", positive},
      {"retry_delay", "1.5", "is invalid"},
      {"retry_delay", R"("367d")", "must be less than or equal to 31622400"},
      {"retry_max_delay", "[]", "is invalid"},
      {"expires_in", "31622401", "must be less than or equal to 31622400"},
      {"expires_in", "18446744073709551616", "must be less than or equal to 31622400"},
      {"expected_status_codes", "200", "is invalid"},
      {"expected_status_codes", R"("2xx")", codes},
      {"expected_status_codes", R"("200,")", codes},
      {"expected_status_codes", R"(",200")", codes},
      {"expected_status_codes", R"("099")", codes},
      {"expected_status_codes", R"("600")", codes},
      {"expected_status_codes", R"("200;201")", codes},
      {"expected_status_codes", R"("200 201")", codes},
      {"expected_status_codes", quoted(1025, '2'), codes},
      {"expected_body_pattern", "1", "is invalid"},
      {"expected_body_pattern", quoted(4097), "is invalid"},
      {"queue", "1", "is invalid"},
      {"queue", quoted(256), "is invalid"},
      {"queue", R"("a\u0000")", "is invalid"},
      {"notify_on_failure", R"("yes")", "is invalid"},
      {"notify_on_recovery", "1", "is invalid"},
      {"enabled", "false", "is invalid"},
      {"enabled", R"("true")", "is invalid"},
      {"timezone", R"("Europe/Berlin")", "is invalid"},
      {"misfire", R"("all")", "is invalid"},
      {"overlap", R"("skip")", "is invalid"},
      {"schedule_type", R"("cron")", "is invalid"},
      {"schedule_type", R"("daily")", "is invalid"},
      {"schedule_type", "1", "is invalid"},
      {"delai", R"("5m")", "is not a known field"},
      {"id", R"("x")", "is not a known field"},
      {"inserted_at", R"("x")", "is not a known field"},
      {"run_at", R"("2026-01-15T11:54:59Z")", "must be in the future"},
      {"scheduled_at", R"("1970-01-01T00:00:00Z")", "must be in the future"},
      {"run_at", R"("2032-01-01T00:00:00Z")", "must be less than or equal to 2031-01-16T12:00:00.000Z"},
  };
  for (const auto& bad : table) check_refused(client, bad, "");
  CHECK(server.task_count() == 0);
}

TEST_CASE("bad values of a cron task's fields are refused in the contract's words") {
  RunningApi server;
  const auto client = server.client();
  const std::string expression = "is not a valid cron expression";
  for (const auto& bad : std::vector<BadField>{{"cron", R"("")", expression},
                                               {"cron", R"("* * * *")", expression},
                                               {"cron", "5", "is invalid"},
                                               {"cron", quoted(2000, '*'), expression},
                                               {"cron_expression", R"("61 * * * *")", expression}}) {
    check_refused(client, bad, "");
  }
  for (const auto& bad : std::vector<BadField>{{"timezone", R"("Mars/Olympus")", "is not a known time zone"},
                                               {"timezone", R"("../../etc/passwd")", "is not a known time zone"},
                                               {"timezone", R"("/etc/localtime")", "is not a known time zone"},
                                               {"timezone", R"("file:/etc/localtime")", "is not a known time zone"},
                                               {"timezone", R"("")", "is not a known time zone"},
                                               {"timezone", "1", "is invalid"},
                                               {"enabled", "1", "is invalid"},
                                               {"misfire", R"("none")", "is invalid"},
                                               {"overlap", R"("Allow")", "is invalid"},
                                               {"schedule_type", R"("once")", "is invalid"}}) {
    check_refused(client, bad, R"("cron":"@daily",)");
  }
}

TEST_CASE("a bad expression and a bad zone are told together") {
  RunningApi server;
  const auto task = [&](const std::string& fields) {
    return server.client().post("/api/v1/tasks", R"({"url":"https://example.com",)" + fields + "}");
  };
  const auto both = task(R"("cron":"x","timezone":"y")");
  CHECK(both.detail("cron") == "is not a valid cron expression");
  CHECK(both.detail("timezone") == "is not a known time zone");
  const auto no_text = task(R"("timezone":"y","cron_expression":5)");
  CHECK(no_text.detail("cron_expression") == "is invalid");
  CHECK(no_text.detail("timezone") == "is not a known time zone");
  const auto expression = task(R"("cron":"x","timezone":"Europe/Berlin")");
  CHECK(expression.json().at("error").at("details").as_object().size() == 1);
}

TEST_CASE("more than 64 headers are refused") {
  RunningApi server;
  boost::json::object headers;
  for (int i = 0; i < 64; ++i) headers["X-" + std::to_string(i)] = "v";
  boost::json::object task{{"url", "https://example.com"}, {"headers", headers}};
  CHECK(server.client().post("/api/v1/tasks", boost::json::serialize(task)).status == 202);
  task["headers"].as_object()["X-64"] = "v";
  CHECK(server.client().post("/api/v1/tasks", boost::json::serialize(task)).detail("headers") == "is invalid");
}

TEST_CASE("all problems of a task are told together") {
  RunningApi server;
  const auto reply = server.client().post("/api/v1/tasks", R"({"method":"x","timeout_ms":1,"colour":"red"})");
  CHECK(reply.status == 422);
  CHECK(
      reply.body ==
      R"({"error":{"code":"validation_error","message":"Validation failed","details":{"colour":["is not a known field"],)"
      R"("method":["is invalid"],"timeout_ms":["must be greater than or equal to 1000"],"url":["can't be blank"]}}})");
}

TEST_CASE("an empty body is an empty task") {
  RunningApi server;
  const auto reply = server.client().post("/api/v1/tasks", "");
  CHECK(reply.status == 422);
  CHECK(reply.detail("url") == "can't be blank");
}

TEST_CASE("a bad delay is refused with 400 in the contract's words") {
  RunningApi server;
  const std::string format = "invalid delay format. Use a number with unit: 30s, 5m, 2h, 1d";
  const std::string type = "delay must be a string (e.g. \"30s\", \"5m\") or integer (seconds)";
  const std::string days = "delay must be at most 366 days";
  const std::vector<std::pair<std::string, std::string>> table{
      {"0", "delay must be a positive number"},
      {"-1", "delay must be a positive number"},
      {R"("")", "delay is required"},
      {R"("0s")", "delay must be greater than 0"},
      {R"("000d")", "delay must be greater than 0"},
      {R"("5")", format},
      {R"("s")", format},
      {R"("5S")", format},
      {R"(" 5s")", format},
      {R"("5s ")", format},
      {R"("-5s")", format},
      {R"("1.5h")", format},
      {R"("5w")", format},
      {R"("soon")", format},
      {"1.5", type},
      {"true", type},
      {"[]", type},
      {"{}", type},
      {"31622401", days},
      {"18446744073709551615", days},
      {"18446744073709551616", days},
      {"1e400", days},
      {"-9223372036854775809", "delay must be a positive number"},
      {"0.0", "delay must be a positive number"},
      {"-1e400", "delay must be a positive number"},
      {R"("367d")", days},
      {R"("99999999999999999999999999d")", days},
  };
  for (const auto& [value, message] : table) {
    check_400(server.client(), R"({"url":"https://example.com","delay":)" + value + "}", "invalid_delay", message);
  }
}

TEST_CASE("a bad run_at is refused with 400") {
  RunningApi server;
  for (const std::string value : {R"("tomorrow")", R"("")", "5", "{}", R"("2026-01-15")", R"("2026-01-15T12:00:00")",
                                  R"("2026-02-30T12:00:00Z")", R"("2026-01-15T25:00:00Z")"}) {
    for (const std::string field : {"run_at", "scheduled_at"}) {
      check_400(server.client(), R"({"url":"https://example.com",")" + field + "\":" + value + "}", "invalid_run_at",
                "run_at must be a valid ISO 8601 datetime");
    }
  }
}

TEST_CASE("more than one time for a task is refused with 400") {
  RunningApi server;
  for (const auto& [times, both] : std::vector<std::pair<std::string, std::string>>{
           {R"("cron":"@daily","delay":"5m")", "cron and delay"},
           {R"("run_at":"2026-02-01T00:00:00Z","cron":"@daily")", "run_at and cron"},
           {R"("delay":5,"run_at":"2026-02-01T00:00:00Z")", "delay and run_at"},
           {R"("delay":5,"scheduled_at":"2026-02-01T00:00:00Z","cron":"@daily")", "delay and scheduled_at"},
           {R"("cron":"@daily","cron_expression":"@daily")", "cron and cron_expression"},
           {R"("run_at":"2026-02-01T00:00:00Z","scheduled_at":"2026-02-01T00:00:00Z")", "run_at and scheduled_at"}}) {
    check_400(server.client(), R"({"url":"https://example.com",)" + times + "}", "invalid_params",
              "only one of cron, delay and run_at can be given, not both " + both);
  }
}

TEST_CASE("what is not JSON is refused with 400") {
  RunningApi server;
  for (const std::string body :
       {"{", "nope", R"({"url":})", R"({"url":"x"} trailing)", "\"\xff\"", R"("\ud800")", "{'a':1}", "   "}) {
    check_400(server.client(), body, "invalid_json", "The request body is not valid JSON");
  }
  check_400(server.client(), "{\"url\":\"\xc3\x28\"}", "invalid_json", "The request body is not valid JSON");
  check_400(server.client(), std::string(100000, '['), "invalid_json", "The request body is not valid JSON");
}

TEST_CASE("JSON that is not an object is refused with 400") {
  RunningApi server;
  for (const std::string body : {"[]", "5", "null", R"("url")"}) {
    check_400(server.client(), body, "invalid_params", "The request body must be a JSON object");
  }
}

TEST_CASE("a wrapped task must be an object and alone") {
  RunningApi server;
  CHECK(server.client().post("/api/v1/tasks", R"({"task":5})").detail("task") == "is invalid");
  CHECK(
      server.client().post("/api/v1/tasks", R"({"task":{"url":"https://example.com"},"delay":"5m"})").detail("delay") ==
      "is not a known field");
}
