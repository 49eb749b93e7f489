// CpuMeter: where the cores' time goes: to the server, the database, the target, ourselves, and whatever else runs.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace punctual::bench {

// Seconds of CPU. Postgres with all its processes, also those that have ended.
struct CpuSeconds {
  double wall = 0;
  double server = 0;
  double postgres = 0;
  double target = 0;
  double generator = 0;
  double others = 0;  // of the machine; a measurement beside busy others is worth less

  [[nodiscard]] std::string text() const;
};

struct MeteredProcesses {
  pid_t server = -1;
  pid_t target = -1;
  std::optional<pid_t> postmaster;
};

class CpuMeter {
 public:
  explicit CpuMeter(const MeteredProcesses& processes) : processes_(processes), begin_(now()) {}
  // Since it was made.
  [[nodiscard]] CpuSeconds used() const;

 private:
  [[nodiscard]] CpuSeconds now() const;

  MeteredProcesses processes_;
  CpuSeconds begin_;
};

}  // namespace punctual::bench
