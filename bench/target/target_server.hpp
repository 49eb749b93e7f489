// TargetServer: a cheap HTTP server that deliveries go to: one thread, epoll, kept-alive connections. For one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <queue>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "target/tally.hpp"

namespace punctual::bench {

class TargetServer {
 public:
  // Listens on 127.0.0.1; port 0 takes a free one. Throws std::system_error.
  explicit TargetServer(std::uint16_t port);
  ~TargetServer();
  TargetServer(const TargetServer&) = delete;
  TargetServer& operator=(const TargetServer&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  // Until the process is ended by a signal.
  [[noreturn]] void run();

 private:
  struct Client {
    int descriptor = -1;
    std::uint64_t made = 0;  // tells it apart from a later one with the same descriptor
    std::string input;       // of a request that has come in part
    std::string output;      // what the socket had no room for
    bool watches_writing = false;
    bool last = false;   // the client closes after this reply
    bool waits = false;  // its reply is delayed
  };
  struct Delayed {
    std::chrono::steady_clock::time_point at;
    int descriptor;
    std::uint64_t made;
    int status;
    bool operator>(const Delayed& other) const { return at > other.at; }
  };

  void accept_all();
  void read(Client& client);
  // Answers the first request of `text`; gives its length, or 0 when it is not whole yet.
  [[nodiscard]] std::size_t take_request(Client& client, std::string_view text);
  void answer(Client& client, std::string_view line);
  void reply(Client& client, std::string_view bytes);
  void send_delayed();
  void close(Client& client);
  [[nodiscard]] int wait_limit() const;

  int listener_ = -1;
  int epoll_ = -1;
  std::uint16_t port_ = 0;
  std::uint64_t made_ = 0;
  std::vector<std::unique_ptr<Client>> clients_;  // by descriptor
  std::priority_queue<Delayed, std::vector<Delayed>, std::greater<>> delayed_;
  std::minstd_rand random_;
  Tally tally_;
};

}  // namespace punctual::bench
