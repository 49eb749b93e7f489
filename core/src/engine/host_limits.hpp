// HostLimits: keeps work from hosts that fail or have asked for a pause.
//
// A host is one (organisation, host:port). Three failures in a row, as this server sees them, open its circuit; a 429 closes
// it for as long as it says. What is closed stands in storage, where all servers look: when they are told of a change, and
// twice a second. What is to be sent to such a host is asked about there first: it is sent, perhaps as the trial, or held
// (HostStates). As long as no host is closed nothing of this costs a look at storage for a delivery, nor at its URL.
//
// keeps_back and observe may be called from any thread and never wait for storage; one thread of its own does.
#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "delivery/verdict.hpp"
#include "engine/background_loop.hpp"
#include "engine/engine_metrics.hpp"
#include "engine/task_engine.hpp"
#include "punctual/storage.hpp"

namespace punctual {

class HostLimits {
 public:
  static constexpr int failures_in_a_row = 3;
  static constexpr seconds pause_of_429{60};  // where it does not say how long
  // Hosts whose failures are counted at the same time; beyond that the one that failed longest ago is forgotten.
  static constexpr std::size_t most_counted = 10'000;

  // Called from the thread of its own.
  struct Callbacks {
    std::function<void(std::shared_ptr<Claimed>)> send;  // one that was kept back
    // These claims have ended; `made_room`: others of an organisation with a cap may be claimed.
    std::function<void(const std::vector<ClaimRef>&, bool made_room)> held;
    std::function<void(Time)> let_go;  // held executions may be claimed, the earliest of which is due then
  };

  HostLimits(HostStates& states, Signals& signals, Clock& clock, Host& host, EngineMetrics& metrics,
             const EngineSettings& settings, Callbacks callbacks);

  void start() { loop_.start(); }
  // What is still kept back stays claimed.
  void stop() noexcept;

  // Whether this execution, which is to be sent now, is kept back because its host seems to be closed. It is sent later
  // through `send`, or its claim ends.
  [[nodiscard]] bool keeps_back(const std::shared_ptr<Claimed>& claimed, Time now);

  // How an attempt has ended; of everything that was to be sent, sent or not.
  void observe(const Claimed& claimed, const Verdict& verdict, Time at);

  // Hosts have changed in storage.
  void look();

 private:
  struct Closed {
    HostPhase phase = HostPhase::failing;
    Time until;
    std::uint64_t mark = 0;  // which report of this server made it; 0: it was read from storage

    [[nodiscard]] bool at(Time now) const { return phase == HostPhase::failing || until > now; }
  };
  struct Kept {
    std::shared_ptr<Claimed> claimed;
    HostKey host;
  };
  // Failures in a row, of the hosts that failed last.
  class Failures {
   public:
    int count(const HostKey& host);
    void forget(const HostKey& host);
    [[nodiscard]] bool empty() const { return by_host_.empty(); }

   private:
    using Latest = std::list<std::pair<HostKey, int>>;
    Latest latest_;
    std::map<HostKey, Latest::iterator> by_host_;
  };
  struct State {
    std::map<HostKey, Closed> closed;
    Failures failures;
    std::set<ExecutionId> trials;  // under way here
    std::vector<Kept> kept;
    std::vector<HostReport> reports;
    std::uint64_t marks = 0;
  };

  void observe_trial(State& state, HostKey host, const Claimed& claimed, const Verdict& verdict, Time at);
  void observe_other(State& state, HostKey host, const Verdict& verdict, Time at);
  void mark(State& state, const HostKey& host, HostPhase phase, Time until);
  // Whether an answered attempt needs no look.
  void note_quiet(const State& state);

  Time step();
  void store_reports();
  void ask(Time now);
  void note_sent(ExecutionId id, const HostKey& host, HostAnswer answer);
  [[nodiscard]] Time look_at_storage(Time now);
  [[nodiscard]] bool dismiss(const std::vector<HostState>& states, Time now);
  // Whether anything has come of it.
  [[nodiscard]] bool advance(Time now);
  void take_over(const std::vector<HostState>& states);
  void count(const std::vector<HostState>& states, Time now);
  void tell(const std::vector<HostChange>& changes);

  HostStates& states_;
  Signals& signals_;
  Clock& clock_;
  Host& host_;
  EngineMetrics& metrics_;
  const bool enabled_;
  const Callbacks callbacks_;
  std::atomic<bool> any_closed_{false};
  std::atomic<bool> quiet_{true};
  std::atomic<bool> look_wanted_{true};
  Guarded<State> state_;

  // Of the loop alone.
  std::vector<HostReport> to_report_;
  std::vector<Kept> to_ask_;
  std::uint64_t taken_marks_ = 0;
  std::uint64_t stored_marks_ = 0;
  bool changed_ = false;  // others are to be told
  Time next_look_;
  Time next_count_;
  int failed_steps_ = 0;
  BackgroundLoop loop_;
};

}  // namespace punctual
