#include "engine/held_claims.hpp"

#include <catch2/catch.hpp>

#include "support/fake_clock.hpp"

using namespace punctual;
using namespace std::chrono_literals;
using punctual::testing::FakeClock;

namespace {

const Time start = Time{std::chrono::sys_days{std::chrono::year{2026} / 3 / 1}};

TaskId task(std::uint8_t n) {
  TaskId id;
  id.value.bytes[15] = n;
  return id;
}

ExecutionId execution(std::uint8_t n) {
  ExecutionId id;
  id.value.bytes[15] = n;
  return id;
}

Claimed claimed(std::uint8_t n, Time due, std::int64_t token = 7) {
  Claimed out;
  out.id = execution(n);
  out.task_id = task(n);
  out.token = ClaimToken{token};
  out.scheduled_for = due;
  return out;
}

ClaimRef ref(std::uint8_t n, std::int64_t token = 7) { return {execution(n), ClaimToken{token}}; }

std::vector<Claimed> list(std::initializer_list<Claimed> items) { return items; }

}  // namespace

TEST_CASE("what is due leaves the wheel in the order of its due times") {
  FakeClock clock{start};
  HeldClaims held{10};
  held.absorb(list({claimed(2, start - 1s), claimed(1, start - 2s), claimed(3, start + 1s)}));
  const auto due = held.wait_due(clock);
  REQUIRE(due.size() == 2);
  CHECK(due[0].id == execution(1));
  CHECK(due[1].id == execution(2));
  CHECK(held.sizes().waiting == 1);
  CHECK(held.sizes().sending == 2);
}

TEST_CASE("no more is claimed than there is room for") {
  HeldClaims held{3};
  held.absorb(list({claimed(1, start), claimed(2, start)}));
  CHECK(held.room() == 1);
  CHECK(held.expect(ref(3), {}, task(3)));
  CHECK(held.room() == 0);
  CHECK_FALSE(held.expect(ref(4), {}, task(4)));
  held.abandon(ref(3));
  CHECK(held.room() == 1);
}

TEST_CASE("a held task is not sent until the hold ends") {
  FakeClock clock{start};
  HeldClaims held{10};
  held.absorb(list({claimed(1, start), claimed(2, start)}));
  {
    HeldClaims::Hold hold(held, {}, task(1));
    const auto due = held.wait_due(clock);
    REQUIRE(due.size() == 1);
    CHECK(due[0].id == execution(2));
  }
  const auto due = held.wait_due(clock);
  REQUIRE(due.size() == 1);
  CHECK(due[0].id == execution(1));
}

TEST_CASE("a claim revoked while its task is held is never sent") {
  FakeClock clock{start};
  HeldClaims held{10};
  held.absorb(list({claimed(1, start), claimed(2, start)}));
  {
    HeldClaims::Hold hold(held, {}, task(1));
    CHECK(held.wait_due(clock).size() == 1);  // parks the held one
    const ClaimRef revoked = ref(1);
    hold.revoke({&revoked, 1});
  }
  CHECK(held.sizes().waiting == 0);
  CHECK_FALSE(held.knows(ref(1)));
}

TEST_CASE("a claim revoked before its result arrives is dropped when it does") {
  HeldClaims held{10};
  (void)held.begin_claim(1);
  {
    HeldClaims::Hold hold(held, {}, task(1));
    const ClaimRef revoked = ref(1);
    hold.revoke({&revoked, 1});
  }
  held.absorb(list({claimed(1, start), claimed(2, start)}));
  CHECK_FALSE(held.knows(ref(1)));
  CHECK(held.knows(ref(2)));
}

TEST_CASE("revoking one claim leaves a later claim of the same execution alone") {
  HeldClaims held{10};
  held.absorb(list({claimed(1, start, 8)}));
  HeldClaims::Hold hold(held, {}, task(1));
  const ClaimRef old = ref(1, 7);
  hold.revoke({&old, 1});
  CHECK(held.knows(ref(1, 8)));
}

TEST_CASE("a new claim takes the place of a waiting one that storage has voided") {
  FakeClock clock{start};
  HeldClaims held{10};
  held.absorb(list({claimed(1, start, 7), claimed(2, start, 7)}));
  HeldClaims::Hold hold(held, {}, task(1));
  CHECK(held.wait_due(clock).size() == 1);  // parks the held one
  (void)held.begin_claim(1);
  held.absorb(list({claimed(1, start, 8)}));
  const ClaimRef voided = ref(1, 7);
  hold.revoke({&voided, 1});
  CHECK_FALSE(held.knows(ref(1, 7)));
  CHECK(held.knows(ref(1, 8)));
  CHECK(held.sizes().waiting == 1);
  CHECK(held.suspend() == std::vector{ref(1, 8)});
}

TEST_CASE("a hold names what is under way: expected and sending executions of its task") {
  FakeClock clock{start};
  HeldClaims held{10};
  REQUIRE(held.expect(ref(1), {}, task(1)));
  REQUIRE(held.expect(ref(2), {}, task(2)));
  CHECK(HeldClaims::Hold(held, {}, task(1)).sending() == std::vector{execution(1)});
  REQUIRE(held.begin_sending(execution(1)));
  CHECK(HeldClaims::Hold(held, {}, task(1)).sending() == std::vector{execution(1)});
  const ClaimRef ended = ref(1);
  held.settled({&ended, 1});
  CHECK(HeldClaims::Hold(held, {}, task(1)).sending().empty());
  CHECK(HeldClaims::Hold(held, {}, std::nullopt).sending() == std::vector{execution(2)});
}

