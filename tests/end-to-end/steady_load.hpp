// SteadyLoad: clients that create tasks without a pause, over servers that die and come again, and keep account of what they
// were answered. Each client numbers its tasks; body: "<name>-<number>".
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "engine/guarded.hpp"
#include "punctual/time.hpp"

namespace punctual::testing {

class SteadyLoad {
 public:
  // What one client does. Its requests go to the servers in turn; after one that broke, to the next.
  struct Client {
    std::string name;
    std::string key;
    // Fields of the task with this number, but for its body: `"url":"…","queue":"…"`.
    std::function<std::string(int)> fields;
    milliseconds pause{5};  // between two requests
  };
  // Where the servers are at the moment; called from the clients' threads.
  using Addresses = std::function<std::vector<std::string>()>;

  struct Account {
    std::map<std::string, Time> accepted;  // body of what was answered 202, and its due time
    std::set<std::string> unclear;         // bodies of requests that were not answered or with 503
    std::map<int, std::size_t> answers;    // how many of each status
    std::size_t broken = 0;                // connections that could not be made or ended without an answer
    std::size_t unhelpful = 0;             // 503 without Retry-After
    std::string unexpected;                // one answer that was neither 202 nor 503
  };

  SteadyLoad(std::vector<Client> clients, Addresses addresses);
  ~SteadyLoad() { (void)finish(); }
  SteadyLoad(const SteadyLoad&) = delete;
  SteadyLoad& operator=(const SteadyLoad&) = delete;

  [[nodiscard]] std::size_t accepted() const { return account_.lock()->accepted.size(); }
  // How many answers had this status.
  [[nodiscard]] std::size_t answered(int status) const { return account_.lock()->answers[status]; }
  // Stops the clients.
  Account finish();

 private:
  void run(const Client& client);

  Addresses addresses_;
  std::atomic<bool> stopping_{false};
  mutable Guarded<Account> account_;
  std::vector<std::thread> threads_;
};

}  // namespace punctual::testing
