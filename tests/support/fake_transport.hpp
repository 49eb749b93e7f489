// A transport that sends nothing: it keeps what it was given, and the test says how each delivery ends. Any thread.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <set>
#include <vector>

#include "engine/clock.hpp"
#include "engine/guarded.hpp"
#include "punctual/transport.hpp"
#include "support/eventually.hpp"

namespace punctual::testing {

class FakeTransport final : public Transport {
 public:
  // What check_target says; every URL is well where there is none.
  using Check = std::function<std::optional<TargetProblem>(std::string_view url)>;

  explicit FakeTransport(const Clock& clock, Check check = {}) : clock_(clock), check_(std::move(check)) {}

  // How deliveries end from now on: at once with this status, or (nullopt) only by finish() or drain().
  void answer_with(std::optional<int> status) { state_.lock()->status = status; }
  // Overrides answer_with for the next deliveries, in order.
  void answer_next(DeliveryOutcome outcome) { state_.lock()->scripted.push_back(std::move(outcome)); }

  [[nodiscard]] std::vector<Delivery> started() { return state_.lock()->started; }
  [[nodiscard]] bool wait_started(std::size_t count) {
    return eventually([&] { return state_.lock()->started.size() >= count; });
  }

  [[nodiscard]] bool is_drained() { return state_.lock()->drained; }
  // Whether a delivery waits for its end.
  [[nodiscard]] bool is_open(ExecutionId id) { return state_.lock()->open.contains(id); }
  // Ends an open delivery.
  void finish(ExecutionId id, int status) { finish(id, response(status)); }
  void finish(ExecutionId id, DeliveryOutcome outcome) {
    DeliveryCompletion completion;
    {
      auto state = state_.lock();
      completion = std::move(state->open.at(id));
      state->open.erase(id);
    }
    completion(std::move(outcome));
  }

  [[nodiscard]] DeliveryOutcome response(int status) const {
    DeliveryOutcome outcome;
    outcome.result = DeliveryResult::responded;
    outcome.status_code = status;
    outcome.sent_at = clock_.now();
    outcome.duration = milliseconds{3};
    return outcome;
  }

  std::vector<std::string> schemes() const override { return {"http", "https"}; }
  std::optional<TargetProblem> check_target(std::string_view url) const override {
    return check_ ? check_(url) : std::nullopt;
  }

  void start(Delivery delivery, DeliveryCompletion completion) noexcept override {
    DeliveryOutcome outcome;
    {
      auto state = state_.lock();
      const ExecutionId id = delivery.id;
      if (!state->drained) state->started.push_back(std::move(delivery));
      if (state->drained) {
        outcome.result = DeliveryResult::cancelled;
      } else if (!state->scripted.empty()) {
        outcome = std::move(state->scripted.front());
        state->scripted.pop_front();
      } else if (state->status) {
        outcome = response(*state->status);
      } else {
        state->open.emplace(id, std::move(completion));
        return;
      }
    }
    completion(std::move(outcome));
  }

  void cancel(ExecutionId id) noexcept override {
    DeliveryCompletion completion;
    {
      auto state = state_.lock();
      const auto open = state->open.find(id);
      if (open == state->open.end()) return;
      completion = std::move(open->second);
      state->open.erase(open);
    }
    DeliveryOutcome outcome;
    outcome.result = DeliveryResult::cancelled;
    completion(std::move(outcome));
  }

  void drain(milliseconds) noexcept override {
    std::vector<ExecutionId> open;
    {
      auto state = state_.lock();
      state->drained = true;
      for (const auto& [id, completion] : state->open) open.push_back(id);
    }
    for (const auto& id : open) cancel(id);
  }

 private:
  struct State {
    std::optional<int> status = 200;
    std::deque<DeliveryOutcome> scripted;
    std::vector<Delivery> started;
    std::map<ExecutionId, DeliveryCompletion> open;
    bool drained = false;
  };

  const Clock& clock_;
  Check check_;
  Guarded<State> state_;
};

}  // namespace punctual::testing
