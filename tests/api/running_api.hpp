// The API as its clients meet it: the HTTP front end on a free port, the engine behind it, and the storage plugin that
// PUNCTUAL_TEST_STORAGE_PLUGIN names on a fresh database, all in this process. The clock stands still until the test moves
// it, and requests are sent nowhere: each stays open until the test ends it. One thread, but for clients.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/task_engine.hpp"
#include "frontend/http_frontend.hpp"
#include "support/api_keys.hpp"
#include "support/eventually.hpp"
#include "support/fake_clock.hpp"
#include "support/fake_notifiers.hpp"
#include "support/fake_transport.hpp"
#include "support/frontend_settings.hpp"
#include "support/http_client.hpp"
#include "support/store_under_test.hpp"

namespace punctual::testing {

[[nodiscard]] inline std::string text_of(const boost::json::value& value) { return std::string(value.as_string()); }
// Of an object, in their order.
[[nodiscard]] std::vector<std::string> keys_of(const boost::json::value& object);

class RunningApi {
 public:
  // Limits are off unless `changes` sets them.
  explicit RunningApi(Changes changes = {});
  ~RunningApi();
  RunningApi(const RunningApi&) = delete;
  RunningApi& operator=(const RunningApi&) = delete;

  // The server ends and another one begins on the same store.
  void restart();

  [[nodiscard]] HttpClient client(std::string_view key = first_key) const {
    return HttpClient(frontend_->listening_at(), std::string(key));
  }

  // ---- Short words for what most cases do. What goes wrong is thrown as std::runtime_error.

  // The id of a new task.
  std::string create(std::string_view body) const;
  // `data` of what GET gives.
  [[nodiscard]] boost::json::value get(const std::string& path) const;
  [[nodiscard]] boost::json::value task(const std::string& id) const { return get("/api/v1/tasks/" + id); }
  [[nodiscard]] boost::json::value execution(const std::string& id) const { return get("/api/v1/executions/" + id); }
  // Newest first.
  [[nodiscard]] boost::json::array executions_of(const std::string& task) const;

  HttpReply patch(const std::string& task, std::string_view body) const {
    return client().request("PATCH", "/api/v1/tasks/" + task, body);
  }
  HttpReply remove(const std::string& task) const { return client().request("DELETE", "/api/v1/tasks/" + task); }
  HttpReply trigger(const std::string& task) const { return client().post("/api/v1/tasks/" + task + "/trigger", ""); }

  // Lets the clock go on to the due time of the task's earliest execution that has not ended, and waits until its request
  // is sent. The execution's id.
  std::string send(const std::string& task);
  // Makes another task that is due now and waits until its request is sent: what was due before has been sent as well, or
  // will not be.
  void pass_by();
  // Ends an open request so, and waits until the result is stored.
  void finish(const std::string& execution, DeliveryOutcome outcome);
  void finish(const std::string& execution, int status) { finish(execution, transport().response(status)); }
  // send, then finish. The execution's id.
  std::string run(const std::string& task, int status = 200);

  // ---- What is stored.

  [[nodiscard]] TaskSpec spec_of(const std::string& task);
  // Lets the clock go on by so much and waits until the task's one execution is claimed ahead of its time.
  void advance_until_claimed(microseconds by, const std::string& task);
  // Of the organisation that first_key is of; at most 100.
  [[nodiscard]] std::size_t task_count();
  [[nodiscard]] Storage& storage() { return **storage_; }

  // Of the server that runs now.
  [[nodiscard]] FakeTransport& transport() { return *transport_; }
  [[nodiscard]] FakeNotifiers& notifiers() { return *notifiers_; }

  FakeClock clock;
  TestHost host{clock};

 private:
  void start();
  void stop();

  Settings settings_;
  StoreUnderTest store_;
  std::optional<PluginInstance<Storage>> storage_;
  std::optional<FakeTransport> transport_;
  std::optional<FakeNotifiers> notifiers_;
  std::optional<TaskEngine> engine_;
  std::optional<HttpFrontend> frontend_;
};

}  // namespace punctual::testing
