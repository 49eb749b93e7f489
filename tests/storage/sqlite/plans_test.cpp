// Every statement that the roles execute, explained: none but those named here may walk a whole table or sort.
#include <array>
#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <set>

#include "punctual/channels.hpp"
#include "punctual/execution_changes.hpp"
#include "sqlite_store.hpp"
#include "support/temporary_folder.hpp"
#include "support/test_host.hpp"

using namespace punctual;
using namespace punctual::sqlite;
using namespace punctual::testing;

namespace {

using namespace std::chrono_literals;

template <class IdType>
IdType id_of(std::uint8_t number) {
  IdType id;
  id.value.bytes[15] = number;
  return id;
}

Settings settings_for(const TemporaryFolder& folder) {
  return Settings(
      boost::json::serialize(boost::json::object{{"storage.url", "sqlite:" + (folder.path() / "x.db").string()},
                                                 {"sqlite.busy_timeout", 1000},
                                                 {"sqlite.readers", 1},
                                                 {"sqlite.cache_size", 1024}}));
}

// A store in which every function of every role has been called, so that all statements are prepared.
struct PlansFixture {
  PlansFixture() {
    store.maintenance().migrate();
    store.directory().create_organization({organization, "acme", {"whsec_x"}, now, {}});
    make_channel();
    fill();
    change();
    read();
  }

  void make_channel() {
    Channel channel;
    channel.id = channel_id;
    channel.organization_id = organization;
    channel.name = "ops";
    channel.plugin = "notifier";
    REQUIRE(store.channels().create({organization, now, {}, nullptr}, channel).result == WriteResult::applied);
    channel.updated_at = now;
    REQUIRE(store.channels().update({organization, now, {}, nullptr}, channel, {}).result == WriteResult::applied);
  }

  // Notices of a task that was disabled are there.
  void tell() {
    auto& channels = store.channels();
    const auto claim = [&](Time when) {
      const auto claimed = channels.claim({node, ClaimToken{9}, when, 10, {"notifier"}, {}}).claimed;
      REQUIRE(claimed.size() == 1);
      return NoticeClaim{claimed[0].notices.at(0).id, ClaimToken{9}};
    };
    auto claimed = claim(now);
    channels.release({&claimed, 1});
    claimed = claim(now);
    for (const auto kind : {NoticeResult::Kind::retry, NoticeResult::Kind::dead, NoticeResult::Kind::delivered}) {
      const NoticeResult result{claimed, kind, now, ""};
      channels.settle({&result, 1});
      (void)channels.revive({organization, now, {}, nullptr}, channel_id, [](std::size_t) { return StoredReply{}; });
      claimed = claim(now);
    }
    const NoticeResult dead{claimed, NoticeResult::Kind::dead, now, ""};
    channels.settle({&dead, 1});
    REQUIRE(channels.expire(now + 60s, 10) == 1);
    const HostKey flapping{organization, "other.example:443"};
    for (int i = 0; i < 11; ++i) {
      for (const auto kind : {HostReport::Kind::failed, HostReport::Kind::dismissed}) {
        const HostReport report{flapping, kind, now, {}, {}};
        (void)store.hosts().report({&report, 1});
      }
    }
    REQUIRE(channels.claim({node, ClaimToken{9}, now + 60s, 10, {"notifier"}, {}}).claimed.at(0).notices.size() > 10);
    (void)channels.list_notices({organization, channel_id, 10, 0, {}, {}});
    (void)channels.held(node);
    (void)channels.sizes(10);
    (void)channels.waiting_plugins();
    REQUIRE(channels.give_up("nobody", now + 60s, 1s, "", 10) == 0);
    (void)channels.list(organization);
    stall();
    REQUIRE(channels.remove({organization, now, {}, nullptr}, channel_id).result == WriteResult::applied);
  }

  void stall() {
    NewWork work;
    work.task.id = id_of<TaskId>(60);
    work.task.organization_id = organization;
    work.task.spec.queue = "stalled";
    work.execution = NewExecution{id_of<ExecutionId>(60), id_of<ExecutionId>(60), 1, now};
    (void)store.work().insert(node, {&work, 1});
    const auto claimed = store.work().claim({node, ClaimToken{60}, now, now, 100, 100, {}}).claimed;
    for (const Claimed& one : claimed) {
      const ClaimRef claim{one.id, one.token};
      store.work().release({&claim, 1});
    }
    REQUIRE_FALSE(store.channels().note_stalled_queues(now + 60s, 10s).empty());
  }

