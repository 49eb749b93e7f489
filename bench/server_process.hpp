// ServerProcess: a `punctual serve --dev` of its own on a new SQLite file, with an organisation and a key. Main thread only.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include "punctual/time.hpp"

namespace punctual::bench {

class ServerProcess {
 public:
  // `executable` is punctual; `folder` takes the database and the server's log. Returns when the server is ready; throws
  // std::runtime_error, naming the log, when it is not within 10 s.
  ServerProcess(std::filesystem::path executable, const std::filesystem::path& folder);
  // Asks it to end and waits.
  ~ServerProcess();
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  [[nodiscard]] const std::string& origin() const { return origin_; }
  [[nodiscard]] const std::string& key() const { return key_; }
  // From the start of the process to the first 200 of /ready.
  [[nodiscard]] milliseconds start_to_ready() const { return start_to_ready_; }
  // A number of /proc/PID/status, e.g. "VmRSS" (in KiB) or "Threads".
  [[nodiscard]] long status(const std::string& field) const;

 private:
  [[nodiscard]] std::string output_of(std::vector<std::string> arguments) const;
  void wait_until_ready();
  void stop() noexcept;

  std::filesystem::path executable_;
  std::filesystem::path log_;
  std::string storage_;
  std::string origin_;
  std::string key_;
  pid_t pid_ = -1;
  milliseconds start_to_ready_{};
};

}  // namespace punctual::bench
