// Many threads at one store. Catch's assertions are for one thread, so threads count and the case asserts at the end.
#include <catch2/catch.hpp>

#include <atomic>
#include <mutex>
#include <thread>

#include "support/storage_fixture.hpp"

using namespace punctual;
using namespace punctual::testing;

namespace {

template <class Work>
void in_threads(int count, const Work& work) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) threads.emplace_back([&work, i] { work(i); });
  for (auto& thread : threads) thread.join();
}

// Who runs what at the moment, and what has ended.
class RunBook {
 public:
  void start(const Claimed& claimed) {
    const std::lock_guard lock(mutex_);
    if (!running_.insert(claimed.id).second || ended_.contains(claimed.id)) ++twice_;
  }
  // Before the result is written: the next claim of the line may come at once.
  void end(const Claimed& claimed) {
    const std::lock_guard lock(mutex_);
    running_.erase(claimed.id);
    ended_.insert(claimed.id);
  }
  void give_back(const Claimed& claimed) {
    const std::lock_guard lock(mutex_);
    running_.erase(claimed.id);
  }
  [[nodiscard]] std::size_t ended() {
    const std::lock_guard lock(mutex_);
    return ended_.size();
  }
  [[nodiscard]] int twice() {
    const std::lock_guard lock(mutex_);
    return twice_;
  }

 private:
  std::mutex mutex_;
  std::set<ExecutionId> running_;
  std::set<ExecutionId> ended_;
  int twice_ = 0;
};

}  // namespace

TEST_CASE_METHOD(StorageFixture,
                 "sixteen threads insert, claim, release and settle: nothing is lost, nothing runs twice") {
  constexpr int threads = 16;
  constexpr std::size_t batches = 25;
  constexpr std::size_t batch_size = 10;
  constexpr std::size_t total = threads * batches * batch_size;
  RunBook book;
  std::atomic<int> wrong{0};
  in_threads(threads, [&](int thread) {
    std::size_t inserted = 0;
    while (inserted < batches || book.ended() < total) {
      if (inserted < batches) {
        std::vector<NewWork> batch;
        for (std::size_t i = 0; i < batch_size; ++i) batch.push_back(once(acme, at(1s)));
        for (const auto& outcome : work().insert(node, batch)) wrong += outcome.result != WriteResult::applied;
        ++inserted;
      }
      const auto claimed = work().claim({node, next_token(), at(2s), at(2s), 20}).claimed;
      std::vector<Settlement> results;
      std::vector<ClaimRef> returned;
      for (const Claimed& one : claimed) {
        book.start(one);
        if (thread == 0 && results.size() > returned.size()) {
          book.give_back(one);
          returned.push_back({one.id, one.token});
        } else {
          results.push_back(settlement(one, ExecutionStatus::success, at(3s)));
        }
      }
      for (const Claimed& one : claimed) {
        if (std::none_of(returned.begin(), returned.end(), [&](const ClaimRef& ref) { return ref.id == one.id; })) {
          book.end(one);
        }
      }
      work().release(returned);
      for (const auto outcome : work().settle(results)) wrong += outcome != SettleOutcome::settled;
      if (claimed.empty()) std::this_thread::yield();
    }
  });
  CHECK(wrong == 0);
  CHECK(book.twice() == 0);
  CHECK(book.ended() == total);
  reopen();
  CHECK(claim(at(9s)).empty());
  ExecutionQuery done;
  done.organization_id = acme;
  done.now = at(9s);
  done.status = ExecutionStatus::success;
  done.limit = total - 1;
  const auto page = tasks().list_executions(done);
  CHECK(page.items.size() == total - 1);
  CHECK(page.has_more);
}

TEST_CASE_METHOD(StorageFixture, "eight claiming threads keep every queue serial and in order, retries at the head") {
  constexpr int queues = 12;
  constexpr std::size_t length = 25;
  std::map<std::string, std::vector<ExecutionId>> expected;
  std::vector<NewWork> batch;
  for (std::size_t place = 0; place < length; ++place) {
    for (int queue = 0; queue < queues; ++queue) {
      const std::string name = std::to_string(queue);
      batch.push_back(once(acme, at(seconds{place}), name));
      expected[name].push_back(batch.back().execution->id);
    }
  }
  (void)work().insert(node, batch);

  std::mutex mutex;
  std::map<std::string, int> running;
  std::map<std::string, std::vector<ExecutionId>> order;  // the runs as they succeeded
  std::atomic<int> overlaps{0};
  std::atomic<int> stale{0};
  std::atomic<std::size_t> left{batch.size()};
  in_threads(8, [&](int) {
    while (left > 0) {
      for (const Claimed& claimed : work().claim({node, next_token(), at(1h), at(1h), 3}).claimed) {
        // Every third run fails at its first attempt.
        const bool fails = claimed.attempt == 1 && claimed.run_id.value.bytes[15] % 3 == 0;
        {
          const std::lock_guard lock(mutex);
          if (++running[*claimed.queue] > 1) ++overlaps;
        }
        std::this_thread::yield();
        Settlement item = settlement(claimed, fails ? ExecutionStatus::failed : ExecutionStatus::success, at(1h));
        // Later than everything that waits: only its place at the head brings it first.
        if (fails) item.retry = Retry{next_id<ExecutionId>(), at(1h)};
        {
          const std::lock_guard lock(mutex);
          --running[*claimed.queue];
          if (!fails) order[*claimed.queue].push_back(claimed.run_id);
        }
        stale += work().settle({&item, 1})[0] != SettleOutcome::settled;
        if (!fails) --left;
      }
    }
  });
  CHECK(overlaps == 0);
  CHECK(stale == 0);
  CHECK(order == expected);
}

TEST_CASE_METHOD(StorageFixture, "a second instance writes beside the server") {
  constexpr std::size_t each = 150;
  const auto cli = open_another();
  std::atomic<std::size_t> settled{0};
  std::atomic<int> wrong{0};
  in_threads(4, [&](int thread) {
    if (thread < 2) {
      WorkStore& writer = thread == 0 ? cli->work() : work();
      for (std::size_t i = 0; i < each; ++i) {
        const NewWork one = once(acme, at(1s));
        wrong += writer.insert(node, {&one, 1})[0].result != WriteResult::applied;
      }
      return;
    }
    while (settled < 2 * each) {
      for (const Claimed& claimed : work().claim({node, next_token(), at(2s), at(2s), 5}).claimed) {
        const Settlement item = settlement(claimed, ExecutionStatus::success, at(3s));
        if (work().settle({&item, 1})[0] != SettleOutcome::settled) ++wrong;
        ++settled;
      }
    }
  });
  CHECK(wrong == 0);
  CHECK(settled == 2 * each);
}

TEST_CASE_METHOD(StorageFixture, "readers see whole commits while others write") {
  std::atomic<bool> done{false};
  std::atomic<int> torn{0};
  in_threads(5, [&](int thread) {
    if (thread == 0) {
      for (int i = 0; i < 60; ++i) {
        const std::vector batch{once(acme, at(1s)), once(acme, at(1s))};
        (void)work().insert(node, batch);
      }
      done = true;
      return;
    }
    TaskQuery query;
    query.organization_id = acme;
    query.limit = 1000;
    while (!done) torn += static_cast<int>(tasks().list(query).items.size() % 2);
  });
  CHECK(torn == 0);
}
