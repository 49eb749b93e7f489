// A Punctual as somebody would run it: the real executable on its own store, of the kind that PUNCTUAL_TEST_STORAGE_KIND names,
// and port, an organisation with a key made by the command line, and a real HTTP target. One thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "support/eventually.hpp"
#include "support/fresh_storage.hpp"
#include "support/http_client.hpp"
#include "support/http_target.hpp"
#include "support/process.hpp"

namespace punctual::testing {

class Deployment {
 public:
  Deployment() {
    (void)run({"org", "create", "acme"});
    key_ = lines_of(run({"key", "create", "--org", "acme"}).out).at(0);
    start();
  }

  // The server again, after a stop or a kill.
  void start(std::vector<std::string> more = {}) {
    std::vector<std::string> arguments{"--set", "delivery.allow_private_networks=true", "--set",
                                       "limits.requests_per_minute=0"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    server_.emplace(storage_.url(), arguments);
  }
  RunningServer& server() { return *server_; }
  [[nodiscard]] const FreshStorage& storage() const { return storage_; }

  // A `punctual` command on this deployment's store.
  Ended run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--storage", storage_.url()});
    return punctual(arguments);
  }

  [[nodiscard]] HttpClient client() const { return HttpClient(server_->url().substr(7), key_); }
  [[nodiscard]] const std::string& key() const { return key_; }
  [[nodiscard]] HttpTarget& target() { return target_; }

  // POST /api/v1/tasks; the reply must have this status.
  boost::json::object create(const boost::json::object& task, int status = 202) const {
    const auto reply = client().post("/api/v1/tasks", boost::json::serialize(task));
    if (reply.status != status) throw std::runtime_error(std::to_string(reply.status) + " " + reply.body);
    return reply.json().at("data").as_object();
  }
  boost::json::object get(const std::string& path) const {
    return client().get("/api/v1" + path).json().at("data").as_object();
  }
  // True once the execution has this status.
  [[nodiscard]] bool reaches(const boost::json::object& created, std::string_view status) const {
    const std::string path = "/executions/" + std::string(created.at("execution_id").as_string());
    return eventually([&] { return get(path).at("status").as_string() == status; });
  }

 private:
  FreshStorage storage_;
  std::string key_;
  HttpTarget target_;
  std::optional<RunningServer> server_;
};

}  // namespace punctual::testing
