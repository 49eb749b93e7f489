// StopSignals: how the server is told to stop. SIGTERM and SIGINT ask for it; SIGHUP and SIGPIPE are ignored.
#pragma once

namespace punctual {

class StopSignals {
 public:
  // For this thread and all that it starts from now on, so: main thread, before anything else. Once a process.
  StopSignals();

  // Waits for the first SIGTERM or SIGINT and gives its name, "SIGTERM". From then on another one ends the process at once,
  // with a line on standard error and exit code 1. Main thread, once.
  [[nodiscard]] const char* wait();
};

}  // namespace punctual
