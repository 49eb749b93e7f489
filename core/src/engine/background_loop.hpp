// BackgroundLoop: a thread that does a step, then sleeps until the step's next time or until it is woken.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <string>
#include <thread>

#include "engine/clock.hpp"
#include "engine/guarded.hpp"

namespace punctual {

class BackgroundLoop {
 public:
  // `step` runs on the loop's thread and gives the time of its next run; it must not throw. It runs after a minute at the
  // latest, and when the clock is set back meanwhile, after as long as it was to wait.
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
    plan_for(*plan, at);
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
  static constexpr std::chrono::minutes longest_wait{1};

  struct Plan {
    Time next = Time::min();
    MonotonicTime latest = MonotonicTime::min();
    bool stopping = false;
  };

  void plan_for(Plan& plan, Time next) {
    plan.next = next;
    const Time now = clock_.now();
    plan.latest =
        clock_.monotonic() + (next > now ? std::min<microseconds>(next - now, longest_wait) : microseconds{0});
  }

  void run() {
    auto plan = plan_.lock();
    while (!plan->stopping) {
      const Time now = clock_.now();
      const MonotonicTime passed = clock_.monotonic();
      if (plan->next > now && plan->latest > passed) {
        clock_.wait_until(plan.lock(), changed_, std::min<Time>(plan->next, now + (plan->latest - passed)));
        continue;
      }
      // A wake during the step stays: it can only make the next run earlier.
      plan->next = Time::max();
      plan->latest = MonotonicTime::max();
      plan.lock().unlock();
      const Time next = step_();
      plan.lock().lock();
      plan_for(*plan, std::min(plan->next, next));
    }
  }

  Clock& clock_;
  std::function<Time()> step_;
  Guarded<Plan> plan_;
  std::condition_variable changed_;
  std::thread thread_;
};

}  // namespace punctual
