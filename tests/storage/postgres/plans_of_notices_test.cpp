// Plans of the statements on channels and notices, and how many rows they met. Each case is run with plans that were made knowing
// what is stored, and with plans that were made while there was nothing.
#include <algorithm>
#include <catch2/catch.hpp>

#include "channel_store.hpp"
#include "hot_path.hpp"
#include "notice_claims.hpp"
#include "notices.hpp"
#include "postgres/plans_fixture.hpp"
#include "stalled_queues.hpp"

using namespace punctual;
using namespace punctual::testing;
using postgres::Session;
using Names = std::set<std::string>;

namespace {

struct NoticePlansFixture : PlansFixture {
  NoticePlansFixture() {
    fill_channels();
    if (while_empty) plan_everything();
    fill();
    fill_notices();
    if (!while_empty) {
      analyze();
      session.execute("analyze channels; analyze notices;");
    }
  }

  // One an organisation, with the same id.
  void fill_channels() {
    session.execute(R"sql(
      insert into channels (id, organization_id, inserted_at, updated_at, events, enabled, name, plugin, settings)
      select id, id, inserted_at, inserted_at, 2147483647, true, 'ops', 'notifier', '{}'
      from organizations
      where name <> 'acme' and name <> 'other')sql");
  }
  // Far more for the greedy one than for all others together; of each a quarter is dead.
  void fill_notices() {
    session.execute(R"sql(
      insert into notices (id, channel_id, task_id, execution_id, occurred_at, next_at, dead_at, event, subject, detail)
      select notice_id(at), lpad(to_hex(case when n % 26 > 0 then 100 else n / 26 % 200 end), 32, '0')::uuid,
        id_at('2026-02-25', n), id_at('2026-02-25', n), at, case when n % 4 > 0 then at end,
        case when n % 4 = 0 then at end, 'task.failed', '', ''
      from (select n, '2026-02-28'::timestamptz + n * interval '1 millisecond' as at from generate_series(1, 26000) n) made;
      )sql");
  }

  std::vector<Plan> claim(std::size_t limit, Time now) {
    return explained.plans_of([&](Session& s) {
      for (const ClaimedNotices& one :
           postgres::claim_notices(s, {node, next_token(), now, limit, {"notifier"}, {}}).claimed) {
        claimed.insert(claimed.end(), one.notices.begin(), one.notices.end());
      }
    });
  }
  std::vector<Plan> settle() {
    std::vector<NoticeResult> results;
    for (std::size_t i = 0; i < claimed.size(); ++i) {
      results.push_back({{claimed[i].id, claimed[i].token}, static_cast<NoticeResult::Kind>(i % 3), at(24h), "x"});
    }
    claimed.clear();
    return explained.plans_of([&](Session& s) { postgres::settle_notices(s, results); });
  }
  std::vector<Plan> release() {
    std::vector<NoticeClaim> claims;
    for (const Notice& one : claimed) claims.push_back({one.id, one.token});
    claimed.clear();
    return explained.plans_of([&](Session& s) { postgres::release_notices(s, claims); });
  }
  std::vector<Plan> rescue() {
    return explained.plans_of([&](Session& s) { rescued = postgres::release_notices_of(s, node); });
  }
  std::vector<Plan> list(std::optional<bool> dead) {
    NoticeQuery query{organization(greedy), ChannelId{organization(greedy).value}, 50, 0, std::nullopt, dead};
    return explained.plans_of([&](Session& s) { listed = postgres::list_notices(s, query).items.size(); });
  }
  std::vector<Plan> revive() {
    return explained.plans_of(
        [&](Session& s) { revived = postgres::revive_notices(s, ChannelId{organization(7).value}, at(1h)); });
  }
  std::vector<Plan> remove() {
    return explained.plans_of([&](Session& s) { postgres::delete_channel(s, ChannelId{organization(8).value}); });
  }
  std::vector<Plan> expire() {
    return explained.plans_of([&](Session& s) { expired = postgres::expire_notices(s, at(1h), 10); });
  }
  std::vector<Plan> look_for_plugins() {
    return explained.plans_of([&](Session& s) { plugins = postgres::waiting_plugins(s); });
  }
  std::vector<Plan> give_up(Time now, std::size_t limit) {
    return explained.plans_of(
        [&](Session& s) { given_up = postgres::give_up_notices(s, "notifier", now, seconds{0}, "not loaded", limit); });
  }
  std::vector<Plan> count() {
    return explained.plans_of([&](Session& s) { sizes = postgres::count_notices(s, 100); });
  }
  // Of attempts claimed at insert, one of each organisation.
  std::vector<Plan> settle_attempts(int count, ExecutionStatus status) {
    std::vector<NewWork> batch;
    std::vector<Settlement> items;
    for (int i = 0; i < count; ++i) {
      batch.push_back(once(organization(i), at(0s)));
      batch.back().claim = next_token();
      Claimed one;
      one.id = batch.back().execution->id;
      one.task_id = batch.back().task.id;
      one.token = *batch.back().claim;
      items.push_back(settlement(one, status, at(1s)));
    }
    (void)explained.plans_of([&](Session& s) { (void)postgres::insert_work(s, node, batch); });
    return explained.plans_of([&](Session& s) {
      for (const auto outcome : postgres::settle_work(s, items)) CHECK(outcome == SettleOutcome::settled);
    });
  }
  std::vector<Plan> find_stalled() {
    return explained.plans_of([&](Session& s) { stalled = postgres::find_stalled(s, at(0s), 1000); });
  }
  std::vector<Plan> note_stalled() {
    return explained.plans_of([&](Session& s) { (void)postgres::note_stalled(s, stalled, at(0s)); });
  }

