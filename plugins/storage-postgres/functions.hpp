// The functions in the database, most of them of the hot path: one round trip a batch, many statements with a snapshot each. Each
// text stands beside the C++ function that calls it. Any thread.
#pragma once

#include <array>
#include <string>

namespace punctual::postgres {

extern const std::string quota_functions;
extern const std::string insert_work_function;
extern const std::string claim_work_function;
extern const std::string settle_work_function;
extern const std::string end_claims_function;
extern const std::string retry_executions_function;
extern const std::string claim_messages_function;
extern const std::string count_running_function;

// In the order in which they must be made.
[[nodiscard]] inline std::array<const std::string*, 8> hot_path_functions() {
  return {&end_claims_function,  &quota_functions,           &insert_work_function,    &claim_work_function,
          &settle_work_function, &retry_executions_function, &claim_messages_function, &count_running_function};
}

}  // namespace punctual::postgres
