// Settler: stores how attempts ended, many a commit, and decides what follows: a retry, the end of the run, a disabled task.
//
// finish() may be called from any thread and never waits for storage; one thread of its own stores. A result is kept until
// it is stored or its claim turns out to be somebody else's; while storage is away it is tried again and again.
#pragma once

#include <functional>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "delivery/verdict.hpp"
#include "engine/clock.hpp"
#include "engine/engine_metrics.hpp"
#include "engine/guarded.hpp"
#include "engine/task_engine.hpp"
#include "identity/id_generator.hpp"
#include "punctual/storage.hpp"
#include "punctual/transport.hpp"

namespace punctual {

// An attempt that needs no more sending.
struct Ended {
  enum class Why : std::uint8_t {
    delivered,  // `outcome` says how
    missed,     // its time had passed by more than expires_in; never sent
    lost,       // its node died too often while it was under way
    cancelled,  // by a client; `outcome` says how far it had come
  };
  std::shared_ptr<const Claimed> claimed;
  Why why = Why::delivered;
  DeliveryOutcome outcome;
};

class Settler {
 public:
  struct Settled {
    std::vector<ClaimRef> claims;  // which have ended
    std::optional<Time> next_due;  // the earliest retry, or now when a queue or a capped organisation may go on
    bool told = false;             // messages may have been stored in the outbox
    bool failed = false;           // notices may have been stored
  };
  using OnSettled = std::function<void(const Settled&)>;
  // What an attempt that ended at `at` says; called before its result is stored, and for a cancelled one too.
  using OnVerdict = std::function<void(const Claimed&, const Verdict&, Time at)>;

  Settler(WorkStore& store, Clock& clock, Host& host, IdGenerator& ids, EngineMetrics& metrics,
          const EngineSettings& settings, OnVerdict on_verdict, OnSettled on_settled);
  ~Settler();

  void start();
  void finish(Ended ended);
  // Stores what is waiting, at most until `limit` has passed, then ends the thread.
  void stop(milliseconds limit) noexcept;

 private:
  struct State {
    std::vector<Ended> waiting;
    bool stopping = false;
    std::chrono::steady_clock::time_point give_up = std::chrono::steady_clock::time_point::max();
  };

  void run();
  void store(const std::vector<Ended>& batch);
  // One end of an attempt as storage wants it.
  [[nodiscard]] Settlement settlement(const Ended& ended);
  // Calls `call` until storage answers; false when stopping has run out of time.
  template <class Call>
  bool insist(const char* what, Call call);
  [[nodiscard]] bool wait_after_failure(milliseconds wait);

  WorkStore& store_;
  Clock& clock_;
  Host& host_;
  IdGenerator& ids_;
  EngineMetrics& metrics_;
  EngineSettings settings_;
  OnVerdict on_verdict_;
  OnSettled on_settled_;
  std::minstd_rand random_{std::random_device{}()};
  Guarded<State> state_;
  std::condition_variable changed_;
  std::thread thread_;
};

}  // namespace punctual
