// The rows of queues that nobody uses any more.
#include <catch2/catch.hpp>

#include "punctual/queues.hpp"
#include "support/storage_fixture.hpp"

using namespace punctual;
using namespace punctual::testing;

TEST_CASE_METHOD(StorageFixture,
                 "the row of a queue goes a day after its last work, unless something is set or waits") {
  const auto stored = [&] {
    return site.database().postgres()->value(
        "select coalesce(string_agg(name, ' ' order by name), '') from "
        "punctual.queues");
  };
  for (const std::string queue : {"over", "paused", "runs", "waits"}) {
    NewWork work = once(acme, at(1s), queue);
    work.task.inserted_at = at(1s);
    insert(work);
  }
  for (const Claimed& claimed : claim(at(2s))) {
    if (claimed.queue == "runs") continue;
    Settlement item = settlement(claimed, ExecutionStatus::success, at(3s));
    if (claimed.queue == "waits") item.retry = Retry{next_id<ExecutionId>(), at(72h)};
    REQUIRE(settle(item) == SettleOutcome::settled);
  }
  (void)claim(at(4s));
  (void)store().queues().pause(write({}, at(4s)), "paused");
  (void)store().maintenance().upkeep({at(23h), 24h * 30});
  CHECK(stored() == "over paused runs waits");
  (void)store().maintenance().upkeep({at(25h), 24h * 30});
  CHECK(stored() == "paused runs waits");
}