  void fill() {
    for (std::uint8_t number = 1; number <= 6; ++number) {
      NewWork work;
      work.task.id = id_of<TaskId>(number);
      work.task.organization_id = organization;
      if (number % 2 == 0) work.task.spec.queue = "mail";
      if (number == 6) {
        work.task.spec.schedule_type = ScheduleType::cron;
        work.task.spec.cron_expression = "* * * * *";
        work.task.next_run_at = now;
      } else {
        const auto id = id_of<ExecutionId>(number);
        work.execution = NewExecution{id, id, 1, now};
        work.idempotency = IdempotencyRecord{std::to_string(number), {}, now, {}};
      }
      (void)store.work().insert(node, {&work, 1});
    }
    // A second task with an execution id in use is taken back.
    NewWork clash;
    clash.task.id = id_of<TaskId>(9);
    clash.task.organization_id = organization;
    clash.execution = NewExecution{id_of<ExecutionId>(1), id_of<ExecutionId>(1), 1, now};
    (void)store.work().insert(node, {&clash, 1});
    const ScheduleStep step{
        id_of<TaskId>(6), organization, now, {}, {{id_of<ExecutionId>(20), {}, 1, now}}, true, now + 60s, {}};
    (void)store.schedules().advance({&step, 1});
    const ScheduleStep last{id_of<TaskId>(6), organization, now + 60s, {}, {}, false, {}, audit};
    (void)store.schedules().advance({&last, 1});
  }

  void change() {
    (void)store.leases().acquire({node, "host", 1, now});
    const auto claimed = store.work().claim({node, ClaimToken{7}, now, now, 3, 3, {}}).claimed;
    // Less than is due, and of an organisation with a cap: turns are taken.
    const bool capped = store.directory().set_max_concurrent(organization, 100);
    REQUIRE(capped);
    (void)store.work().claim({node, ClaimToken{8}, now, now, 1, 1, {}});
    const ClaimRef released{claimed.at(0).id, ClaimToken{7}};
    store.work().release({&released, 1});
    Settlement settlement;
    settlement.id = claimed.at(1).id;
    settlement.token = ClaimToken{7};
    settlement.finished_at = now;
    settlement.retry = Retry{id_of<ExecutionId>(21), now};
    settlement.messages = {{id_of<MessageId>(1), MessageEvent::execution_completed, "", ""}};
    (void)store.work().settle({&settlement, 1});
    settlement.id = claimed.at(2).id;
    settlement.retry.reset();
    settlement.disable = audit;
    settlement.status = ExecutionStatus::success;
    settlement.messages = {{id_of<MessageId>(2), MessageEvent::execution_completed, "", ""},
                           {id_of<MessageId>(3), MessageEvent::task_recovered, "", ""}};
    (void)store.work().settle({&settlement, 1});
    send();
    const auto listed = store.tasks().list({organization}).items;
    for (const Task& task : listed) {
      TaskUpdate update{task, task.updated_at, PendingChange::move, now + 1s};
      update.task.spec.queue = "post";
      (void)store.tasks().update({organization, task.id, node, now, {}, {}}, update);
    }
    (void)store.tasks().add_run({organization, listed.at(0).id, node, now, {}, {}},
                                {id_of<ExecutionId>(22), {}, 1, now});
    synchronise();
    (void)store.tasks().remove_queue({organization, {}, node, now, {}, {}}, "post",
                                     [](std::size_t) { return StoredReply{}; });
    const TaskWrite write{organization, {}, node, now, {}, {}};
    const auto no_reply = [](const Queue&, const Queue&) { return StoredReply{}; };
    (void)store.queues().change(write, "mail", {3, true, QueueRate{10, 1s}}, no_reply);
    (void)store.work().claim({node, ClaimToken{9}, now, now, 3, 3, {}});
    (void)store.queues().pause(write, "mail");
    (void)store.queues().resume(write, "mail");
    (void)store.queues().forget(write, "mail");
    tell();
    change_executions();
    close_host();
    (void)store.maintenance().expire_replies(now, 10);
    // Everything that has ended is old enough.
    REQUIRE_FALSE(store.maintenance().upkeep({now + 60s, {}}).done.empty());
    store.directory().create_key({id_of<KeyId>(1), organization, "pk", {}, now, {}, {}});
    (void)store.directory().revoke_key("pk", now);
    store.directory().touch_key(id_of<KeyId>(1), now);
    limit();
  }

