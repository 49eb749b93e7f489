#include "delivery/verdict.hpp"

#include "support/precompiled.hpp"

namespace punctual {
namespace {

using std::chrono::hours;

const Time now = *parse_rfc3339("2026-01-31T08:30:00.250Z");

DeliveryOutcome response(int status, std::string body = "", Headers headers = {}) {
  DeliveryOutcome out;
  out.result = DeliveryResult::responded;
  out.status_code = status;
  out.body = std::move(body);
  out.headers = std::move(headers);
  return out;
}

DeliveryOutcome broken(DeliveryResult result, std::string error = "") {
  DeliveryOutcome out;
  out.result = result;
  out.error = std::move(error);
  return out;
}

Claimed expecting(std::optional<std::string> status_codes, std::optional<std::string> body_pattern = std::nullopt) {
  Claimed out;
  out.expected_status_codes = std::move(status_codes);
  out.expected_body_pattern = std::move(body_pattern);
  return out;
}

std::optional<microseconds> retry_after(std::string value, int status = 429) {
  return judge({}, response(status, "", {{"Date", "x"}, {"retry-After", std::move(value)}}), false, now).retry_after;
}

}  // namespace

TEST_CASE("a 2xx is a success where nothing else is expected") {
  for (const int status : {200, 201, 204, 299}) {
    const auto verdict = judge({}, response(status), false, now);
    CHECK(verdict.status == ExecutionStatus::success);
    CHECK_FALSE(verdict.error_message);
    CHECK_FALSE(verdict.retryable);
    CHECK_FALSE(verdict.disables_task);
  }
}

TEST_CASE("any other status is a failure that names it") {
  for (const int status : {101, 199, 300, 301, 404, 500, 599}) {
    const auto verdict = judge({}, response(status), false, now);
    CHECK(verdict.status == ExecutionStatus::failed);
    CHECK(verdict.error_message == "HTTP " + std::to_string(status));
  }
}

TEST_CASE("expected status codes replace 2xx") {
  CHECK(judge(expecting("404"), response(404), false, now).status == ExecutionStatus::success);
  CHECK(judge(expecting("200, 302 ,410"), response(302), false, now).status == ExecutionStatus::success);
  CHECK(judge(expecting("200,201"), response(201), false, now).status == ExecutionStatus::success);
  CHECK(judge(expecting("201"), response(200), false, now).status == ExecutionStatus::failed);
  CHECK(judge(expecting("200"), response(20), false, now).status == ExecutionStatus::failed);
}

TEST_CASE("a status that is not expected is a failed assertion with the list as it was given") {
  const auto verdict = judge(expecting("200, 201"), response(204), false, now);
  CHECK(verdict.status == ExecutionStatus::failed);
  CHECK(verdict.error_message == "Assertion failed: status 204 not in [200, 201]");
}

TEST_CASE("the body must contain the expected text") {
  CHECK(judge(expecting(std::nullopt, "ok"), response(200, "all ok."), false, now).status == ExecutionStatus::success);
  const auto verdict = judge(expecting(std::nullopt, "a.c"), response(200, "abc"), false, now);
  CHECK(verdict.status == ExecutionStatus::failed);
  CHECK(verdict.error_message == "Assertion failed: response body does not contain \"a.c\"");
}

TEST_CASE("the status is judged before the body") {
  CHECK(judge(expecting(std::nullopt, "ok"), response(500, "no"), false, now).error_message == "HTTP 500");
  CHECK(judge(expecting("200", "ok"), response(500, "no"), false, now).error_message ==
        "Assertion failed: status 500 not in [200]");
}

TEST_CASE("a timeout has its own status") {
  const auto verdict = judge({}, broken(DeliveryResult::timed_out), false, now);
  CHECK(verdict.status == ExecutionStatus::timeout);
  CHECK(verdict.error_message == "Request timed out");
  CHECK(verdict.retryable);
}

TEST_CASE("a transport error gives its reason") {
  const auto verdict = judge({}, broken(DeliveryResult::transport_error, "connection refused"), false, now);
  CHECK(verdict.status == ExecutionStatus::failed);
  CHECK(verdict.error_message == "Transport error: connection refused");
  CHECK(verdict.retryable);
}

TEST_CASE("a blocked address is final") {
  const auto verdict = judge({}, broken(DeliveryResult::blocked, "10.0.0.1"), true, now);
  CHECK(verdict.status == ExecutionStatus::failed);
  CHECK(verdict.error_message == "Blocked address: 10.0.0.1");
  CHECK_FALSE(verdict.retryable);
}

TEST_CASE("a cancelled attempt is not tried again") {
  const auto verdict = judge({}, broken(DeliveryResult::cancelled), true, now);
  CHECK(verdict.status == ExecutionStatus::cancelled);
  CHECK_FALSE(verdict.error_message);
  CHECK_FALSE(verdict.retryable);
}

TEST_CASE("which statuses are tried again") {
  struct Row {
    int status;
    bool by_default;
    bool with_client_errors;
  };
  for (const Row row : {Row{100, true, true}, Row{301, true, true}, Row{304, true, true}, Row{400, false, true},
                        Row{401, false, true}, Row{404, false, true}, Row{408, true, true}, Row{409, true, true},
                        Row{410, false, false}, Row{422, false, true}, Row{425, true, true}, Row{429, true, true},
                        Row{499, false, true}, Row{500, true, true}, Row{503, true, true}, Row{599, true, true}}) {
    INFO(row.status);
    CHECK(judge({}, response(row.status), false, now).retryable == row.by_default);
    CHECK(judge({}, response(row.status), true, now).retryable == row.with_client_errors);
  }
}

TEST_CASE("a failed assertion is tried again") {
  CHECK(judge(expecting("200"), response(204), false, now).retryable);
  CHECK(judge(expecting("200"), response(404), false, now).retryable);
  CHECK(judge(expecting(std::nullopt, "ok"), response(200, "no"), false, now).retryable);
}

TEST_CASE("410 disables the task unless it is expected") {
  CHECK(judge({}, response(410), false, now).disables_task);
  CHECK(judge({}, response(410), true, now).disables_task);
  const auto unexpected = judge(expecting("200"), response(410), false, now);
  CHECK(unexpected.disables_task);
  CHECK_FALSE(unexpected.retryable);
  CHECK_FALSE(judge(expecting("410"), response(410), false, now).disables_task);
  CHECK_FALSE(judge({}, response(404), false, now).disables_task);
}

TEST_CASE("what an attempt says of its host") {
  const auto sign = [](const DeliveryOutcome& outcome, const Claimed& claimed = {}) {
    return judge(claimed, outcome, false, now).host;
  };
  for (const int status : {500, 502, 503, 504, 599}) CHECK(sign(response(status)) == HostSign::failed);
  CHECK(sign(broken(DeliveryResult::timed_out)) == HostSign::failed);
  CHECK(sign(broken(DeliveryResult::transport_error, "refused")) == HostSign::failed);
  CHECK(sign(response(500), expecting("200")) == HostSign::failed);
  CHECK(sign(response(503, "", {{"Retry-After", "9"}})) == HostSign::failed);
  CHECK(sign(response(429)) == HostSign::asked);
  CHECK(sign(response(429), expecting("200")) == HostSign::asked);
  for (const int status : {200, 204, 302, 400, 404, 408, 410, 425}) CHECK(sign(response(status)) == HostSign::answered);
  CHECK(sign(response(204), expecting("200")) == HostSign::answered);
  CHECK(sign(response(200, "no"), expecting(std::nullopt, "ok")) == HostSign::answered);
  CHECK(sign(response(500), expecting("500")) == HostSign::answered);
  CHECK(sign(response(500, "no"), expecting("500", "ok")) == HostSign::answered);
  CHECK(sign(response(429), expecting("429")) == HostSign::answered);
  CHECK(sign(broken(DeliveryResult::blocked, "10.0.0.1")) == HostSign::nothing);
  CHECK(sign(broken(DeliveryResult::cancelled)) == HostSign::nothing);
}

TEST_CASE("Retry-After is read in seconds") {
  CHECK(retry_after("120") == seconds{120});
  CHECK(retry_after(" 120\t") == seconds{120});
  CHECK(retry_after("0") == seconds{0});
  CHECK(retry_after("120", 503) == seconds{120});
}

TEST_CASE("Retry-After is read as a date") {
  const auto wait = seconds{60} - milliseconds{250};
  CHECK(retry_after("Sat, 31 Jan 2026 08:31:00 GMT") == wait);
  CHECK(retry_after("Saturday, 31-Jan-26 08:31:00 GMT") == wait);
  CHECK(retry_after("Sat Jan 31 08:31:00 2026") == wait);
}

TEST_CASE("Retry-After is at most a day") {
  CHECK(retry_after("86400") == hours{24});
  CHECK(retry_after("86401") == hours{24});
  CHECK(retry_after("99999999999999999999999999") == hours{24});
  CHECK(retry_after("Sun, 31 Jan 2027 08:31:00 GMT") == hours{24});
}

TEST_CASE("a Retry-After that makes no sense or has passed is ignored") {
  for (const char* value : {"", " ", "-1", "+1", "1.5", "1e3", "soon", "120 s", "Sat, 31 Jan 2026 08:29:00 GMT",
                            "Sat, 31 Jan 2026 08:30:00 GMT", "Sat, 31 Jan 2026"}) {
    INFO(value);
    CHECK_FALSE(retry_after(value));
  }
}

TEST_CASE("Retry-After counts for 429 and 503 only") {
  for (const int status : {200, 302, 408, 425, 500, 502, 504}) CHECK_FALSE(retry_after("5", status));
}

TEST_CASE("the first Retry-After that makes sense counts") {
  const Headers headers{{"Retry-After", "soon"}, {"Retry-After", "7"}, {"Retry-After", "9"}};
  CHECK(judge({}, response(429, "", headers), false, now).retry_after == seconds{7});
}

TEST_CASE("without a Retry-After there is no wait") { CHECK_FALSE(judge({}, response(429), false, now).retry_after); }

}  // namespace punctual
