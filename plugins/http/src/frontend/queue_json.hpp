// Queues as the API shows them and as clients set them. Any thread.
#pragma once

#include <boost/json.hpp>
#include <span>
#include <string>

#include "frontend/task_json.hpp"
#include "punctual/queues.hpp"

namespace punctual {

// In the order of the contract.
[[nodiscard]] std::span<const JsonKey<Queue>> queue_keys();

void append_queue(JsonText& json, const Queue& queue);

// {"data":<queue>}.
[[nodiscard]] std::string queue_body(const Queue& queue);

// Throws Invalid with everything that is wrong.
[[nodiscard]] QueueChange read_queue_change(const boost::json::object& fields);

}  // namespace punctual