  void limit() {
    (void)store.directory().change_organization(organization, [&](Organization& one) -> std::optional<AuditEntry> {
      one.limits = {1, seconds{60}, 1, seconds{3600}};
      one.signing_secrets = {"whsec_y", "whsec_x"};
      one.old_secret_until = now;
      return audit;
    });
    NewWork work;
    work.task.id = id_of<TaskId>(50);
    work.task.organization_id = organization;
    work.task.inserted_at = now;
    work.execution = NewExecution{id_of<ExecutionId>(50), id_of<ExecutionId>(50), 1, now};
    (void)store.work().insert(node, {&work, 1});
    work.task.id = id_of<TaskId>(51);
    work.task.spec.schedule_type = ScheduleType::cron;
    work.execution.reset();
    (void)store.work().insert(node, {&work, 1});
    (void)store.directory().end_rotations(now);
    (void)store.quotas().take_notices(now, [&](const QuotaNotice&) { return audit; });
    (void)store.quotas().find(organization, now);
    AuditQuery query;
    query.organization_id = organization;
    (void)store.audit().list(query);
    query.action = "x";
    (void)store.audit().list(query);
    query.subject = "x";
    (void)store.audit().list(query);
    (void)store.audit().expire(now + 60s, 10);
  }

  void synchronise() {
    std::array<NewWork, 2> items;
    for (std::uint8_t number = 0; number < 2; ++number) {
      items[number].task.id = id_of<TaskId>(30 + number);
      items[number].task.organization_id = organization;
      items[number].task.spec.schedule_type = ScheduleType::cron;
      items[number].task.spec.cron_expression = "* * * * *";
      items[number].task.spec.name = std::to_string(number);
    }
    (void)store.groups().insert(node, items, IdempotencyRecord{"group", {}, now, {}});
    const TaskWrite write{organization, {}, node, now, {}, IdempotencyRecord{"sync", {}, now, {}}};
    (void)store.groups().sync(write, {{"0"}, true}, [](const SyncBase& base) {
      SyncPlan plan;
      for (const auto& other : base.others) plan.removed.push_back(other.id);
      return plan;
    });
  }

  void change_executions() {
    const TaskWrite write{organization, {}, node, now, {}, {}};
    const auto reply = [](const Execution&) { return StoredReply{}; };
    const auto pending = id_of<ExecutionId>(22);
    (void)store.execution_changes().cancel(write, pending, ForeignClaim::ask, reply);
    (void)store.execution_changes().retry(write, pending, {id_of<ExecutionId>(23), {}, 1, now});
    const auto claimed = store.work().claim({node, ClaimToken{9}, now, now, 100, 100, {}}).claimed;
    REQUIRE_FALSE(claimed.empty());
    const TaskWrite sending{organization, {}, node, now, {&claimed[0].id, 1}, {}};
    (void)store.execution_changes().cancel(sending, claimed[0].id, ForeignClaim::ask, reply);
    (void)store.execution_changes().cancelled_claims(node);
    const auto id = id_of<ExecutionId>(24);
    RetryFilter filter{{ExecutionStatus::cancelled}, {}, {}, {}, {}};
    const auto count = [](std::size_t) { return StoredReply{}; };
    (void)store.execution_changes().retry_many(write, filter, {&id, 1}, now, count);
    filter.task_id = id_of<TaskId>(1);
    (void)store.execution_changes().retry_many(write, filter, {&id, 1}, now, count);
  }

  void send() {
    const auto claimed = store.outbox().claim({node, ClaimToken{9}, now, 10, 10, {}}).claimed;
    REQUIRE(claimed.size() == 2);
    const MessageClaim released{claimed.at(0).id, ClaimToken{9}};
    store.outbox().release({&released, 1});
    MessageResult result{{claimed.at(1).id, ClaimToken{9}}, now};
    REQUIRE(store.outbox().settle({&result, 1}) == 1);
    result.retry_at.reset();
    store.outbox().settle({&result, 1});
    (void)store.leases().acquire({node, "host", 1, now});
  }

