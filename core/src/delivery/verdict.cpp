#include "delivery/verdict.hpp"

#include <algorithm>
#include <string_view>

#include "delivery/retry_after.hpp"

namespace punctual {
namespace {

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
