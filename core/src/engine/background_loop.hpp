// BackgroundLoop: a thread that does a step, then sleeps until the step's next time or until it is woken.
#pragma once

#include <condition_variable>
#include <functional>
#include <string>
#include <thread>

#include "engine/clock.hpp"
#include "engine/guarded.hpp"

namespace punctual {

class BackgroundLoop {
 public:
  // `step` runs on the loop's thread and gives the time of its next run, at most a minute ahead; it must not throw.
  BackgroundLoop(Clock& clock, std::function<Time()> step) : clock_(clock), step_(std::move(step)) {}
  ~BackgroundLoop() { stop(); }
  BackgroundLoop(const BackgroundLoop&) = delete;
  BackgroundLoop& operator=(const BackgroundLoop&) = delete;

  void start() {
    thread_ = std::thread([this] { run(); });
  }

  // Runs the step at `at` if that is earlier than planned. Any thread.
  void wake(Time at) {
    auto plan = plan_.lock();
    if (at >= plan->next) return;
    plan->next = at;
    changed_.notify_all();
  }

  // Waits for a running step to end. Idempotent; from any thread but the loop's.
  void stop() {
    {
      auto plan = plan_.lock();
      plan->stopping = true;
      changed_.notify_all();
    }
    if (thread_.joinable()) thread_.join();
  }

 private:
  struct Plan {
    Time next = Time::min();
    bool stopping = false;
  };

  void run() {
    auto plan = plan_.lock();
    while (!plan->stopping) {
      // Steps plan less than a minute ahead: a longer wait means that the clock was set back.
      if (const Time now = clock_.now(); plan->next > now && plan->next - now <= std::chrono::minutes{1}) {
        clock_.wait_until(plan.lock(), changed_, plan->next);
        continue;
      }
      // A wake during the step stays: it can only make the next run earlier.
      plan->next = Time::max();
      plan.lock().unlock();
      const Time next = step_();
      plan.lock().lock();
      plan->next = std::min(plan->next, next);
    }
  }

  Clock& clock_;
  std::function<Time()> step_;
  Guarded<Plan> plan_;
  std::condition_variable changed_;
  std::thread thread_;
};

}  // namespace punctual
