#include "support/running_frontend.hpp"

#include <stdexcept>

namespace punctual::testing {

RunningFrontend::RunningFrontend(Changes changes) : frontend(settings_for_test(changes), host) {
  frontend.start(engine);
}

std::string RunningFrontend::create(std::string_view body) {
  const auto reply = client().post("/api/v1/tasks", body);
  if (reply.status != 202) throw std::runtime_error("not created: " + reply.body);
  return std::string(reply.json().at("data").at("task_id").as_string());
}

}  // namespace punctual::testing
