#include "host/notifier_threads.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <system_error>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "engine/guarded.hpp"
#include "host/channel_settings.hpp"
#include "host/notifier_event.hpp"
#include "host/plugin_instance.hpp"

namespace punctual {
namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

constexpr std::size_t most_instances = 256;  // that are not in use
constexpr std::chrono::minutes longest_quiet{10};
constexpr seconds pause_without_threads{5};

struct Call {
  Channel channel;
  std::optional<NotifierEvent> event;  // nullopt: an instance is to be made, and told nothing
  NotifierCompletion completion;
  SteadyTime deadline;  // for a thread to begin it
};

NotifierOutcome outcome_of(NotifyOutcome&& answer) {
  using Kind = NotifierOutcome::Kind;
  // That says nothing of the channel.
  if (answer.cut_off && answer.result != NotifyResult::delivered) return {Kind::cancelled, {}, {}};
  const Kind kind = answer.result == NotifyResult::delivered     ? Kind::delivered
                    : answer.result == NotifyResult::retry_later ? Kind::retry_later
                                                                 : Kind::give_up;
  return {kind, std::move(answer.error), {}};
}

// An instance that nobody uses at the moment.
struct Instance {
  Time version;  // the channel's updated_at
  std::unique_ptr<NotifierInstance> notifier;
  SteadyTime last_used;
};

// What a thread does next: a call, or ending an instance.
using Work = std::variant<Call, std::unique_ptr<NotifierInstance>>;

// Why a thread could not be started, and the calls that nobody will begin.
struct NotStarted {
  std::string why;  // empty: nothing to say
  std::vector<NotifierCompletion> calls;
};

// Keeps what could not be ended in time until the process ends: its `destroy` might block, or end the thread.
void abandon(std::unique_ptr<NotifierInstance> instance) {
  static auto* const kept = new Guarded<std::vector<std::unique_ptr<NotifierInstance>>>;
  kept->lock()->push_back(std::move(instance));
}

}  // namespace

struct NotifierThreads::Shared : std::enable_shared_from_this<Shared> {
  // A call that a thread has begun, or the end of an instance.
  struct Running {
    NotifierCompletion completion;  // empty once it was reported, and for the end of an instance
    SteadyTime begun;
    SteadyTime deadline;
    bool overdue = false;
  };
  using ThreadNumber = std::uint64_t;

  const Plugin plugin;
  const std::string server_settings;
  const std::shared_ptr<NotifierGate> gate;
  const NotifierLimits limits;

  mutable std::mutex mutex;
  std::condition_variable work;      // there is something for a thread
  std::condition_variable watching;  // there is something for the watch
  std::condition_variable left;      // a thread has ended
  std::deque<Call> waiting;
  std::map<ThreadNumber, Running> running;
  std::map<ThreadNumber, std::thread> threads;
  std::vector<ThreadNumber> ended;  // of these, to be joined
  std::map<ChannelId, Instance> instances;
  std::deque<std::unique_ptr<NotifierInstance>> unwanted;  // to be ended
  std::thread watch;
  ThreadNumber last_number = 0;
  SteadyTime no_start_before;      // the system had no thread for us
  std::set<ThreadNumber> resting;  // threads that are not in the plugin
  bool stopping = false;
  bool drained = false;
  bool all_ended = false;  // when it was drained

  Shared(const Plugin& the_plugin, std::string the_settings, std::shared_ptr<NotifierGate> the_gate,
         NotifierLimits the_limits)
      : plugin(the_plugin), server_settings(std::move(the_settings)), gate(std::move(the_gate)), limits(the_limits) {}
  ~Shared() {
    for (auto& instance : unwanted) abandon(std::move(instance));
  }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;

  // ---- under the mutex

  [[nodiscard]] std::size_t overdue() const {
    return static_cast<std::size_t>(
        std::count_if(running.begin(), running.end(), [](const auto& entry) { return entry.second.overdue; }));
  }
  [[nodiscard]] std::size_t alive() const { return threads.size() - ended.size(); }
  // How many calls may be under way at once, those that hang left out.
  [[nodiscard]] std::size_t allowed() const {
    const std::size_t hang = overdue();
    const std::size_t most = hang >= 2 * limits.threads ? 0 : std::min(limits.threads, 2 * limits.threads - hang);
    return may_start() ? most : std::min(most, alive() - hang);
  }
  [[nodiscard]] bool may_start() const { return std::chrono::steady_clock::now() >= no_start_before; }
  [[nodiscard]] std::size_t free_places() const {
    const std::size_t under_way = running.size() - overdue() + waiting.size();
    return under_way >= allowed() ? 0 : allowed() - under_way;
  }

