#include "delivery/verdict.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "delivery/http_date.hpp"

namespace punctual {
namespace {

constexpr std::chrono::hours longest_retry_after{24};

std::string_view trim(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

bool lists(std::string_view list, int status) {
  const auto wanted = std::to_string(status);
  for (;;) {
    const auto comma = list.find(',');
    if (trim(list.substr(0, comma)) == wanted) return true;
    if (comma == std::string_view::npos) return false;
    list.remove_prefix(comma + 1);
  }
}

// The wait that a Retry-After value (RFC 9110, section 10.2.3) asks for; nullopt when it makes no sense or lies in the past.
std::optional<microseconds> parse_retry_after(std::string_view text, Time now) {
  const auto at_most_a_day = [](microseconds wait) { return std::min<microseconds>(wait, longest_retry_after); };
  text = trim(text);
  if (text.empty()) return std::nullopt;
  if (text.find_first_not_of("0123456789") == std::string_view::npos) {
    std::uint32_t count = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    return error == std::errc{} ? at_most_a_day(seconds{count})
                                : longest_retry_after;  // the only error left is "too large"
  }
  const auto date = parse_http_date(text, now);
  if (!date || *date < now) return std::nullopt;
  return at_most_a_day(*date - now);
}

std::optional<microseconds> retry_after(const Headers& headers, Time now) {
  constexpr std::string_view wanted = "retry-after";
  for (const auto& [name, value] : headers) {
    const bool same = std::equal(name.begin(), name.end(), wanted.begin(), wanted.end(), [](char c, char lower) {
      return (c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c) == lower;
    });
    if (!same) continue;
    if (const auto wait = parse_retry_after(value, now)) return wait;
  }
  return std::nullopt;
}

bool is_retryable(int status, bool retry_client_errors) {
  if (status < 400 || status > 499) return true;
  return retry_client_errors || status == 408 || status == 409 || status == 425 || status == 429;
}

Verdict judge_response(const Claimed& claimed, const DeliveryOutcome& response, bool retry_client_errors, Time now) {
  const int status = response.status_code;
  const auto text = std::to_string(status);
  Verdict out;
  out.host = HostSign::answered;
  if (claimed.expected_status_codes && !lists(*claimed.expected_status_codes, status)) {
    out.error_message = "Assertion failed: status " + text + " not in [" + *claimed.expected_status_codes + "]";
    out.retryable = true;
  } else if (!claimed.expected_status_codes && (status < 200 || status > 299)) {
    out.error_message = "HTTP " + text;
    out.retryable = is_retryable(status, retry_client_errors);
  } else if (claimed.expected_body_pattern && response.body.find(*claimed.expected_body_pattern) == std::string::npos) {
    out.error_message = "Assertion failed: response body does not contain \"" + *claimed.expected_body_pattern + "\"";
    out.retryable = true;
    return out;
  } else {
    out.status = ExecutionStatus::success;
    return out;
  }
  if (status == 410) {
    out.retryable = false;
    out.disables_task = true;
  }
  if (status == 429 || status == 503) out.retry_after = retry_after(response.headers, now);
  if (status == 429) out.host = HostSign::asked;
  if (status >= 500 && status <= 599) out.host = HostSign::failed;
  return out;
}

Verdict failure(std::string message, bool retryable) {
  Verdict out;
  out.error_message = std::move(message);
  out.retryable = retryable;
  return out;
}

}  // namespace

Verdict judge(const Claimed& claimed, const DeliveryOutcome& outcome, bool retry_client_errors, Time now) {
  Verdict out;
  switch (outcome.result) {
    case DeliveryResult::responded:
      return judge_response(claimed, outcome, retry_client_errors, now);
    case DeliveryResult::timed_out:
      out = failure("Request timed out", true);
      out.status = ExecutionStatus::timeout;
      out.host = HostSign::failed;
      return out;
    case DeliveryResult::transport_error:
      out = failure("Transport error: " + outcome.error, true);
      out.host = HostSign::failed;
      return out;
    case DeliveryResult::blocked:
      return failure("Blocked address: " + outcome.error, false);
    case DeliveryResult::cancelled:
      out.status = ExecutionStatus::cancelled;
      break;
  }
  return out;
}

}  // namespace punctual
