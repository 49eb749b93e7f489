// An HttpFrontend on a free port, in front of a FakeEngine.
#pragma once

#include <string>

#include "frontend/http_frontend.hpp"
#include "support/eventually.hpp"
#include "support/fake_engine.hpp"
#include "support/frontend_settings.hpp"
#include "support/http_client.hpp"

namespace punctual::testing {

class RunningFrontend {
 public:
  // Limits are off unless `changes` sets them.
  explicit RunningFrontend(Changes changes = {});
  ~RunningFrontend() { frontend.stop(milliseconds{0}); }

  [[nodiscard]] HttpClient client(std::string_view key = first_key) const {
    return HttpClient(frontend.listening_at(), std::string(key));
  }
  [[nodiscard]] HttpConnection connect() const { return HttpConnection(frontend.listening_at()); }

  // The id of a new one-time task.
  std::string create(std::string_view body);

  FakeHost host;
  FakeEngine engine{host};
  HttpFrontend frontend;
};

}  // namespace punctual::testing
