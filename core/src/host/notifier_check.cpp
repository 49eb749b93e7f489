#include "host/notifier_check.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <utility>
#include <vector>

#include "host/masking.hpp"
#include "host/memory_use.hpp"
#include "host/notifier_event.hpp"
#include "host/own_thread.hpp"
#include "host/plugin_instance.hpp"
#include "host/setting_value.hpp"

namespace punctual {
namespace {

using Steady = std::chrono::steady_clock;

constexpr milliseconds quick{10};
constexpr int warm_up_calls = 20;
constexpr int measured_calls = 90;  // twice
constexpr seconds repeating_limit{3};
// What a call that frees all it allocates does not grow by.
constexpr std::int64_t leaked_allocated = 32;
constexpr std::int64_t leaked_resident = 4096;

std::string in_ms(Steady::duration duration) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.2f ms",
                std::chrono::duration_cast<std::chrono::duration<double, std::milli>>(duration).count());
  return text.data();
}

const char* name_of(NotifyResult result) {
  switch (result) {
    case NotifyResult::delivered:
      return "delivered";
    case NotifyResult::retry_later:
      return "retry later";
    case NotifyResult::give_up:
      break;
  }
  return "give up";
}

// By how much one call has made the memory grow, on average.
struct Growth {
  std::int64_t allocated = 0;
  std::int64_t resident = 0;
};

Growth growth(const MemoryUse& before, const MemoryUse& after, int calls) {
  const auto per_call = [&](std::size_t from, std::size_t to) {
    return (static_cast<std::int64_t>(to) - static_cast<std::int64_t>(from)) / calls;
  };
  return {per_call(before.allocated, after.allocated), per_call(before.resident, after.resident)};
}

// What repeating one event has shown.
struct Repeated {
  int calls = 0;
  Steady::duration duration{};
  bool measured = false;
  bool leaks = false;
  Growth growth;
  NotifyOutcome failure;  // the first that was not delivered
};

// The server's host, but what the plugin logs of one event after another helps nobody.
class QuietHost final : public Host {
 public:
  explicit QuietHost(Host& host) : host_(host) {}

  void be_quiet() noexcept { quiet_ = true; }

  void log(LogLevel level, std::string_view text) noexcept override {
    if (!quiet_) host_.log(level, text);
  }
  Metrics& metrics() noexcept override { return host_.metrics(); }
  [[nodiscard]] Time now() const noexcept override { return host_.now(); }

 private:
  Host& host_;
  std::atomic<bool> quiet_{false};
};

// Everything a call touches: it is kept as long as one is under way.
struct Subject {
  Subject(Host& server, std::vector<NotifierEvent> told) : host(server), events(std::move(told)) {}

  void repeat() {
    host.be_quiet();
    const auto begun = Steady::now();
    const auto enough = [&] { return Steady::now() - begun > repeating_limit; };
    const auto event = c_event(events.back());
    const auto tell = [&](int times) {
      for (int i = 0; i < times && !enough() && repeated.failure.result == NotifyResult::delivered; ++i) {
        repeated.failure = instance->notify(event);
        ++repeated.calls;
      }
      return memory_use();
    };
    // A cache that fills up grows in the first part only.
    const auto first = tell(warm_up_calls);
    const auto second = tell(measured_calls);
    const auto third = tell(measured_calls);
    repeated.duration = Steady::now() - begun;
    repeated.measured = repeated.calls == warm_up_calls + 2 * measured_calls;
    const auto early = growth(first, second, measured_calls);
    const auto late = growth(second, third, measured_calls);
    repeated.growth = growth(first, third, 2 * measured_calls);
    repeated.leaks = repeated.measured && (std::min(early.allocated, late.allocated) >= leaked_allocated ||
                                           std::min(early.resident, late.resident) >= leaked_resident);
  }

  QuietHost host;
  std::vector<NotifierEvent> events;
  std::unique_ptr<NotifierInstance> instance;
  NotifyOutcome outcome;
  Repeated repeated;
};

class Checking {
 public:
  explicit Checking(const NotifierCheck& check)
      : check_(check), subject_(std::make_shared<Subject>(check.host, check.events)) {}

