// Installation: an organisation with a key, made by the command line on a given store, the real executable serving on it as
// often as wished, and a real HTTP target. One thread, but for addresses().
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "arrivals.hpp"
#include "engine/guarded.hpp"
#include "support/http_client.hpp"
#include "support/http_target.hpp"
#include "support/process.hpp"

namespace punctual::testing {

class Installation {
 public:
  explicit Installation(std::string storage) : storage_(std::move(storage)) { key_ = add_organization("acme"); }

  // Its key.
  std::string add_organization(const std::string& name) const {
    (void)run({"org", "create", name});
    return lines_of(run({"key", "create", "--org", name}).out).at(0);
  }

  // One more server; its place among them.
  std::size_t start(const std::vector<std::string>& more = {}) {
    servers_.push_back(launched(more));
    addresses_.lock()->push_back(address(servers_.size() - 1));
    return servers_.size() - 1;
  }
  // The server of this place again, after a stop or a kill; on another port.
  void start_again(std::size_t place, const std::vector<std::string>& more = {}) {
    servers_.at(place).reset();
    servers_.at(place) = launched(more);
    addresses_.lock()->at(place) = address(place);
  }
  [[nodiscard]] RunningServer& server(std::size_t place = 0) { return *servers_.at(place); }
  // Where all of them are or, while they are down, were. Any thread.
  [[nodiscard]] std::vector<std::string> addresses() const { return *addresses_.lock(); }

  // A `punctual` command on this store.
  Ended run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--storage", storage_});
    return punctual(arguments);
  }

  [[nodiscard]] HttpClient client(std::size_t place = 0) const { return HttpClient(address(place), key_); }
  [[nodiscard]] const std::string& key() const { return key_; }
  [[nodiscard]] HttpTarget& target() { return target_; }
  [[nodiscard]] Arrivals& arrivals() { return arrivals_; }

 private:
  [[nodiscard]] std::string address(std::size_t place) const { return servers_.at(place)->url().substr(7); }
  [[nodiscard]] std::unique_ptr<RunningServer> launched(const std::vector<std::string>& more) const {
    std::vector<std::string> arguments{"--set", "delivery.allow_private_networks=true", "--set",
                                       "limits.requests_per_minute=0"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return std::make_unique<RunningServer>(storage_, arguments);
  }

  std::string storage_;
  std::string key_;
  Arrivals arrivals_;
  HttpTarget target_;
  mutable Guarded<std::vector<std::string>> addresses_;
  std::vector<std::unique_ptr<RunningServer>> servers_;
};

}  // namespace punctual::testing
