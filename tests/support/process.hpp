// Runs the real executable: commands that end, and a server that is told to.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "support/temporary_folder.hpp"

namespace punctual::testing {

// The storage URL of a SQLite database in there.
inline std::string sqlite_in(const TemporaryFolder& folder) { return "sqlite://" + (folder / "test.db").string(); }

struct Ended {
  int exit_code = -1;  // 128 + signal when one ended it
  std::string out;
  std::string err;
};

// A child process with its output in files. Its environment has nothing that begins with PUNCTUAL_ but what is given.
class Process {
 public:
  using Environment = std::vector<std::string>;  // "NAME=value"

  explicit Process(const std::vector<std::string>& arguments, const Environment& environment = {});
  ~Process();  // killed when it still runs
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  [[nodiscard]] pid_t id() const noexcept { return pid_; }
  void signal(int number) const;
  // Waits for its end; fails the test after `limit`.
  Ended wait(std::chrono::seconds limit = std::chrono::seconds{20});
  [[nodiscard]] bool runs();
  [[nodiscard]] std::string out() const;
  [[nodiscard]] std::string err() const;

 private:
  TemporaryFolder folder_;
  pid_t pid_ = -1;
  int status_ = 0;
  bool ended_ = false;
};

// `punctual` with these arguments, to its end.
Ended punctual(const std::vector<std::string>& arguments, const Process::Environment& environment = {});

// Any program, as a shell runs it.
Ended shell(const std::string& line);

// `punctual serve` on a port of its own, ready.
class RunningServer {
 public:
  explicit RunningServer(const std::string& storage, std::vector<std::string> more = {});

  [[nodiscard]] Process& process() { return process_; }
  // "http://127.0.0.1:PORT"
  [[nodiscard]] const std::string& url() const { return url_; }
  // SIGTERM, then its end.
  Ended stop();

 private:
  Process process_;
  std::string url_;
};

std::vector<std::string> lines_of(const std::string& text);

}  // namespace punctual::testing