TEST_CASE("a hold of one organisation leaves the others alone") {
  FakeClock clock{start};
  HeldClaims held{10};
  OrganizationId other;
  other.value.bytes[0] = 1;
  held.absorb(list({claimed(1, start)}));
  REQUIRE(held.expect(ref(2), {}, task(2)));
  HeldClaims::Hold hold(held, other, std::nullopt);
  CHECK(hold.sending().empty());
  CHECK(held.wait_due(clock).size() == 1);
}

TEST_CASE("the end of a lost claim does not end the claim that followed it") {
  HeldClaims held{10};
  REQUIRE(held.expect(ref(1, 7), {}, task(1)));
  held.absorb(list({claimed(1, start, 8)}));
  CHECK_FALSE(held.knows(ref(1, 8)));
  const ClaimRef other = ref(1, 9);
  held.settled({&other, 1});
  CHECK(held.knows(ref(1, 7)));
  held.abandon(ref(1, 7));
  CHECK(held.sizes().sending == 0);
}

TEST_CASE("suspension empties the wheel and refuses what was expected") {
  HeldClaims held{10};
  REQUIRE(held.expect(ref(1), {}, task(1)));
  held.absorb(list({claimed(2, start)}));
  CHECK(held.suspend() == std::vector{ref(2)});
  CHECK_FALSE(held.begin_sending(execution(1)));
  CHECK_FALSE(held.expect(ref(3), {}, task(3)));
  CHECK(held.room() == 0);
  held.resume();
  CHECK(held.room() == 10);
}

TEST_CASE("waiting for idleness ends when the last one is settled") {
  HeldClaims held{10};
  REQUIRE(held.expect(ref(1), {}, task(1)));
  CHECK_FALSE(held.wait_idle(1ms));
  std::thread settling([&] { held.abandon(ref(1)); });
  CHECK(held.wait_idle(10s));
  settling.join();
}

TEST_CASE("what a claim brings that was under way during a suspension is not taken") {
  HeldClaims held{10};
  (void)held.begin_claim(1);
  CHECK(held.suspend().empty());
  held.resume();
  held.absorb(list({claimed(1, start)}));
  CHECK_FALSE(held.knows(ref(1)));
  (void)held.begin_claim(1);
  held.absorb(list({claimed(2, start)}));
  CHECK(held.knows(ref(2)));
}

TEST_CASE("a claim under way keeps its places from work that is inserted meanwhile") {
  HeldClaims held{3};
  (void)held.begin_claim(2);
  CHECK(held.expect(ref(1), {}, task(1)));
  CHECK_FALSE(held.expect(ref(2), {}, task(2)));
  held.absorb({});
  CHECK(held.expect(ref(2), {}, task(2)));
}

TEST_CASE("what is cancelled before its request is sent is not sent, however far it has come") {
  FakeClock clock{start};
  HeldClaims held{10};
  held.absorb(list({claimed(1, start - 1s)}));
  REQUIRE(held.expect(ref(2), {}, task(2)));
  SECTION("in the wheel, or being inserted") {
    CHECK(held.cancel(execution(1)));
    CHECK(held.cancel(execution(2)));
    CHECK(held.wait_due(clock).size() == 1);
    CHECK(held.begin_sending(execution(2)));
  }
  SECTION("on its way out of the wheel") {
    CHECK(held.wait_due(clock).size() == 1);
    CHECK(held.begin_sending(execution(2)));
    CHECK(held.cancel(execution(1)));
    CHECK(held.cancel(execution(2)));
  }
  for (const std::uint8_t n : {std::uint8_t{1}, std::uint8_t{2}}) {
    CHECK_FALSE(held.sent(ref(n), start));
    CHECK(held.is_cancelled(ref(n)));
    CHECK_FALSE(held.sent_at(execution(n)));
  }
}

TEST_CASE("a cancellation after the request is sent is told by the number of cancellations") {
  FakeClock clock{start};
  HeldClaims held{10};
  held.absorb(list({claimed(1, start - 1s), claimed(2, start - 1s)}));
  REQUIRE(held.wait_due(clock).size() == 2);
  const auto before = held.cancellations();
  CHECK(held.sent(ref(1), start));
  CHECK(held.sent(ref(2), start));
  CHECK(held.cancellations() == before);
  CHECK(held.cancel(execution(1)));
  CHECK(held.cancellations() != before);
  CHECK(held.is_cancelled(ref(1)));
  CHECK_FALSE(held.is_cancelled(ref(1, 8)));
  CHECK_FALSE(held.is_cancelled(ref(2)));
}

TEST_CASE("what is not held here cannot be cancelled here") {
  HeldClaims held{10};
  const auto before = held.cancellations();
  CHECK_FALSE(held.cancel(execution(1)));
  CHECK(held.cancellations() == before);
}
