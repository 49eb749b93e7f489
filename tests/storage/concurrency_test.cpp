// Many threads at one store. Catch's assertions are for one thread, so threads count and the case asserts at the end.
#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <map>
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
      const auto claimed = work().claim(claim_request(at(2s), 20)).claimed;
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
      for (const Claimed& claimed : work().claim(claim_request(at(1h), 3)).claimed) {
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

namespace {

// Servers on one database, as many as the backend allows, with much to do in lines and under a cap.
struct ManyServers : StorageFixture {
  static constexpr int queues = 40;
  static constexpr std::size_t length = 40;
  static constexpr std::size_t capped_work = 500;
  static constexpr std::size_t cap = 5;

  struct Server {
    Storage* store = nullptr;
    NodeId node;
  };

  ManyServers() {
    servers.push_back({&store(), node});
    while (site.allows_several_servers() && servers.size() < 4) {
      others.push_back(open_another());
      servers.push_back({others.back().get(), next_id<NodeId>()});
      (void)others.back()->leases().acquire({servers.back().node, "another-host", 1, at(0s)});
    }
    REQUIRE(store().directory().set_max_concurrent(other, static_cast<int>(cap)));
    std::vector<NewWork> batch;
    for (std::size_t place = 0; place < length; ++place) {
      for (int queue = 0; queue < queues; ++queue) {
        const std::string name = std::to_string(queue);
        batch.push_back(once(acme, at(seconds{place}), name));
        expected[name].push_back(batch.back().execution->id);
      }
    }
    for (std::size_t i = 0; i < capped_work; ++i) {
      // Some of it in lines, named apart from those whose order is looked at.
      const auto queue = i % 4 == 0 ? std::optional("capped " + std::to_string(i % 32)) : std::nullopt;
      batch.push_back(once(other, at(1s), queue));
    }
    (void)work().insert(node, batch);
    left = batch.size();
  }

  // Claims, and ends what was claimed, until all is done.
  void serve(const Server& server) {
    try {
      while (left > 0 && failures == 0) {
        const ClaimRequest request{server.node, next_token(), at(1h), at(1h), 3, 3, {}};
        const auto claimed = server.store->work().claim(request).claimed;
        for (const Claimed& one : claimed) run(server, one);
        if (claimed.empty()) std::this_thread::yield();
      }
    } catch (const std::exception&) {
      ++failures;
    }
  }

  void run(const Server& server, const Claimed& claimed) {
    // Every third run fails at its first attempt.
    const bool fails = claimed.attempt == 1 && claimed.run_id.value.bytes[15] % 3 == 0;
    {
      const std::lock_guard lock(mutex);
      if (claimed.queue && ++running[*claimed.queue] > 1) ++overlaps;
      if (claimed.capped && ++capped_running > cap) ++over_cap;
    }
    std::this_thread::yield();
    Settlement item = settlement(claimed, fails ? ExecutionStatus::failed : ExecutionStatus::success, at(1h));
    if (fails) item.retry = Retry{next_id<ExecutionId>(), at(1h)};
    {
      const std::lock_guard lock(mutex);
      if (claimed.queue) --running[*claimed.queue];
      if (claimed.capped) --capped_running;
      if (claimed.organization_id == acme && !fails) order[*claimed.queue].push_back(claimed.run_id);
    }
    wrong += server.store->work().settle({&item, 1})[0] != SettleOutcome::settled;
    if (!fails) --left;
  }

  // What is stored as running of the capped organisation at one moment.
  [[nodiscard]] std::size_t capped_now() {
    ExecutionQuery query;
    query.organization_id = other;
    query.now = at(1h);
    query.status = ExecutionStatus::running;
    return tasks().list_executions(query).items.size();
  }

  std::vector<PluginLibrary::Instance> others;
  std::vector<Server> servers;
  std::map<std::string, std::vector<ExecutionId>> expected;

  std::mutex mutex;
  std::map<std::string, int> running;
  std::map<std::string, std::vector<ExecutionId>> order;  // the runs as they succeeded
  std::size_t capped_running = 0;
  std::atomic<int> overlaps{0};
  std::atomic<int> over_cap{0};
  std::atomic<int> wrong{0};
  std::atomic<int> failures{0};
  std::atomic<std::size_t> left{0};
};

}  // namespace

TEST_CASE_METHOD(ManyServers, "twenty claimers on all servers keep every queue serial and in order and every cap") {
  constexpr int claimers = 20;
  in_threads(claimers + 1, [&](int thread) {
    if (thread < claimers) return serve(servers[static_cast<std::size_t>(thread) % servers.size()]);
    while (left > 0 && failures == 0) {
      if (capped_now() > cap) ++over_cap;
    }
  });
  CHECK(failures == 0);
  CHECK(overlaps == 0);
  CHECK(over_cap == 0);
  CHECK(wrong == 0);
  CHECK(order == expected);
}

TEST_CASE_METHOD(StorageFixture, "a cap holds while work is inserted with a claim by many threads") {
  constexpr std::size_t cap = 4;
  constexpr std::size_t total = 400;
  REQUIRE(store().directory().set_max_concurrent(acme, static_cast<int>(cap)));
  std::atomic<std::size_t> inserted{0};
  std::atomic<std::size_t> ended{0};
  std::atomic<int> over{0};
  in_threads(8, [&](int thread) {
    if (thread == 0) {
      while (ended < total) {
        ExecutionQuery query;
        query.organization_id = acme;
        query.now = at(9s);
        query.status = ExecutionStatus::running;
        if (tasks().list_executions(query).items.size() > cap) ++over;
      }
      return;
    }
    while (ended < total) {
      if (inserted++ < total) {
        NewWork one = once(acme, at(1s));
        one.claim = next_token();
        if (work().insert(node, {&one, 1})[0].claimed) ++over;
      }
      for (const Claimed& claimed : work().claim(claim_request(at(9s), 3)).claimed) {
        const Settlement item = settlement(claimed, ExecutionStatus::success, at(9s));
        ended += work().settle({&item, 1})[0] == SettleOutcome::settled;
      }
    }
  });
  CHECK(over == 0);
  CHECK(ended == total);
}

TEST_CASE_METHOD(StorageFixture, "a cap holds when work under it appears in the middle of a claim of other work") {
  constexpr std::size_t cap = 1;
  constexpr int rounds = 150;
  REQUIRE(store().directory().set_max_concurrent(other, static_cast<int>(cap)));
  std::atomic<bool> done{false};
  std::atomic<std::size_t> capped_left{0};
  std::atomic<std::size_t> capped_running{0};
  std::atomic<int> over{0};
  in_threads(6, [&](int thread) {
    if (thread == 0) {
      for (int round = 0; round < rounds; ++round) {
        const std::vector<NewWork> batch{once(other, at(1s)), once(other, at(1s)), once(other, at(1s))};
        capped_left = batch.size();
        (void)work().insert(node, batch);
        while (capped_left > 0) std::this_thread::yield();
      }
      done = true;
      return;
    }
    while (!done) {
      const NewWork free = once(acme, at(1s));
      (void)work().insert(node, {&free, 1});
      const auto all = work().claim(claim_request(at(9s), 50)).claimed;
      const auto counts = [&](const Claimed& claimed) { return claimed.organization_id == other; };
      for (const Claimed& claimed : all) {
        if (counts(claimed) && ++capped_running > cap) ++over;
      }
      for (const Claimed& claimed : all) {
        const Settlement item = settlement(claimed, ExecutionStatus::success, at(9s));
        if (counts(claimed)) --capped_running;
        (void)work().settle({&item, 1});
        if (counts(claimed)) --capped_left;
      }
    }
  });
  CHECK(over == 0);
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
      for (const Claimed& claimed : work().claim(claim_request(at(2s), 5)).claimed) {
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