  // Something is held, and let go by an edit, by its host, and because it expires.
  void close_host() {
    const HostKey closed{organization, "example.com:443"};
    const HostReport failed{closed, HostReport::Kind::failed, now, {}, {}};
    (void)store.hosts().report({&failed, 1});
    for (std::uint8_t number = 40; number < 44; ++number) {
      NewWork work;
      work.task.id = id_of<TaskId>(number);
      work.task.organization_id = organization;
      const auto id = id_of<ExecutionId>(number);
      work.execution = NewExecution{id, id, 1, now};
      (void)store.work().insert(node, {&work, 1});
      const auto claimed = store.work().claim({node, ClaimToken{number}, now, now, 10, 10, {}}).claimed;
      for (const Claimed& one : claimed) {
        const HostQuestion question{one.id, one.token, closed, one.task_updated_at, 1s, now + 10s};
        REQUIRE(store.hosts().ask({&question, 1}, now).at(0) == HostAnswer::held);
      }
    }
    const auto task = store.tasks().find(organization, id_of<TaskId>(40)).value();
    const TaskUpdate update{task, task.updated_at, PendingChange::keep, {}};
    REQUIRE(store.tasks().update({organization, task.id, node, now, {}, {}}, update).let_go);
    REQUIRE(store.hosts().advance(now + 10s).executions > 0);
    (void)store.hosts().advance(now + 24h);
    (void)store.hosts().count_held(1);
  }

  void read() {
    (void)store.outbox().held(node);
    (void)store.outbox().size(1);
    (void)store.hosts().list();
    TaskQuery tasks{organization};
    tasks.after = TaskCursor{now, now, {}};
    (void)store.tasks().list(tasks);
    tasks.after = TaskCursor{std::nullopt, now, {}};
    (void)store.tasks().list(tasks);
    for (int filter = 0; filter < 3; ++filter) {
      TaskQuery filtered{organization};
      if (filter == 0) filtered.queue = "post";
      if (filter == 1) filtered.schedule_type = ScheduleType::cron;
      if (filter == 2) filtered.status = ExecutionStatus::failed;
      (void)store.tasks().list(filtered);
      filtered.after = TaskCursor{now, now, {}};
      (void)store.tasks().list(filtered);
    }
    (void)store.tasks().find(organization, {});
    (void)store.tasks().find_execution(organization, {});
    (void)store.tasks().find_reply(organization, "k", {}, now);
    ExecutionQuery executions{organization, now};
    (void)store.tasks().list_executions(executions);
    for (const auto status : {ExecutionStatus::pending, ExecutionStatus::failed}) {
      executions.status = status;
      (void)store.tasks().list_executions(executions);
    }
    executions.status.reset();
    executions.queue = "post";
    (void)store.tasks().list_executions(executions);
    executions.task_id = id_of<TaskId>(1);
    (void)store.tasks().list_executions(executions);
    (void)store.queues().list(organization);
    (void)store.queues().find(organization, "mail");
    (void)store.schedules().due(now, 10);
    (void)store.leases().held(node);
    (void)store.leases().list();
    (void)store.directory().find_key("pk");
    (void)store.directory().list_keys(organization);
    (void)store.directory().find_organization("acme");
  }

  static std::vector<std::string> plan_of(Connection& connection, const std::string& statement) {
    std::vector<std::string> steps;
    Query plan(connection, "explain query plan " + statement);
    while (plan.next()) steps.push_back(plan.get<std::string>(3));
    return steps;
  }

  // The text and plan of each statement; transactions, pragmas and the schema have none.
  static std::map<std::string, std::vector<std::string>> plans_of(Connection& connection) {
    std::map<std::string, std::vector<std::string>> out;
    for (const auto& text : connection.statement_texts()) {
      const auto steps = plan_of(connection, text);
      if (!steps.empty()) out[text] = steps;
    }
    return out;
  }

  std::map<std::string, std::vector<std::string>> all_plans() {
    auto plans = store.writer().write(plans_of);
    plans.merge(store.readers().read(plans_of));
    plans.merge(store.page_readers().read(plans_of));
    return plans;
  }