  // Has every statement planned, and leaves no notice behind.
  void plan_everything() {
    for (const auto status : {ExecutionStatus::success, ExecutionStatus::failed}) (void)settle_attempts(5, status);
    (void)claim(3, at(2s));
    (void)release();
    (void)claim(3, at(62s));
    (void)rescue();
    (void)claim(3, at(122s));
    (void)settle();
    (void)list({});
    (void)revive();
    (void)expire();
    (void)count();
    (void)look_for_plugins();
    (void)give_up(at(1h), 10);
    (void)find_stalled();
    stalled.push_back({{organization(1), "none", at(0s)}, next_id<ExecutionId>()});
    (void)note_stalled();
    claimed.clear();
    session.execute("delete from notices; update channels set window_at = null, window_used = 0;");
  }

  const bool while_empty = GENERATE(false, true);
  std::vector<Notice> claimed;
  std::size_t rescued = 0;
  std::size_t listed = 0;
  std::size_t revived = 0;
  std::size_t expired = 0;
  std::size_t given_up = 0;
  std::vector<std::string> plugins;
  Channels::Sizes sizes;
  std::vector<postgres::StalledLine> stalled;
};

// So many rows are gone over to find all channels for which something waits.
constexpr double channels_with_notices = 200;

}  // namespace

TEST_CASE_METHOD(NoticePlansFixture, "a claim of notices goes from channel to channel, whatever waits for each") {
  const auto plans = claim(20, at(first_due + 5s));
  INFO(text_of(plans));
  CAPTURE(while_empty);
  CHECK(claimed.size() >= 20);
  CHECK(indexes_used(plans, "notices").contains("notices_due"));
  for (const auto& index : indexes_used(plans, "notices")) {
    CHECK(Names{"notices_due", "notices_listed", "notices_claimed_of_channel", "notices_pkey"}.contains(index));
  }
  CHECK(indexes_used(plans, "channels") == Names{"channels_pkey"});
  // The greedy one has its summary.
  CHECK(most_rows(plans) <= 1500 + channels_with_notices);
}

TEST_CASE_METHOD(NoticePlansFixture, "single notices are claimed by a look at a few of each channel") {
  session.execute("update channels set window_at = '2026-02-28', window_used = 1");
  const auto plans = claim(20, at(first_due + 5s));
  INFO(text_of(plans));
  CAPTURE(while_empty);
  CHECK(claimed.size() == 20);
  CHECK(most_rows(plans) <= 2 * channels_with_notices);  // each channel has been changed once
}

TEST_CASE_METHOD(NoticePlansFixture, "where nothing waits a claim of notices reads nothing") {
  session.execute("delete from notices where dead_at is null");
  const auto plans = claim(20, at(1h));
  INFO(text_of(plans));
  CAPTURE(while_empty);
  CHECK(claimed.empty());
  CHECK(most_rows(plans) <= 1);  // the lease
}

TEST_CASE_METHOD(NoticePlansFixture, "claimed notices are settled and given back by their primary key") {
  (void)claim(200, at(-1h));
  REQUIRE(claimed.size() > 1000);
  const auto number = static_cast<double>(claimed.size());
  const auto released = release();
  (void)claim(200, at(1h));
  const auto settled = settle();
  CAPTURE(while_empty);
  for (const auto* plans : {&released, &settled}) {
    INFO(text_of(*plans));
    auto used = indexes_used(*plans, "notices");
    used.erase("Tid Scan");  // of what was just locked
    CHECK(used == Names{"notices_pkey"});
    CHECK(most_rows(*plans) <= 3 * number);  // with what they were before their last changes
  }
}

TEST_CASE_METHOD(NoticePlansFixture, "the notices of a dead server are found by its id alone") {
  (void)claim(50, at(-1h));
  const auto number = static_cast<double>(claimed.size());
  const auto plans = rescue();
  INFO(text_of(plans));
  CAPTURE(while_empty);
  CHECK(rescued == claimed.size());
  // Both of the indexes of what is claimed do.
  auto used = indexes_used(plans, "notices");
  CHECK(used.erase("notices_claimed") + used.erase("notices_claimed_of_channel") == 1);
  CHECK(used == Names{"notices_pkey"});
  CHECK(most_rows(plans) <= 2 * number);
}

