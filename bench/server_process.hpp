// ServerProcess: a `punctual serve` of its own, measured from outside. For one thread.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "child.hpp"
#include "punctual/time.hpp"

namespace punctual::bench {

struct ServerOptions {
  std::filesystem::path executable;   // punctual
  std::filesystem::path log;          // what it says is appended here
  std::string storage;                // its URL
  std::vector<std::string> settings;  // "section.key=value", besides those that every benchmark has
};

class ServerProcess {
 public:
  // Returns when the server is ready; throws std::runtime_error, naming the log, when it is not within 60 s.
  explicit ServerProcess(ServerOptions options);

  [[nodiscard]] std::uint16_t port() const { return port_; }
  // "127.0.0.1:8080"
  [[nodiscard]] const std::string& host() const { return host_; }
  [[nodiscard]] std::string origin() const { return "http://" + host_; }
  [[nodiscard]] pid_t id() const { return child_->id(); }
  // From the start of the process to the first 200 of /ready.
  [[nodiscard]] milliseconds start_to_ready() const { return start_to_ready_; }
  // A number of /proc/PID/status, e.g. "VmRSS" (in KiB) or "Threads".
  [[nodiscard]] long status(const std::string& field) const;
  [[nodiscard]] double resident_mib() const { return static_cast<double>(status("VmRSS")) / 1024; }
  // The sum of all series of a metric, 0 when there is none.
  [[nodiscard]] double metric(const std::string& name) const;
  // Results that are stored since the start of the process.
  [[nodiscard]] double stored_results() const { return metric("punctual_executions_total"); }

 private:
  void wait_until_ready();

  ServerOptions options_;
  std::uint16_t port_;
  std::string host_;
  std::optional<Child> child_;
  milliseconds start_to_ready_{};
};

}  // namespace punctual::bench