  const Time now{std::chrono::hours{500000}};
  const OrganizationId organization = id_of<OrganizationId>(1);
  const NodeId node = id_of<NodeId>(1);
  const ChannelId channel_id = id_of<ChannelId>(1);
  const AuditEntry audit{organization, now, "system", "task.disabled", "x", "y"};
  TemporaryFolder folder;
  TestHost host;
  SqliteStore store{settings_for(folder), host};
};

// Walks that are meant: in the order of an index, ended by a limit.
bool is_meant(const std::string& step) {
  static const std::set<std::string> meant{
      "SCAN executions USING INDEX executions_due",                  // the earliest pending one
      "SCAN lines USING COVERING INDEX lines_ready",                 // the earliest head
      "SCAN tasks USING INDEX tasks_scheduled",                      // schedules in order of their next run
      "SCAN outbox USING INDEX outbox_due",                          // the earliest message
      "SCAN outbox USING COVERING INDEX sqlite_autoindex_outbox_1",  // counting them
      "SCAN hosts",                                                  // all of them are wanted, and they are few
      "SCAN waiting",                                                // the organisations, or channels, found so far
      "SCAN notices USING INDEX notices_due",                        // counted, up to a limit
      "SCAN notices USING INDEX notices_claimed_of_channel",         // the same
      "SCAN channels",                                               // all of them, which are few
      "SCAN stalled_lines",                                          // all of them, which are few
      "SCAN head",                                                   // the one that was found
      "SCAN executions USING COVERING INDEX executions_held",        // counted
      "SCAN (subquery-1)",                                           // what was counted
      "SCAN organizations",                                          // all of them, which are few
      "SCAN organizations USING INDEX sqlite_autoindex_organizations_2",
      "SCAN quotas",
      "SCAN CONSTANT ROW"};
  return meant.contains(step);
}

}  // namespace

TEST_CASE_METHOD(PlansFixture, "no statement walks a whole table or sorts") {
  const auto plans = all_plans();
  CHECK(plans.size() > 35);
  for (const auto& [text, steps] : plans) {
    for (const auto& step : steps) {
      INFO(text << "\n" << step);
      const bool walks = step.starts_with("SCAN") && !is_meant(step);
      // What runs is not much: it is listed from no index of its own.
      const bool lists_running = text.find("and status = 'running'") != text.npos;
      const bool sorts = step.find("TEMP B-TREE") != step.npos && !lists_running;
      CHECK_FALSE(walks);
      CHECK_FALSE(sorts);
    }
  }
}