TEST_CASE_METHOD(NoticePlansFixture, "notices are listed, tried again, expired, counted and deleted by their indexes") {
  CAPTURE(while_empty);
  for (const std::optional<bool> dead : {std::optional<bool>{}, std::optional(true), std::optional(false)}) {
    const auto plans = list(dead);
    INFO(text_of(plans));
    CHECK(listed == 50);
    CHECK(indexes_used(plans, "notices") == Names{"notices_listed"});
    CHECK(most_rows(plans) <= 2 * 51);
  }
  const auto reviving = revive();
  {
    INFO(text_of(reviving));
    CHECK(indexes_used(reviving, "notices") == Names{"notices_listed"});
    CHECK(most_rows(reviving) <= static_cast<double>(revived) + 1);
  }
  const auto expiring = expire();
  {
    INFO(text_of(expiring));
    CHECK(expired == 10);
    CHECK(indexes_used(expiring, "notices") == Names{"notices_dead", "notices_pkey"});
    CHECK(most_rows(expiring) <= 20);
  }
  const auto counting = count();
  {
    INFO(text_of(counting));
    CHECK(sizes.waiting == 100);
    CHECK(sizes.dead == 100);
    CHECK(most_rows(counting) <= 100);
  }
  const auto removing = remove();
  {
    INFO(text_of(removing));
    CHECK(indexes_used(removing, "notices") == Names{"notices_claimed_of_channel", "notices_listed"});
    CHECK(most_rows(removing) <= 100);
  }
}

TEST_CASE_METHOD(NoticePlansFixture,
                 "plugins for which something waits are found by a look at the first of each channel") {
  CAPTURE(while_empty);
  const auto looking = look_for_plugins();
  {
    INFO(text_of(looking));
    CHECK(plugins == std::vector<std::string>{"notifier"});
    CHECK(indexes_used(looking, "notices") == Names{"notices_due"});
    CHECK(most_rows(looking) <= channels_with_notices);
  }
  const auto giving_up = give_up(at(1h), 10);
  INFO(text_of(giving_up));
  CHECK(given_up == 10);
  CHECK(indexes_used(giving_up, "notices") == Names{"notices_due", "notices_pkey"});
  CHECK(most_rows(giving_up) <= channels_with_notices);
}

TEST_CASE_METHOD(NoticePlansFixture, "results of tasks that go on working cost nothing for channels") {
  const auto plans = settle_attempts(100, ExecutionStatus::success);
  INFO(text_of(plans));
  CAPTURE(while_empty);
  for (const auto* table : {"channels", "notices", "outbox", "organizations"}) {
    CHECK(indexes_used(plans, table).empty());
  }
  // Since when they were failing comes with the one update of the tasks.
  CHECK(std::count_if(plans.begin(), plans.end(), [](const Plan& plan) {
          return std::any_of(plan.steps.begin(), plan.steps.end(),
                             [](const PlanStep& step) { return step.table.starts_with("tasks") && step.ran(); });
        }) == 1);
  CHECK(std::none_of(plans.begin(), plans.end(),
                     [](const Plan& plan) { return plan.sql.find("was_failing") != std::string::npos; }));
}

TEST_CASE_METHOD(NoticePlansFixture, "notices of tasks that fail are stored by primary keys") {
  const auto plans = settle_attempts(100, ExecutionStatus::failed);
  INFO(text_of(plans));
  CAPTURE(while_empty);
  CHECK(indexes_used(plans, "tasks") == Names{"tasks_keep_pkey", "tasks_w20260223_pkey"});
  CHECK(leaves_read(plans, "executions") == Names{"executions_keep", "executions_w20260223"});
  CHECK(indexes_used(plans, "notices").empty());
  CHECK(most_rows(plans) <= 2 * channels_with_notices);
}

TEST_CASE_METHOD(NoticePlansFixture, "queues that stand still are found by a look at the first of each") {
  session.execute(R"sql(
    update executions
    set queue = 'line', line_at = scheduled_for, line_seq = 1, holds = true
    where status = 'pending' and tier = 'k';
    insert into queues (organization_id, name)
    select distinct organization_id, queue from executions where status = 'pending' and queue is not null
    on conflict do nothing;)sql");
  const auto found = find_stalled();
  const auto noted = note_stalled();
  CAPTURE(while_empty);
  {
    INFO(text_of(found));
    CHECK(stalled.size() >= 150);
    CHECK(indexes_used(found, "executions").contains("executions_keep_lines"));
    CHECK(indexes_used(found, "queues") == Names{"queues_pkey"});
    CHECK(most_rows(found) <= 3 * channels_with_notices);
  }
  INFO(text_of(noted));
  CHECK(indexes_used(noted, "queues") == Names{"queues_pkey"});
  CHECK(most_rows(noted) <= 3 * channels_with_notices);
}
