// A Punctual as somebody would run it: one server on its own store, of the kind that PUNCTUAL_TEST_STORAGE_KIND names. One
// thread.
#pragma once

#include <string>
#include <vector>

#include "installation.hpp"
#include "support/eventually.hpp"
#include "support/fresh_storage.hpp"

namespace punctual::testing {

class Deployment {
 public:
  Deployment() { (void)installation_.start(); }

  // The server again, after a stop or a kill.
  void start(const std::vector<std::string>& more = {}) { installation_.start_again(0, more); }
  RunningServer& server() { return installation_.server(); }
  [[nodiscard]] const FreshStorage& storage() const { return storage_; }
  [[nodiscard]] Installation& installation() { return installation_; }

  Ended run(std::vector<std::string> arguments) const { return installation_.run(std::move(arguments)); }

  [[nodiscard]] HttpClient client() const { return installation_.client(); }
  [[nodiscard]] const std::string& key() const { return installation_.key(); }
  [[nodiscard]] HttpTarget& target() { return installation_.target(); }

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
  Installation installation_{storage_.url()};
};

}  // namespace punctual::testing