  void run() {
    create();
    try {
      for (const NotifierEvent& event : subject_->events) tell(event);
      if (failure_.empty()) repeat();
    } catch (const PluginHangs&) {
      throw;
    } catch (const PluginRefused& refusal) {
      failure_ = refusal.what();
    }
    destroy();
    if (!failure_.empty()) throw PluginRefused(failure_);
  }

 private:
  [[nodiscard]] std::string refusal(const std::string& reason) const {
    return one_line(check_.plugin.file.string() + ": plugin '" + std::string(check_.plugin.name()) + "' " + reason);
  }

  // Runs one call into the plugin; how long it took. `what`: "create", "notify of test".
  template <class Call>
  Steady::duration call(const std::string& what, Call&& function) {
    const auto begun = Steady::now();
    const auto end = call_on_own_thread([subject = subject_, function] { function(*subject); }, check_.deadline);
    if (end == CallEnd::still_running) {
      throw PluginHangs(refusal("hangs: " + what + " has not returned within " + format_duration(check_.deadline)));
    }
    if (end == CallEnd::ended_thread) throw PluginRefused(refusal("has ended the thread that called it, in " + what));
    return Steady::now() - begun;
  }

  void create() {
    const auto took =
        call("create", [plugin = check_.plugin, json = check_.settings_json, http = check_.http](Subject& subject) {
          subject.instance =
              std::make_unique<NotifierInstance>(plugin, json, subject.host, http, std::string(plugin.name()));
        });
    check_.say("created in " + in_ms(took));
  }

  void tell(const NotifierEvent& event) {
    const auto took = call("notify of " + event.kind,
                           [&event](Subject& subject) { subject.outcome = subject.instance->notify(c_event(event)); });
    const auto& outcome = subject_->outcome;
    const std::string said = outcome.error.empty() ? std::string() : ", " + outcome.error;
    check_.say(event.kind + ": " + name_of(outcome.result) + " in " + in_ms(took) + said);
    times_.push_back(took);
    if (outcome.result == NotifyResult::delivered || !failure_.empty()) return;
    failure_ = refusal("did not take " + event.kind + ": " + name_of(outcome.result) + said);
  }

  void repeat() {
    // One slow call may be the machine's fault.
    const auto middle = times_.begin() + static_cast<std::ptrdiff_t>(times_.size() / 2);
    std::nth_element(times_.begin(), middle, times_.end());
    if (*middle > quick) {
      return check_.say("not told more, to see whether its memory grows, as it takes more than " +
                        format_duration(quick));
    }
    const std::string last = subject_->events.back().kind;
    (void)call("notify of " + last + ", told many times", [](Subject& subject) { subject.repeat(); });
    const auto& repeated = subject_->repeated;
    if (repeated.failure.result != NotifyResult::delivered) {
      throw PluginRefused(refusal("took " + last + ' ' + std::to_string(repeated.calls - 1) +
                                  " times more, and then not: " + name_of(repeated.failure.result) + ", " +
                                  repeated.failure.error));
    }
    const std::string told = last + ' ' + std::to_string(repeated.calls) + " times more: delivered in " +
                             in_ms(repeated.duration / repeated.calls) + " each";
    if (!repeated.measured) return check_.say(told);
    const auto grown = std::max({repeated.growth.allocated, repeated.growth.resident, std::int64_t{0}});
    if (repeated.leaks) {
      check_.say(told);
      check_.say("WARNING: it seems to leak: with each event its memory grows by " + std::to_string(grown) + " bytes");
    } else {
      check_.say(told + ", and its memory does not grow");
    }
  }

  void destroy() {
    const auto took = call("destroy", [](Subject& subject) { subject.instance->destroy(); });
    check_.say("destroyed in " + in_ms(took));
  }

  const NotifierCheck& check_;
  std::shared_ptr<Subject> subject_;
  std::vector<Steady::duration> times_;  // of the sample events
  std::string failure_;
};

}  // namespace

void check_notifier(const NotifierCheck& check) { Checking(check).run(); }

}  // namespace punctual
