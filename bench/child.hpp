// Child: a program that runs beside the benchmark and ends with it. For one thread.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace punctual::bench {

class Child {
 public:
  // Starts it with its output and errors appended to `log`. Throws std::system_error.
  Child(const std::vector<std::string>& command, const std::filesystem::path& log);
  ~Child() { stop(); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  [[nodiscard]] pid_t id() const { return pid_; }
  [[nodiscard]] bool runs();
  // SIGTERM, then its end; SIGKILL when that takes more than 30 s.
  void stop() noexcept;

 private:
  pid_t pid_ = -1;
};

// Runs a program to its end and returns what it printed, without the last line ends; its errors go to ours. Throws
// std::runtime_error when it fails.
[[nodiscard]] std::string output_of(const std::vector<std::string>& command);

}  // namespace punctual::bench