  // For what waits. What comes of it is to be reported without the mutex.
  [[nodiscard]] NotStarted start_threads() {
    NotStarted out;
    try {
      while (!drained && resting.size() < waiting.size() + unwanted.size() && alive() - overdue() < allowed()) {
        // First: no call is begun that nobody watches.
        if (!watch.joinable()) watch = std::thread([self = shared_from_this()] { self->watch_deadlines(); });
        const ThreadNumber number = ++last_number;
        // It begins by waiting for the mutex.
        threads.emplace(number, std::thread([self = shared_from_this(), number] { self->run(number); }));
        resting.insert(number);
      }
    } catch (const std::system_error& problem) {
      no_start_before = std::chrono::steady_clock::now() + pause_without_threads;
      out.why = problem.what();
    }
    if (!may_start() && alive() == overdue()) {
      for (Call& call : std::exchange(waiting, {})) out.calls.push_back(std::move(call.completion));
    }
    return out;
  }

  void begin(ThreadNumber number, NotifierCompletion completion) {
    resting.erase(number);
    const auto now = std::chrono::steady_clock::now();
    running[number] = {std::move(completion), now, now + limits.timeout, false};
    watching.notify_all();
  }
  void rest(ThreadNumber number) {
    running.erase(number);
    resting.insert(number);
  }

  // An instance that is told nothing more; a thread will end it.
  void put_aside(std::unique_ptr<NotifierInstance> instance) {
    if (!instance) return;
    unwanted.push_back(std::move(instance));
    work.notify_one();
  }

  void put_aside_unused_since(SteadyTime before) {
    for (auto at = instances.begin(); at != instances.end();) {
      if (at->second.last_used < before) {
        put_aside(std::move(at->second.notifier));
        at = instances.erase(at);
      } else {
        ++at;
      }
    }
  }

  void keep(const Channel& channel, std::unique_ptr<NotifierInstance> instance) {
    Instance& kept = instances[channel.id];
    put_aside(std::move(kept.notifier));
    kept = {channel.updated_at, std::move(instance), std::chrono::steady_clock::now()};
    if (instances.size() <= most_instances) return;
    const auto oldest = std::min_element(instances.begin(), instances.end(), [](const auto& a, const auto& b) {
      return a.second.last_used < b.second.last_used;
    });
    put_aside(std::move(oldest->second.notifier));
    instances.erase(oldest);
  }

  // ---- a thread of the plugin

  // Sees to it that a thread that ends, in whatever way, is missed by nobody, and that another ends the instance it had.
  struct Presence {
    Shared& shared;
    ThreadNumber number;
    std::unique_ptr<NotifierInstance> instance;
    ~Presence() { shared.thread_ended(number, std::move(instance)); }
  };

  void run(ThreadNumber number) {
    Presence presence{*this, number, nullptr};
    while (auto next_work = next(number)) {
      if (const auto* call = std::get_if<Call>(&*next_work)) {
        NotifierOutcome outcome = perform(*call, presence.instance);
        finish(number, *call, std::move(outcome), std::move(presence.instance));
      } else {
        end(std::move(std::get<std::unique_ptr<NotifierInstance>>(*next_work)));
        const std::lock_guard lock(mutex);
        rest(number);
      }
    }
  }

  // Nothing: the thread is to end.
  std::optional<Work> next(ThreadNumber number) {
    std::unique_lock lock(mutex);
    for (;;) {
      // An overdue call has come back, and others have taken its place.
      const bool surplus = alive() - overdue() > allowed();
      if (drained || surplus) return std::nullopt;
      put_aside_unused_since(std::chrono::steady_clock::now() - longest_quiet);
      if (!waiting.empty()) {
        Call call = std::move(waiting.front());
        waiting.pop_front();
        begin(number, std::move(call.completion));
        return call;
      }
      if (!unwanted.empty()) {
        auto instance = std::move(unwanted.front());
        unwanted.pop_front();
        begin(number, nullptr);
        return instance;
      }
      if (stopping) return std::nullopt;
      work.wait_for(lock, std::chrono::seconds{60});
    }
  }

  NotifierOutcome perform(const Call& call, std::unique_ptr<NotifierInstance>& instance) {
    try {
      instance = instance_for(call.channel);
    } catch (const Invalid& problem) {
      return {NotifierOutcome::Kind::give_up, problem.what(), {}};
    } catch (const InstanceRefused& problem) {
      if (problem.cut_off()) return {NotifierOutcome::Kind::cancelled, {}, {}};
      // Tenants are shown the outcome: where the plugin's file is concerns the log alone.
      gate->log(LogLevel::info, problem.what());
      return {NotifierOutcome::Kind::retry_later, problem.reason(), {}};
    } catch (const std::exception& problem) {
      return {NotifierOutcome::Kind::retry_later, problem.what(), {}};
    }
    if (!call.event) return {};
    return outcome_of(instance->notify(c_event(*call.event)));
  }

