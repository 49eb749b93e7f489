// A server that dies or is stopped in the middle of its work loses nothing it has accepted.
#include <signal.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <set>

#include "deployment.hpp"
#include "engine/guarded.hpp"

using namespace punctual;
using namespace punctual::testing;
using namespace std::chrono_literals;

namespace {

// Clients that create tasks as fast as they are let, each with a number of its own, until the server goes away.
class Load {
 public:
  Load(Deployment& deployment, int threads) {
    for (int t = 0; t < threads; ++t) {
      threads_.emplace_back([&deployment, this, t] { run(deployment, t); });
    }
  }
  ~Load() { finish(); }

  // The numbers that were answered with 202.
  std::set<std::string> finish() {
    stopping_ = true;
    for (auto& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
    return *accepted_.lock();
  }
  [[nodiscard]] std::size_t accepted() { return accepted_.lock()->size(); }

 private:
  void run(Deployment& deployment, int t) {
    try {
      const HttpClient client = deployment.client();
      auto connection = client.connect();
      for (int i = 0; !stopping_; ++i) {
        const std::string number = std::to_string(t) + "-" + std::to_string(i);
        // Some now, some in a while, some with a target that takes its time.
        const std::string path = i % 5 == 0 ? "/slow" : "/fast";
        const std::string delay = i % 3 == 0 ? R"(,"delay":1)" : "";
        const auto reply = connection.request(
            "POST", "/api/v1/tasks", client.authorization(),
            R"({"url":")" + deployment.target().url(path) + R"(","body":")" + number + "\"" + delay + "}");
        if (reply.status == 202) accepted_.lock()->insert(number);
      }
    } catch (const std::exception&) {
      // The server is gone: what was not answered was not accepted.
    }
  }

  std::atomic<bool> stopping_{false};
  Guarded<std::set<std::string>> accepted_;
  std::vector<std::thread> threads_;
};

std::set<std::string> arrived(HttpTarget& target) {
  std::set<std::string> bodies;
  for (const auto& request : target.requests()) bodies.insert(request.body);
  return bodies;
}

bool all_arrive(HttpTarget& target, const std::set<std::string>& accepted, seconds limit = 10s) {
  return eventually(
      [&] {
        const auto there = arrived(target);
        return std::includes(there.begin(), there.end(), accepted.begin(), accepted.end());
      },
      limit);
}

}  // namespace

TEST_CASE_METHOD(Deployment, "kill -9 in the middle of a load loses nothing that was accepted") {
  target().answer("/slow", TargetAnswer{.delay = 300ms});
  Load load(*this, 8);
  REQUIRE(eventually([&] { return load.accepted() >= 500; }));
  server().process().signal(SIGKILL);
  const auto accepted = load.finish();
  (void)server().process().wait();
  CHECK(accepted.size() >= 500);
  start();
  // Where several servers may be alive a dead one is known by ten seconds of silence.
  CHECK(all_arrive(target(), accepted, storage().allows_several_servers() ? 15s : 10s));
  // Repeats are allowed only for what was under way when it was killed: no more than the slow target and one batch hold.
  std::map<std::string, int> repeats;
  for (const auto& request : target().requests()) ++repeats[request.body];
  std::size_t repeated = 0;
  for (const auto& [body, count] : repeats) {
    CHECK(count <= 2);
    if (count > 1) ++repeated;
  }
  CHECK(repeated < accepted.size() / 2);
}

TEST_CASE_METHOD(Deployment, "a server that is asked to stop finishes what is under way and repeats nothing") {
  target().answer("/slow", TargetAnswer{.delay = 300ms});
  Load load(*this, 4);
  REQUIRE(eventually([&] { return load.accepted() >= 200; }));
  const auto ended = server().stop();
  CHECK(ended.exit_code == 0);
  const auto accepted = load.finish();
  start();
  CHECK(all_arrive(target(), accepted));
  CHECK(target().request_count() == arrived(target()).size());
}

TEST_CASE_METHOD(Deployment, "a reply to an idempotency key survives a kill") {
  const std::string body = R"({"url":")" + target().url("/once") + R"("})";
  const auto first = client().post("/api/v1/tasks", body, {{"Idempotency-Key", "order-1"}});
  REQUIRE(first.status == 202);
  server().process().signal(SIGKILL);
  (void)server().process().wait();
  start();
  const auto again = client().post("/api/v1/tasks", body, {{"Idempotency-Key", "order-1"}});
  CHECK(again.status == 202);
  CHECK(again.body == first.body);
  CHECK(again.header("Idempotent-Replayed") == "true");
  CHECK(client().post("/api/v1/tasks", body + " ", {{"Idempotency-Key", "order-1"}}).error_code() ==
        "idempotency_key_reused");
}