TEST_CASE_METHOD(PlansFixture, "the hot statements use the index that was made for them") {
  std::set<std::string> steps;
  for (const auto& [text, plan] : all_plans()) steps.insert(plan.begin(), plan.end());
  for (const auto* expected : {
           "SEARCH executions USING INDEX executions_due (scheduled_for<?)",
           "SEARCH lines USING COVERING INDEX lines_ready (ready_at<?)",
           "SEARCH outbox USING INDEX outbox_due_of_organization (organization_id=? AND next_at<?)",
           "SEARCH outbox USING INDEX outbox_claimed (node_id=?)",
           // Turns: the organisations one after the other, and the first of each.
           "SEARCH executions USING INDEX executions_due_of_organization (organization_id>?)",
           "SEARCH executions USING INDEX executions_due_of_organization (organization_id=? AND scheduled_for<?)",
           "SEARCH executions USING INDEX executions_due_of_organization "
           "(organization_id=? AND (scheduled_for,id)>(?,?) AND scheduled_for<?)",
           "SEARCH lines USING COVERING INDEX lines_ready_of_organization (organization_id>?)",
           "SEARCH lines USING COVERING INDEX lines_ready_of_organization (organization_id=? AND ready_at<?)",
           "SEARCH lines USING COVERING INDEX lines_ready_of_organization "
           "(organization_id=? AND (ready_at,head_id)>(?,?) AND ready_at<?)",
           // Caps.
           "SEARCH executions USING COVERING INDEX executions_running (organization_id=? AND status=?)",
           // Hosts.
           "SEARCH hosts USING PRIMARY KEY (organization_id=? AND name=?)",
           "SEARCH hosts USING INDEX hosts_due (next_at<?)",
           "SEARCH executions USING INDEX executions_held (organization_id=? AND held_host=?)",
           "SEARCH executions USING INDEX executions_hold_ends (hold_ends<?)",
           // Retention.
           "SEARCH executions USING INDEX executions_finished (organization_id=? AND finished_at<?)",
           "SEARCH tasks USING INDEX tasks_deleted (organization_id=? AND deleted_at<?)",
           "SEARCH executions USING COVERING INDEX executions_finished (organization_id=? AND finished_at<?)",
           "SEARCH tasks USING COVERING INDEX tasks_deleted (organization_id=? AND deleted_at<?)",
           // Limits and the audit log.
           "SEARCH quotas USING PRIMARY KEY (organization_id=?)",
           "SEARCH tasks USING INDEX tasks_cron_names (organization_id=?)",
           "SEARCH audit_entries USING INDEX audit_entries_listed (organization_id=? AND at>? AND at<?)",
           "SEARCH audit_entries USING INDEX audit_entries_of_action (organization_id=? AND action=? AND at>? AND "
           "at<?)",
           "SEARCH audit_entries USING INDEX audit_entries_of_subject "
           "(organization_id=? AND subject=? AND at>? AND at<?)",
           "SEARCH audit_entries USING COVERING INDEX audit_entries_by_age (at<?)",
           "SEARCH executions USING COVERING INDEX executions_of_task (task_id=?)",
           "SEARCH executions USING PRIMARY KEY (id=?)",
           "SEARCH tasks USING INDEX sqlite_autoindex_tasks_1 (id=?)",
           "SEARCH tasks USING INDEX tasks_listed (organization_id=?)",
           "SEARCH executions USING INDEX executions_live (status=? AND task_id=?)",
           // Channels.
           "SEARCH notices USING INDEX notices_due (channel_id>?)",
           "SEARCH notices USING INDEX notices_due (channel_id=? AND next_at<?)",
           "SEARCH notices USING INDEX notices_claimed_of_channel (channel_id=?)",
           "SEARCH notices USING INDEX notices_claimed (node_id=?)",
           "SEARCH notices USING INDEX notices_listed (channel_id=? AND <expr>=?)",
           "SEARCH notices USING INDEX notices_listed (channel_id=? AND <expr>=? AND id<?)",
           "SEARCH notices USING INDEX notices_dead (dead_at<?)",
           "SEARCH channels USING INDEX sqlite_autoindex_channels_2 (organization_id=?)",
           "SEARCH executions USING INDEX executions_in_line (organization_id=? AND queue>?)",
           // Queues.
           "SEARCH queues USING PRIMARY KEY (organization_id=? AND name=?)",
           "SEARCH executions USING INDEX executions_in_line (organization_id=? AND queue=? AND status=?)",
           // Lists with filters.
           "SEARCH executions USING INDEX executions_of_queue "
           "(organization_id=? AND queue=? AND scheduled_for>? AND (scheduled_for,id)<(?,?))",
           "SEARCH executions USING INDEX executions_waiting "
           "(organization_id=? AND scheduled_for>? AND (scheduled_for,id)<(?,?))",
           "SEARCH executions USING INDEX executions_due_of_organization "
           "(organization_id=? AND scheduled_for>? AND (scheduled_for,id)<(?,?))",
           "SEARCH executions USING INDEX executions_running (organization_id=? AND status=?)",
           "SEARCH executions USING INDEX executions_unsuccessful "
           "(organization_id=? AND status=? AND followed=? AND scheduled_for>? AND (scheduled_for,id)<(?,?))",
           "SEARCH executions USING INDEX executions_unsuccessful "
           "(organization_id=? AND status=? AND followed=? AND scheduled_for>? AND scheduled_for<?)",
           "SEARCH tasks USING INDEX tasks_of_queue (organization_id=? AND queue=?)",
           "SEARCH tasks USING INDEX tasks_cron (organization_id=?)",
           "SEARCH tasks USING INDEX tasks_unsuccessful (organization_id=? AND last_execution_status=?)",
       }) {
    INFO(expected);
    CHECK(steps.contains(expected));
  }
}
