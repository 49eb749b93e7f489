// Parts that are easier to try alone than over a connection.
#include <catch2/catch.hpp>

#include <future>

#include "frontend/client_address.hpp"
#include "frontend/limiter.hpp"
#include "frontend/paging.hpp"
#include "frontend/request_queue.hpp"
#include "support/eventually.hpp"

using namespace punctual;
using namespace punctual::testing;

namespace {

LimitKey key_of(int number) {
  LimitKey key{};
  key[0] = static_cast<std::uint8_t>(number);
  key[1] = static_cast<std::uint8_t>(number >> 8);
  key[2] = static_cast<std::uint8_t>(number >> 16);
  return key;
}

}  // namespace

TEST_CASE("a limiter gives back what time has passed") {
  Limiter limiter(60);
  const SteadyTime begin{std::chrono::hours{1}};
  for (int i = 0; i < 60; ++i) CHECK(limiter.take(key_of(1), begin).remaining == 59 - i);
  CHECK_FALSE(limiter.take(key_of(1), begin).allowed);
  CHECK(limiter.take(key_of(1), begin).wait == std::chrono::seconds{1});
  CHECK(limiter.take(key_of(1), begin + std::chrono::seconds{2}).remaining == 1);
  CHECK(limiter.take(key_of(1), begin + std::chrono::seconds{2}).allowed);
  CHECK_FALSE(limiter.take(key_of(1), begin + std::chrono::seconds{2}).allowed);
  CHECK(limiter.take(key_of(1), begin + std::chrono::hours{1}).remaining == 59);
}

TEST_CASE("a limiter that is asked without counting does not count") {
  Limiter limiter(1);
  const SteadyTime now{std::chrono::hours{1}};
  CHECK(limiter.look(key_of(1), now).allowed);
  CHECK(limiter.take(key_of(1), now).allowed);
  CHECK_FALSE(limiter.look(key_of(1), now).allowed);
}

TEST_CASE("a limiter stays within its memory when there are many keys") {
  Limiter limiter(5, 64);
  const SteadyTime now{std::chrono::hours{1}};
  for (int i = 0; i < 100000; ++i) CHECK(limiter.take(key_of(i), now).allowed);
}

TEST_CASE("a cursor gives back what it was made from") {
  TaskCursor task;
  task.inserted_at = Time{microseconds{1768478400123456}};
  task.id = *TaskId::parse("01890000-0000-7000-8000-0000000000ff");
  for (const auto last : {std::optional<Time>{}, std::optional(Time{microseconds{-5}})}) {
    task.last_execution_at = last;
    const auto read = read_task_cursor(Query("cursor=" + cursor_text(task)));
    REQUIRE(read);
    CHECK(read->last_execution_at == last);
    CHECK(read->inserted_at == task.inserted_at);
    CHECK(read->id == task.id);
  }
}

TEST_CASE("addresses of one IPv6 network are limited together, IPv4 addresses each alone") {
  const auto same = [](const char* a, const char* b) {
    return IpAddress::parse(a)->limited_as() == IpAddress::parse(b)->limited_as();
  };
  CHECK(same("2001:db8::1", "2001:db8::ffff"));
  CHECK_FALSE(same("2001:db8::1", "2001:db8:0:1::1"));
  CHECK_FALSE(same("192.0.2.1", "192.0.2.2"));
  CHECK(same("192.0.2.1", "::ffff:192.0.2.1"));
}

TEST_CASE("requests wait for a thread in their order, and say when there is none") {
  ConnectionCount count;
  RequestQueue queue(seconds{10});
  std::vector<Connection*> sent;
  for (int i = 0; i < 3; ++i) {
    auto connection = std::make_unique<Connection>(Poco::Net::StreamSocket(), count);
    sent.push_back(connection.get());
    CHECK(queue.push(std::move(connection)));
  }
  CHECK(queue.size() == 3);
  for (auto* expected : sent) CHECK(queue.take().connection.get() == expected);
  auto taken = std::async(std::launch::async, [&] { return queue.take().connection != nullptr; });
  // Pushed until the thread that waits is seen: from then on there is a free one.
  CHECK(eventually([&] {
    const bool none_free = queue.push(std::make_unique<Connection>(Poco::Net::StreamSocket(), count));
    if (none_free) (void)queue.take();
    return !none_free || taken.wait_for(milliseconds{0}) == std::future_status::ready;
  }));
  CHECK(taken.get());
  queue.close();
  while (queue.take().connection) {
  }
  CHECK(count.get() == 0);
}

TEST_CASE("a request is overdue once it has waited for its time, not before") {
  ConnectionCount count;
  RequestQueue queue(milliseconds{40});
  auto overdue = std::async(std::launch::async, [&] { return queue.take_overdue(); });
  const auto begin = std::chrono::steady_clock::now();
  auto* first = new Connection(Poco::Net::StreamSocket(), count);
  (void)queue.push(ConnectionPtr(first));
  (void)queue.push(std::make_unique<Connection>(Poco::Net::StreamSocket(), count));
  auto came = overdue.get();
  CHECK(came.get() == first);
  CHECK(std::chrono::steady_clock::now() - begin >= milliseconds{40});
  CHECK(queue.take().overdue);
  (void)queue.push(std::make_unique<Connection>(Poco::Net::StreamSocket(), count));
  CHECK_FALSE(queue.take().overdue);
  auto none = std::async(std::launch::async, [&] { return queue.take_overdue(); });
  CHECK(none.wait_for(milliseconds{80}) == std::future_status::timeout);
  queue.close();
  CHECK(none.get() == nullptr);
}
