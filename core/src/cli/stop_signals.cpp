#include "cli/stop_signals.hpp"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

namespace punctual {
namespace {

sigset_t stop_set() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

// Only what a signal handler may call.
extern "C" void end_at_once(int) {
  static constexpr char line[] = "punctual: second signal: ended at once, work under way is done again later\n";
  [[maybe_unused]] const auto written = write(STDERR_FILENO, line, sizeof line - 1);
  _exit(1);
}

}  // namespace

StopSignals::StopSignals() {
  const sigset_t set = stop_set();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGHUP, SIG_IGN);
}

const char* StopSignals::wait() {
  const sigset_t set = stop_set();
  int number = 0;
  while (sigwait(&set, &number) != 0) {
  }
  signal(SIGTERM, end_at_once);
  signal(SIGINT, end_at_once);
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  return number == SIGTERM ? "SIGTERM" : "SIGINT";
}

}  // namespace punctual
