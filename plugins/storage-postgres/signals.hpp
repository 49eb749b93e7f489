// The role Signals on Postgres: NOTIFY, a statement of its own and never in a transaction with rows, and a thread of its own
// that listens on a connection of its own.
#pragma once

#include <atomic>
#include <thread>

#include "punctual/host.hpp"
#include "punctual/storage.hpp"
#include "session_pool.hpp"

namespace punctual::postgres {

class PostgresSignals final : public Signals {
 public:
  PostgresSignals(SessionOptions options, SessionPool& pool, Host& host);
  ~PostgresSignals() override { stop_listening(); }

  void listen(std::function<void(const Signal&)> receive) override;
  void stop_listening() noexcept override;
  void send(const Signal& signal) noexcept override;

 private:
  void run();
  // Receives until stopped or until the connection breaks.
  void receive_on(Session& session);
  [[nodiscard]] bool wait_for_input(int descriptor, milliseconds limit) const;

  const SessionOptions options_;
  SessionPool& pool_;
  Host& host_;
  const std::string channel_;
  const std::string self_;  // names this instance, whose own signals are not received
  std::function<void(const Signal&)> receive_;
  int wake_ = -1;  // an eventfd
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace punctual::postgres
