#include "engine/intake.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <set>

#include "host/metrics_registry.hpp"
#include "punctual/errors.hpp"

using namespace punctual;
using namespace std::chrono_literals;

namespace {

// Counts commits, and holds each one up until it is let go.
class CountingStore final : public WorkStore {
 public:
  std::vector<InsertOutcome> insert(NodeId, std::span<const NewWork> batch) override {
    const int commit = ++commits;
    if (failures-- > 0) throw Unavailable("busy");
    if (commit == 1) first_may_end.acquire();
    auto guard = stored.lock();
    std::vector<InsertOutcome> outcomes(batch.size());
    for (std::size_t i = 0; i < batch.size(); ++i) {
      if (batch[i].task.spec.name == held) {
        outcomes[i].result = WriteResult::held_elsewhere;
      } else {
        guard->push_back(batch[i].task.spec.name);
      }
    }
    return outcomes;
  }
  ClaimResult claim(const ClaimRequest&) override { return {}; }
  std::vector<SettleOutcome> settle(std::span<const Settlement>) override { return {}; }
  void release(std::span<const ClaimRef>) override {}
  void mark_started(std::span<const StartedClaim>) override {}

  std::atomic<int> commits{0};
  std::atomic<int> failures{0};
  std::string held;
  std::counting_semaphore<> first_may_end{0};
  Guarded<std::vector<std::string>> stored;
};

struct Fixture {
  MetricsRegistry registry;
  EngineMetrics metrics{registry};
  Lease lease;
  CountingStore store;
  Intake intake{store, lease, metrics};
};

NewWork named(const std::string& name) {
  NewWork work;
  work.task.spec.name = name;
  return work;
}

}  // namespace

TEST_CASE_METHOD(Fixture, "requests that arrive during a commit share the next one") {
  std::vector<std::thread> callers;
  std::atomic<int> done{0};
  const auto call = [&](int n) {
    callers.emplace_back([this, n, &done] {
      auto work = named(std::to_string(n));
      (void)intake.submit(work);
      ++done;
    });
  };
  call(0);
  while (store.commits == 0) std::this_thread::yield();
  for (int n = 1; n <= 50; ++n) call(n);
  std::this_thread::sleep_for(50ms);  // lets them queue up; late ones only make more commits
  CHECK(done == 0);
  store.first_may_end.release();
  for (auto& caller : callers) caller.join();
  CHECK(store.stored.lock()->size() == 51);
  CHECK(store.commits < 10);
}

TEST_CASE_METHOD(Fixture, "nobody is left waiting and nothing is stored twice under many callers") {
  store.first_may_end.release();
  std::vector<std::thread> callers;
  callers.reserve(16);
  for (int t = 0; t < 16; ++t) {
    callers.emplace_back([this, t] {
      for (int n = 0; n < 500; ++n) {
        auto work = named(std::to_string(t) + "/" + std::to_string(n));
        (void)intake.submit(work);
      }
    });
  }
  for (auto& caller : callers) caller.join();
  auto stored = store.stored.lock();
  CHECK(stored->size() == 8000);
  CHECK(std::set<std::string>(stored->begin(), stored->end()).size() == 8000);
}

TEST_CASE_METHOD(Fixture, "a commit that fails for a passing reason is tried again unseen") {
  store.first_may_end.release();
  store.failures = 2;
  auto work = named("x");
  const auto submitted = intake.submit(work);
  CHECK(submitted.outcome.result == WriteResult::applied);
  CHECK(submitted.repeated);
  CHECK(work.task.spec.name == "x");
}

TEST_CASE_METHOD(Fixture, "every caller of a commit that fails for good is told") {
  store.first_may_end.release();
  store.failures = 3;
  auto work = named("x");
  CHECK_THROWS_AS(intake.submit(work), Unavailable);
  const auto submitted = intake.submit(work);
  CHECK(submitted.outcome.result == WriteResult::applied);
  CHECK_FALSE(submitted.repeated);
}

TEST_CASE_METHOD(Fixture, "what cannot be stored because another server holds what it needs fails alone") {
  store.held = "held";
  std::atomic<int> refused{0};
  std::vector<std::thread> callers;
  for (const char* name : {"first", "held", "free"}) {
    callers.emplace_back([&, name] {
      auto work = named(name);
      try {
        (void)intake.submit(work);
      } catch (const Unavailable&) {
        refused += work.task.spec.name == "held" ? 1 : 100;
      }
    });
  }
  store.first_may_end.release();
  for (auto& caller : callers) caller.join();
  CHECK(refused == 1);
  CHECK(store.stored.lock()->size() == 2);
}
