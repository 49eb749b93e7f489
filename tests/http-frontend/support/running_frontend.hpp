// An HttpFrontend on a free port, in front of a FakeEngine.
#pragma once

#include <functional>
#include <initializer_list>
#include <string>

#include "frontend/http_frontend.hpp"
#include "support/fake_engine.hpp"
#include "support/http_client.hpp"

namespace punctual::testing {

// A setting as it would be written after --set.
struct Change {
  std::string name;
  std::string value;
};
using Changes = std::initializer_list<Change>;

// What the host would hand over: the declared defaults, with `changes` on top.
[[nodiscard]] Settings settings_with(Changes changes);

class RunningFrontend {
 public:
  // Limits are off unless `changes` sets them.
  explicit RunningFrontend(Changes changes = {});
  ~RunningFrontend() { frontend.stop(milliseconds{0}); }

  [[nodiscard]] HttpClient client(std::string_view key = first_key) const {
    return HttpClient(frontend.listening_at(), std::string(key));
  }
  [[nodiscard]] HttpConnection connect() const { return HttpConnection(frontend.listening_at()); }

  // The id of a new task.
  std::string create(std::string_view body);

  FakeHost host;
  FakeEngine engine{host};
  HttpFrontend frontend;
};

// Waits up to five seconds for `condition`.
[[nodiscard]] bool eventually(const std::function<bool()>& condition);

}  // namespace punctual::testing
