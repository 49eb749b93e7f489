// Executions as the API shows them. Any thread.
#pragma once

#include <span>

#include "frontend/task_json.hpp"
#include "punctual/engine.hpp"

namespace punctual {

// In the order of the contract.
[[nodiscard]] std::span<const JsonKey<Execution>> execution_keys();
// What the detail has on top of these.
[[nodiscard]] std::span<const JsonKey<ExecutionDetail>> execution_detail_keys();

void append_execution(JsonText& json, const Execution& execution);
// {"data":<execution>}
[[nodiscard]] std::string execution_body(const Execution& execution);
// {"data":<execution with its detail>}
[[nodiscard]] std::string execution_body(const ExecutionDetail& detail);
// 202 for a run that a client has asked for: {"data":{…},"message":…}
[[nodiscard]] StoredReply started_run_reply(const StartedRun& run, std::string_view message);

}  // namespace punctual
