// Plans of the statements on the outbox, and how many rows they met. Each case is run with plans that were made knowing what
// is stored, and with plans that were made while the outbox was empty.
#include <catch2/catch.hpp>

#include <algorithm>

#include "hot_path.hpp"
#include "outbox.hpp"
#include "postgres/plans_fixture.hpp"

using namespace punctual;
using namespace punctual::testing;
using postgres::Session;
using Names = std::set<std::string>;

namespace {

struct OutboxPlansFixture : PlansFixture {
  OutboxPlansFixture() {
    if (while_empty) plan_everything();
    fill();
    fill_outbox();
    if (!while_empty) {
      analyze();
      session.execute("analyze outbox");
    }
  }

  std::vector<Plan> claim(std::size_t limit, Time now, std::vector<OrganizationId> passed_over = {}) {
    return explained.plans_of([&](Session& s) {
      OrganizationId after = organization(greedy);
      const MessageRequest request{node, next_token(), now, limit, 1 << 30, std::move(passed_over)};
      claimed = postgres::claim_messages(s, request, Time::min(), after).claimed;
    });
  }
  std::vector<Plan> settle() {
    std::vector<MessageResult> results;
    for (std::size_t i = 0; i < claimed.size(); ++i) {
      results.push_back({{claimed[i].id, claimed[i].token}, i % 2 == 0 ? std::optional(at(24h)) : std::nullopt});
    }
    return explained.plans_of([&](Session& s) { CHECK(postgres::settle_messages(s, results) == claimed.size()); });
  }
  std::vector<Plan> release() {
    std::vector<MessageClaim> claims;
    for (const ClaimedMessage& one : claimed) claims.push_back({one.id, one.token});
    return explained.plans_of([&](Session& s) { postgres::release_messages(s, claims); });
  }
  std::vector<Plan> rescue() {
    return explained.plans_of([&](Session& s) { rescued = postgres::release_messages_of(s, node); });
  }
  // Of attempts claimed at insert, each with all that may be told.
  std::vector<Plan> settle_attempts(int count) {
    std::vector<NewWork> batch;
    std::vector<Settlement> items;
    for (int i = 0; i < count; ++i) {
      batch.push_back(once(organization(i), at(0s)));
      batch.back().claim = next_token();
      Claimed one;
      one.id = batch.back().execution->id;
      one.task_id = batch.back().task.id;
      one.token = *batch.back().claim;
      items.push_back(settlement(one, i % 2 == 0 ? ExecutionStatus::success : ExecutionStatus::failed, at(1s)));
      for (const auto event :
           {MessageEvent::execution_completed, MessageEvent::task_failed, MessageEvent::task_recovered}) {
        items.back().messages.push_back({next_id<MessageId>(), event, "http://example.com/", "{}"});
      }
    }
    (void)explained.plans_of([&](Session& s) { (void)postgres::insert_work(s, node, batch); });
    return explained.plans_of([&](Session& s) {
      for (const auto outcome : postgres::settle_work(s, items)) CHECK(outcome == SettleOutcome::settled);
    });
  }

  // Has every statement planned, and leaves the outbox empty.
  void plan_everything() {
    (void)settle_attempts(5);
    (void)claim(3, at(2s));
    (void)release();
    (void)claim(100, at(2s));
    (void)release();
    (void)claim(3, at(2s));
    (void)rescue();
    (void)claim(3, at(2s));
    (void)settle();
    session.execute("delete from outbox");
  }

  void fill_outbox() {
    session.execute(R"sql(
      insert into outbox (id, organization_id, task_id, execution_id, next_at, claim_token, node_id, final, event, url, content)
      select id_at('2026-02-25', n), lpad(to_hex(case when n % 26 > 0 then 100 else n / 26 % 200 end), 32, '0')::uuid,
        id_at('2026-02-25', n), id_at('2026-02-25', n), '2026-02-28'::timestamptz + n * interval '1 millisecond',
        case when n % 4 = 0 then n end, case when n % 4 = 0 then id_at('2026-02-25', 1) end, true, 'execution.completed',
        'http://example.com/', ''
      from generate_series(1, 26000) n;)sql");
  }

  const bool while_empty = GENERATE(false, true);
  std::vector<ClaimedMessage> claimed;
  std::size_t rescued = 0;
};

}  // namespace

TEST_CASE_METHOD(OutboxPlansFixture, "a claim of all messages that are due reads those alone") {
  const auto plans = claim(100, at(first_due + 50ms));
  INFO(text_of(plans));
  CAPTURE(while_empty);
  CHECK(claimed.size() == 38);
  CHECK(indexes_used(plans, "outbox") == Names{"outbox_due", "outbox_pkey"});
  CHECK(most_rows(plans) <= 2 * 38);  // each has been changed once
}

TEST_CASE_METHOD(OutboxPlansFixture, "a claim of messages with organisations in turn reads no more than it may claim") {
  const auto plans = claim(300, at(-1h), {organization(7)});
  INFO(text_of(plans));
  CAPTURE(while_empty);
  CHECK(claimed.size() >= 150);
  CHECK(indexes_used(plans, "outbox") == Names{"outbox_due", "outbox_due_by_organization", "outbox_pkey"});
  CHECK(most_rows(plans) <= 2 * 300);
}

TEST_CASE_METHOD(OutboxPlansFixture, "claimed messages are settled and given back by their primary key") {
  (void)claim(200, at(-1h));
  REQUIRE(claimed.size() >= 100);
  const auto released = release();
  (void)claim(200, at(-1h));
  const auto settled = settle();
  CAPTURE(while_empty);
  for (const auto* plans : {&released, &settled}) {
    INFO(text_of(*plans));
    CHECK(indexes_used(*plans, "outbox") == Names{"outbox_pkey"});
    CHECK(most_rows(*plans) <= 1000);  // with what they were before their last changes
  }
}

TEST_CASE_METHOD(OutboxPlansFixture, "the messages of a dead server are found by its id alone") {
  (void)claim(200, at(-1h));
  const auto plans = rescue();
  INFO(text_of(plans));
  CAPTURE(while_empty);
  CHECK(rescued == claimed.size());
  CHECK(indexes_used(plans, "outbox") == Names{"outbox_claimed"});
  CHECK(most_rows(plans) <= 200);
}

TEST_CASE_METHOD(OutboxPlansFixture, "results with messages are stored by primary keys") {
  const auto plans = settle_attempts(100);
  INFO(text_of(plans));
  CAPTURE(while_empty);
  CHECK(indexes_used(plans, "tasks") == Names{"tasks_keep_pkey", "tasks_w20260223_pkey"});
  CHECK(leaves_read(plans, "executions") == Names{"executions_keep", "executions_w20260223"});
  CHECK(indexes_used(plans, "outbox").empty());
  CHECK(most_rows(plans) <= 300);  // one for each message
}
