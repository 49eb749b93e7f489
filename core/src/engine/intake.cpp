#include "engine/intake.hpp"

#include <iterator>

#include "engine/transient.hpp"
#include "punctual/errors.hpp"

namespace punctual {
namespace {

Unavailable held() {
  return Unavailable("another server holds what this is to be stored with, and does not let go of it");
}

}  // namespace

Intake::Submitted Intake::submit(NewWork& work) {
  Waiting self;
  self.work = &work;
  bool lead_now = false;
  {
    auto state = state_.lock();
    state->queue.push_back(&self);
    lead_now = !std::exchange(state->committing, true);
  }
  if (!lead_now) {
    self.wake.acquire();
    lead_now = self.leads;
  }
  if (lead_now) lead(self);
  if (self.error) std::rethrow_exception(self.error);
  return std::move(self.submitted);
}

// Commits the batch that holds `self` and hands the lead to the first of those that have arrived meanwhile. A leader is
// always at the front of the queue, so its own work is in its batch.
void Intake::lead(Waiting& self) {
  std::vector<Waiting*> batch;
  {
    auto state = state_.lock();
    const std::size_t size = std::min(state->queue.size(), max_batch);
    batch.assign(state->queue.begin(), std::next(state->queue.begin(), static_cast<std::ptrdiff_t>(size)));
    state->queue.erase(state->queue.begin(), std::next(state->queue.begin(), static_cast<std::ptrdiff_t>(size)));
  }
  commit(batch);
  Waiting* next = nullptr;
  {
    auto state = state_.lock();
    if (state->queue.empty()) {
      state->committing = false;
    } else {
      next = state->queue.front();
      next->leads = true;
    }
  }
  if (next != nullptr) next->wake.release();
  for (Waiting* one : batch) {
    if (one != &self) one->wake.release();
  }
}

void Intake::commit(const std::vector<Waiting*>& batch) {
  metrics_.intake_batch.observe(static_cast<double>(batch.size()));
  std::vector<NewWork> items;
  items.reserve(batch.size());
  for (Waiting* one : batch) items.push_back(std::move(*one->work));
  try {
    int calls = 0;
    auto outcomes = retry_transient([&] {
      ++calls;
      return store_.insert(lease_.node(), items);
    });
    for (std::size_t i = 0; i < batch.size(); ++i) {
      batch[i]->submitted = {std::move(outcomes.at(i)), calls > 1};
      if (batch[i]->submitted.outcome.result != WriteResult::held_elsewhere) continue;
      batch[i]->error = std::make_exception_ptr(held());
    }
  } catch (...) {
    for (Waiting* one : batch) one->error = std::current_exception();
  }
  // The callers go on with their work, e.g. to send what was claimed.
  for (std::size_t i = 0; i < batch.size(); ++i) *batch[i]->work = std::move(items[i]);
}

}  // namespace punctual