  std::unique_ptr<NotifierInstance> instance_for(const Channel& channel) {
    Instance found;
    {
      const std::lock_guard lock(mutex);
      const auto at = instances.find(channel.id);
      if (at != instances.end()) {
        found = std::move(at->second);
        instances.erase(at);
      }
    }
    if (found.notifier && found.version == channel.updated_at) return std::move(found.notifier);
    end(std::move(found.notifier));
    const auto settings = channel_settings(plugin, server_settings, boost::json::parse(channel.settings).as_object());
    return std::make_unique<NotifierInstance>(plugin, settings.for_create, *gate, gate.get(),
                                              std::string(plugin.name()) + "/" + channel.name);
  }

  void finish(ThreadNumber number, const Call& call, NotifierOutcome outcome,
              std::unique_ptr<NotifierInstance> instance) {
    NotifierCompletion completion;
    {
      const std::lock_guard lock(mutex);
      Running& mine = running.at(number);
      outcome.duration = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - mine.begun);
      completion = std::exchange(mine.completion, nullptr);
      // One that took too long is told nothing more.
      if (mine.overdue || stopping) {
        put_aside(std::move(instance));
      } else if (instance) {
        keep(call.channel, std::move(instance));
      }
      rest(number);
    }
    if (completion) completion(std::move(outcome));
  }

  void end(std::unique_ptr<NotifierInstance> instance) {
    if (!instance) return;
    try {
      instance->destroy();
    } catch (const PluginRefused& problem) {
      gate->log(LogLevel::warn, problem.what());
    }
  }

  // `instance`: what it was using when the plugin ended it.
  void thread_ended(ThreadNumber number, std::unique_ptr<NotifierInstance> instance) noexcept {
    NotifierCompletion completion;
    NotStarted not_started;
    bool by_plugin = false;
    {
      const std::lock_guard lock(mutex);
      const auto at = running.find(number);
      by_plugin = at != running.end();
      if (by_plugin) {
        completion = std::exchange(at->second.completion, nullptr);
        running.erase(at);
      }
      resting.erase(number);
      ended.push_back(number);
      left.notify_all();
      put_aside(std::move(instance));
      not_started = start_threads();
    }
    report(not_started);
    if (!by_plugin) return;
    gate->log(LogLevel::error, "the plugin '" + std::string(plugin.name()) + "' has ended its thread");
    if (completion) completion({NotifierOutcome::Kind::retry_later, "the plugin ended its thread", {}});
  }

  // ---- any thread

  void call(Call call) noexcept {
    std::unique_lock lock(mutex);
    if (stopping) {
      lock.unlock();
      return call.completion({NotifierOutcome::Kind::cancelled, {}, {}});
    }
    waiting.push_back(std::move(call));
    const NotStarted not_started = start_threads();
    work.notify_one();
    watching.notify_one();
    lock.unlock();
    report(not_started);
  }

  // ---- the watch

  void watch_deadlines() {
    std::unique_lock lock(mutex);
    while (!drained) {
      // Everything may have changed while they were joined; what is found below is waited for without letting go of the mutex.
      if (!ended.empty()) {
        join_ended(lock);
        continue;
      }
      std::vector<NotifierCompletion> late;
      auto next = SteadyTime::max();
      const auto now = std::chrono::steady_clock::now();
      for (auto& [number, call] : running) {
        if (call.overdue) continue;
        if (call.deadline > now) {
          next = std::min(next, call.deadline);
          continue;
        }
        call.overdue = true;
        late.push_back(std::exchange(call.completion, nullptr));
      }
      std::vector<NotifierCompletion> unbegun;
      while (!waiting.empty() && waiting.front().deadline <= now) {
        unbegun.push_back(std::move(waiting.front().completion));
        waiting.pop_front();
      }
      if (!waiting.empty()) next = std::min(next, waiting.front().deadline);
      if (!late.empty() || !unbegun.empty()) {
        const std::size_t hang = overdue();
        const NotStarted not_started = start_threads();
        lock.unlock();
        if (!late.empty()) report(late, hang);
        report(not_started);
        for (auto& completion : unbegun) {
          completion({NotifierOutcome::Kind::retry_later, "no thread of the plugin was free", {}});
        }
        lock.lock();
      } else if (next == SteadyTime::max()) {
        watching.wait(lock);
      } else {
        watching.wait_until(lock, next);
      }
    }
  }

  void report(std::vector<NotifierCompletion>& late, std::size_t hang) {
    const std::string late_by = " did not return within " + std::to_string(limits.timeout.count()) + " ms";
    const std::string why = "it" + late_by;
    // What ends an instance has none.
    const bool told =
        std::any_of(late.begin(), late.end(), [](const auto& completion) { return completion != nullptr; });
    gate->log(LogLevel::error, "the plugin '" + std::string(plugin.name()) +
                                   "': " + (told ? why : "its destroy" + late_by) + "; " + std::to_string(hang) +
                                   " of its threads hang" +
                                   (hang >= 2 * limits.threads ? ", it is told nothing more until they return" : ""));
    for (auto& completion : late) {
      if (completion) completion({NotifierOutcome::Kind::retry_later, why, limits.timeout});
    }
  }

  void report(const NotStarted& not_started) {
    if (!not_started.why.empty()) {
      gate->log(LogLevel::error,
                "no thread could be started for the plugin '" + std::string(plugin.name()) + "': " + not_started.why +
                    "; trying again in " + std::to_string(pause_without_threads.count()) +
                    " s. Let the server have more threads: pids.max of its cgroup, TasksMax= of its unit, ulimit -u");
    }
    for (const auto& completion : not_started.calls) {
      completion({NotifierOutcome::Kind::retry_later, "the server could start no thread for the plugin", {}});
    }
  }

  static void cancel(std::vector<NotifierCompletion>& completions) {
    for (auto& completion : completions) {
      if (completion) completion({NotifierOutcome::Kind::cancelled, {}, {}});
    }
  }

  // Threads that have ended, or are about to after their last word here.
  void join_ended(std::unique_lock<std::mutex>& lock) {
    std::vector<std::thread> gone;
    for (const ThreadNumber number : std::exchange(ended, {})) {
      const auto at = threads.find(number);
      gone.push_back(std::move(at->second));
      threads.erase(at);
    }
    lock.unlock();
    for (auto& thread : gone) thread.join();
    lock.lock();
  }

  // ---- the end

  void begin_nothing_more() noexcept {
    std::vector<NotifierCompletion> cancelled;
    NotStarted not_started;
    {
      const std::lock_guard lock(mutex);
      if (stopping) return;
      stopping = true;
      for (Call& call : std::exchange(waiting, {})) cancelled.push_back(std::move(call.completion));
      put_aside_unused_since(SteadyTime::max());
      not_started = start_threads();
      work.notify_all();
    }
    report(not_started);
    cancel(cancelled);
  }

  bool drain(milliseconds limit) noexcept {
    begin_nothing_more();
    std::vector<NotifierCompletion> cancelled;
    bool all = false;
    {
      std::unique_lock lock(mutex);
      if (drained) return all_ended;
      left.wait_for(lock, limit, [&] { return alive() == 0; });
      drained = true;
      for (auto& [number, call] : running) cancelled.push_back(std::exchange(call.completion, nullptr));
      watching.notify_all();
      work.notify_all();
      // Those that are not in the plugin end by themselves.
      left.wait(lock, [&] { return alive() == running.size(); });
      while (!ended.empty()) join_ended(lock);
      all = all_ended = threads.empty() && unwanted.empty();
      for (auto& [number, thread] : threads) thread.detach();
    }
    cancel(cancelled);
    if (watch.joinable()) watch.join();
    return all;
  }
};

NotifierThreads::NotifierThreads(const Plugin& plugin, std::string server_settings, std::shared_ptr<NotifierGate> gate,
                                 NotifierLimits limits)
    : shared_(std::make_shared<Shared>(plugin, std::move(server_settings), std::move(gate), limits)) {}

NotifierThreads::~NotifierThreads() { (void)drain(milliseconds{0}); }

std::size_t NotifierThreads::room() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->stopping ? 0 : shared_->free_places();
}

std::size_t NotifierThreads::hanging() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->overdue();
}

void NotifierThreads::call(const Channel& channel, std::optional<NotifierEvent> event,
                           NotifierCompletion completion) noexcept {
  shared_->call({channel, std::move(event), std::move(completion),
                 std::chrono::steady_clock::now() + 2 * shared_->limits.timeout});
}

void NotifierThreads::begin_nothing_more() noexcept { shared_->begin_nothing_more(); }
bool NotifierThreads::drain(milliseconds limit) noexcept { return shared_->drain(limit); }

}  // namespace punctual
