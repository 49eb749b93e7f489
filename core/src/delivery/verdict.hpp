// Verdict: what the end of one attempt means. Pure; any thread.
#pragma once

#include <optional>
#include <string>

#include "punctual/model.hpp"
#include "punctual/storage.hpp"
#include "punctual/time.hpp"
#include "punctual/transport.hpp"

namespace punctual {

// What an attempt says of the host it went to.
enum class HostSign : std::uint8_t {
  nothing,   // it did not get there, or not for a reason of the host's
  answered,  // any response but those below; one that the task does not accept too
  failed,    // a timeout, a transport error, or a 5xx that the task does not expect
  asked,     // a 429 that the task does not expect: nothing more for now
};

struct Verdict {
  ExecutionStatus status = ExecutionStatus::failed;  // success, failed, timeout or cancelled
  std::optional<std::string> error_message;          // set unless it is a success or was cancelled
  bool retryable = false;      // this kind of end is tried again; whether attempts are left is not looked at
  bool disables_task = false;  // 410 Gone
  // What a 429 or 503 asked for in Retry-After, counted from `now`; at most 24 h.
  std::optional<microseconds> retry_after;
  HostSign host = HostSign::nothing;
};

// Success is a status among the task's expected ones (2xx when it names none) and a body that contains the expected text.
// Retryable are timeouts, transport errors, responses that are not what the task expects, and every other status but 4xx;
// of those 408, 409, 425 and 429, with `retry_client_errors` all but 410. A blocked address never is.
[[nodiscard]] Verdict judge(const Claimed& claimed, const DeliveryOutcome& outcome, bool retry_client_errors, Time now);

}  // namespace punctual
