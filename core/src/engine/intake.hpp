// Intake: makes accepted work durable, many requests a commit.
//
// Group commit by leader and followers: the first caller commits what is waiting; callers that arrive meanwhile wait and
// share the next commit, led by one of them. No timer: an idle server commits at once. Any number of threads.
#pragma once

#include <deque>
#include <exception>
#include <semaphore>
#include <vector>

#include "engine/engine_metrics.hpp"
#include "engine/guarded.hpp"
#include "engine/lease.hpp"
#include "punctual/storage.hpp"

namespace punctual {

class Intake {
 public:
  Intake(WorkStore& store, const Lease& lease, EngineMetrics& metrics)
      : store_(store), lease_(lease), metrics_(metrics) {}

  struct Submitted {
    InsertOutcome outcome;
    bool repeated = false;  // its commit was: an earlier one may have stored what this outcome says nothing of
  };
  // Blocks until the work is durable. Throws what the commit threw, or Unavailable when this one could not be stored with the
  // others because another server holds what it needs.
  [[nodiscard]] Submitted submit(NewWork& work);

 private:
  // One waiting caller; lives on its stack.
  struct Waiting {
    NewWork* work = nullptr;
    Submitted submitted;
    std::exception_ptr error;
    bool leads = false;  // woken to lead the next commit, not because its own work is done
    std::binary_semaphore wake{0};
  };
  struct State {
    std::deque<Waiting*> queue;
    bool committing = false;
  };

  void lead(Waiting& self);
  void commit(const std::vector<Waiting*>& batch);

  // Bounds the length of one transaction, and with it the wait of the requests behind it.
  static constexpr std::size_t max_batch = 512;

  WorkStore& store_;
  const Lease& lease_;
  EngineMetrics& metrics_;
  Guarded<State> state_;
};

}  // namespace punctual
