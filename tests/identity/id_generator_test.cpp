#include "identity/id_generator.hpp"

#include <algorithm>
#include <set>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

using namespace punctual;
using namespace std::chrono_literals;

namespace {

constexpr Time noon{std::chrono::sys_days{std::chrono::year{2026} / 3 / 29} + 12h + 345678us};

bool strictly_increasing(const std::vector<TaskId>& ids) {
  return std::ranges::adjacent_find(ids, std::greater_equal<>{}) == ids.end();
}

}  // namespace

TEST_CASE("an id says version 7 and variant 2") {
  IdGenerator ids;
  for (int i = 0; i < 100; ++i) {
    const auto text = ids.next<TaskId>(noon + i * 1ms).text();
    CHECK(text[14] == '7');
    CHECK(std::string_view("89ab").find(text[19]) != std::string_view::npos);
  }
}

TEST_CASE("an id carries its instant to the millisecond") {
  IdGenerator ids;
  CHECK(id_time(ids.next<TaskId>(noon).value) == std::chrono::floor<milliseconds>(noon));
}

TEST_CASE("ids of one millisecond are strictly increasing") {
  IdGenerator ids;
  std::vector<TaskId> made;
  for (int i = 0; i < 20000; ++i) made.push_back(ids.next<TaskId>(noon));
  CHECK(strictly_increasing(made));
}

TEST_CASE("ids are strictly increasing when the clock steps back") {
  IdGenerator ids;
  std::vector<TaskId> made;
  for (int i = 0; i < 1000; ++i) made.push_back(ids.next<TaskId>(noon - i * 1h));
  made.push_back(ids.next<TaskId>(noon + 1ms));
  CHECK(strictly_increasing(made));
}

TEST_CASE("an instant before 1970 still gives an id") {
  IdGenerator ids;
  CHECK(id_time(ids.next<TaskId>(Time{-5s}).value) == Time{});
}

TEST_CASE("a batch is in ascending order and follows what was made before") {
  IdGenerator ids;
  std::vector<TaskId> made{ids.next<TaskId>(noon)};
  for (const TaskId id : ids.next_batch<TaskId>(noon, 1000)) made.push_back(id);
  made.push_back(ids.next<TaskId>(noon));
  CHECK(made.size() == 1002);
  CHECK(strictly_increasing(made));
}

TEST_CASE("no two ids of a thousand neighbours share their random part") {
  IdGenerator ids;
  std::set<std::string> tails;
  for (const TaskId id : ids.next_batch<TaskId>(noon, 1000))
    tails.emplace(id.value.bytes.begin() + 10, id.value.bytes.end());
  CHECK(tails.size() == 1000);
}

TEST_CASE("each millisecond begins at another place of the counter") {
  IdGenerator ids;
  std::set<std::string> seeds;
  for (int i = 0; i < 100; ++i) {
    const auto bytes = ids.next<TaskId>(noon + i * 1ms).value.bytes;
    seeds.emplace(bytes.begin() + 6, bytes.begin() + 10);
  }
  CHECK(seeds.size() > 90);
}

TEST_CASE("two generators give different ids at one instant") {
  IdGenerator first;
  IdGenerator second;
  CHECK(first.next<TaskId>(noon) != second.next<TaskId>(noon));
}

TEST_CASE("many threads get ids that increase for each and are unique among all") {
  IdGenerator ids;
  std::vector<std::vector<TaskId>> made(8);
  {
    std::vector<std::jthread> threads;
    for (auto& own : made) {
      threads.emplace_back([&] {
        for (int i = 0; i < 5000; ++i) own.push_back(ids.next<TaskId>(noon + (i / 100) * 1ms));
      });
    }
  }
  std::set<TaskId> all;
  for (const auto& own : made) {
    CHECK(strictly_increasing(own));
    all.insert(own.begin(), own.end());
  }
  CHECK(all.size() == 8 * 5000);
}

TEST_CASE("claim tokens are neither zero nor repeated") {
  IdGenerator ids;
  std::set<ClaimToken> tokens;
  for (int i = 0; i < 10000; ++i) tokens.insert(ids.next_token());
  CHECK(tokens.size() == 10000);
  CHECK(tokens.count(ClaimToken{}) == 0);
}
