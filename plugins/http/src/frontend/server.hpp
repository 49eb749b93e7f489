// Server: listens, gives each connection a thread of its own pool (Poco's model) and keeps idle or excess connections from
// starving the others. Knows HTTP's framing, nothing of the API.
#pragma once

#include <Poco/Net/TCPServer.h>
#include <Poco/ThreadPool.h>

#include <atomic>
#include <memory>
#include <string>

#include "frontend/answer.hpp"
#include "frontend/client_address.hpp"
#include "frontend/doorman.hpp"
#include "frontend/front_metrics.hpp"
#include "frontend/open_connections.hpp"
#include "frontend/request_reader.hpp"

namespace punctual {

struct IncomingRequest {
  const RequestHead& head;
  RequestReader& reader;  // for the body
  const IpAddress& peer;
};

// Answers requests. Called from every connection's thread at once.
class RequestHandler {
 public:
  [[nodiscard]] virtual Answer handle(const IncomingRequest& request) noexcept = 0;

 protected:
  ~RequestHandler() = default;
};

struct ServerSettings {
  std::string listen = "127.0.0.1:8080";
  int max_threads = 256;
  int max_queued = 4096;
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
  [[nodiscard]] std::string address() const;
  // Requests that are being handled may end within `limit`; new ones are answered 503. Joins all threads.
  void stop(milliseconds limit) noexcept;

  [[nodiscard]] bool stopping() const { return stopping_; }
  // Connections wait and every thread has one.
  [[nodiscard]] bool short_of_threads() const;
  [[nodiscard]] ServerLoad load() const;

  // For a connection.
  void connection_ended() { --admitted_; }
  [[nodiscard]] const ServerSettings& settings() const { return settings_; }
  [[nodiscard]] RequestHandler& handler() { return handler_; }
  [[nodiscard]] FrontMetrics& metrics() { return metrics_; }
  [[nodiscard]] OpenConnections& connections() { return connections_; }
  [[nodiscard]] Doorman& doorman() { return doorman_; }

 private:
  friend class AdmissionFilter;
  // Whether a connection that has just been accepted may wait for a thread; it is answered otherwise.
  [[nodiscard]] bool admit(const Poco::Net::StreamSocket& socket);
  // How many connections wait for a thread. Poco's own figures leave out those that are just being handed over.
  [[nodiscard]] int waiting() const;
  void make_room(int wanted);
  // Whether there may be more to do soon.
  [[nodiscard]] bool relieve();

  ServerSettings settings_;
  RequestHandler& handler_;
  FrontMetrics& metrics_;
  OpenConnections connections_;
  std::atomic<bool> stopping_{false};
  std::atomic<int> admitted_{0};  // connections that have been given to Poco and have not ended
  std::unique_ptr<Poco::ThreadPool> threads_;
  std::unique_ptr<Poco::Net::TCPServer> listener_;
  Doorman doorman_;  // last: its thread uses the others
};

}  // namespace punctual
