// Requests with one Idempotency-Key at the same time.
#include <atomic>
#include <catch2/catch.hpp>
#include <future>
#include <semaphore>
#include <thread>

#include "support/running_frontend.hpp"

using namespace punctual;
using namespace punctual::testing;

namespace {

constexpr const char* task = R"({"url":"https://example.com"})";

HttpReply create(RunningFrontend& server, const std::string& idempotency_key, std::string_view api_key = first_key) {
  return server.client(api_key).post("/api/v1/tasks", task, {{"Idempotency-Key", idempotency_key}});
}

}  // namespace

TEST_CASE("a request waits for the one that uses its key") {
  RunningFrontend server;
  std::atomic<int> inside{0};
  std::atomic<int> met{0};
  server.engine.before_create = [&] {
    if (++inside > 1) ++met;
    std::this_thread::sleep_for(milliseconds{50});
    --inside;
  };
  std::vector<std::future<HttpReply>> clients;
  for (int i = 0; i < 5; ++i) clients.push_back(std::async(std::launch::async, [&] { return create(server, "k"); }));
  for (auto& client : clients) CHECK(client.get().status == 202);
  CHECK(met == 0);
}

TEST_CASE("a request whose key is in use for more than a second is a conflict") {
  RunningFrontend server;
  std::counting_semaphore<> entered{0};
  std::counting_semaphore<> leave{0};
  server.engine.before_create = [&] {
    entered.release();
    leave.acquire();
  };
  auto first = std::async(std::launch::async, [&] { return create(server, "k"); });
  entered.acquire();
  const auto second = create(server, "k");
  CHECK(second.status == 409);
  CHECK(second.error_code() == "conflict");
  leave.release(2);
  CHECK(first.get().status == 202);
  CHECK(create(server, "k").status == 202);
}

TEST_CASE("a key in use is that of one organisation") {
  RunningFrontend server;
  std::atomic<int> inside{0};
  std::atomic<bool> met{false};
  // Each waits for the other; they would wait in vain if one kept the other out.
  server.engine.before_create = [&] {
    ++inside;
    if (eventually([&] { return inside == 2; })) met = true;
  };
  auto first = std::async(std::launch::async, [&] { return create(server, "k"); });
  CHECK(create(server, "k", other_key).status == 202);
  CHECK(first.get().status == 202);
  CHECK(met);
}

TEST_CASE("a key is free again after a request that failed") {
  RunningFrontend server;
  std::atomic<bool> fail{true};
  server.engine.before_create = [&] {
    if (fail.exchange(false)) throw Unavailable("busy");
  };
  CHECK(create(server, "k").status == 503);
  CHECK(create(server, "k").status == 202);
}
