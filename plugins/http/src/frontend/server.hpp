// Server: listens, keeps the connections, and gives each request a thread. A connection waits for its client in the lobby, its
// request for a thread in the queue; a thread serves one request and looks for the next. Knows HTTP's framing, nothing of the
// API.
#pragma once

#include <Poco/Runnable.h>
#include <Poco/ThreadPool.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "frontend/client_waits.hpp"
#include "frontend/connection.hpp"
#include "frontend/doorman.hpp"
#include "frontend/exchange.hpp"
#include "frontend/front_metrics.hpp"
#include "frontend/lobby.hpp"
#include "frontend/request_queue.hpp"

namespace punctual {

struct ServerSettings {
  std::string listen = "127.0.0.1:8080";
  int max_threads = 256;
  milliseconds max_queue_time{50};
  std::size_t max_connections = 16384;
  milliseconds idle_time{65000};
  ReadLimits read;
};

// Throws Error when `listen` is not "host:port" or "[v6]:port".
void check_address(const std::string& listen);

// start and stop from one thread, once each; the rest from any thread.
class Server {
 public:
  // `handler` and `metrics` outlive it.
  Server(ServerSettings settings, RequestHandler& handler, FrontMetrics& metrics);
  ~Server();

  // Throws Error when the address cannot be had.
  void start();
  // "127.0.0.1:8080", "[::1]:8080": after start.
  [[nodiscard]] std::string address() const { return address_; }
  // Requests that are being handled may end within `limit`; new ones are answered 503. Joins all threads.
  void stop(milliseconds limit) noexcept;

  [[nodiscard]] bool stopping() const { return stopping_; }
  static constexpr std::string_view stopping_message = "The server is shutting down";
  [[nodiscard]] ServerLoad load() const;

  // For exchanges.
  void enqueue(ConnectionPtr connection);
  [[nodiscard]] const ServerSettings& settings() const { return settings_; }
  [[nodiscard]] RequestHandler& handler() { return handler_; }
  [[nodiscard]] FrontMetrics& metrics() { return metrics_; }
  [[nodiscard]] ClientWaits& client_waits() { return client_waits_; }
  [[nodiscard]] Lobby& lobby() { return *lobby_; }
  [[nodiscard]] Doorman& doorman() { return doorman_; }

 private:
  class Role final : public Poco::Runnable {
   public:
    explicit Role(std::function<void()> what) : what_(std::move(what)) {}
    void run() override { what_(); }

   private:
    std::function<void()> what_;
  };

  void admit(const Poco::Net::StreamSocket& socket);
  void end_late(ConnectionPtr connection);
  void hire();
  void serve_requests();
  void refuse_overdue();

  ServerSettings settings_;
  RequestHandler& handler_;
  FrontMetrics& metrics_;
  std::string address_;
  std::atomic<bool> stopping_{false};
  std::atomic<int> threads_serving_{0};  // have a request
  std::atomic<int> threads_hired_{0};
  std::mutex hiring_;
  bool hiring_over_ = false;  // guarded by hiring_
  ConnectionCount connections_;
  ClientWaits client_waits_;
  RequestQueue queue_;
  Doorman doorman_;
  std::unique_ptr<Lobby> lobby_;
  Role watching_;
  Role serving_;
  Role refusing_;
  std::optional<Poco::ThreadPool> threads_;  // last: they use the others
};

}  // namespace punctual
