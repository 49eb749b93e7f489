#include "errors.hpp"
#include "executions.hpp"
#include "hot_path.hpp"
#include "monthly_quotas.hpp"
#include "organization_terms.hpp"
#include "replies.hpp"
#include "rows.hpp"

namespace punctual::sqlite {
namespace {

bool is_stored(Connection& connection, TaskId task) {
  return Query(connection, R"sql(
    select 1
    from tasks
    where id = ?1)sql",
               task)
      .next();
}

// False: there is a task with this id already.
bool insert_task(Connection& connection, const Task& task) {
  const TaskSpec& spec = task.spec;
  return Query(connection, R"sql(
    insert into tasks (id, organization_id, inserted_at, updated_at, last_execution_at, last_execution_status,
      next_run_at, schedule_type, enabled, queue, cron_expression, timezone, scheduled_at, misfire, overlap, timeout_ms,
      retry_attempts, retry_delay_s, retry_max_delay_s, expires_in_s, notify_on_failure, notify_on_recovery, method,
      name, url, callback_url, on_failure_url, on_recovery_url, expected_status_codes, expected_body_pattern, headers,
      body)
    values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23,
      ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32)
    on conflict (id) do nothing)sql",
               task.id, task.organization_id, task.inserted_at, task.updated_at, task.last_execution_at,
               task.last_execution_status, task.next_run_at, spec.schedule_type, spec.enabled, spec.queue,
               spec.cron_expression, spec.timezone, spec.scheduled_at, spec.misfire, spec.overlap, spec.timeout,
               spec.retry_attempts, spec.retry_delay, spec.retry_max_delay, spec.expires_in, spec.notify_on_failure,
               spec.notify_on_recovery, spec.method, spec.name, spec.url, spec.callback_url, spec.on_failure_url,
               spec.on_recovery_url, spec.expected_status_codes, spec.expected_body_pattern,
               headers_to_json(spec.headers), spec.body)
             .run() > 0;
}

void take_back_task(Connection& connection, TaskId task) {
  Query(connection, R"sql(
    delete from tasks
    where id = ?1)sql",
        task)
      .run();
}

// The answer to an item that was stored by an earlier call, whose caller may not have heard of it.
InsertOutcome stored_before(Connection& connection, const NewWork& work) {
  InsertOutcome outcome;
  if (!work.execution || !work.claim) return outcome;
  outcome.claimed = Query(connection, R"sql(
    select 1
    from executions
    where id = ?1
      and claim_token = ?2)sql",
                          work.execution->id, *work.claim)
                        .next();
  return outcome;
}

// A place in a line, or among the running of a capped organisation, is only given by a claim.
std::optional<BornClaim> claim_at_birth(TermsReader& terms, NodeId node, const NewWork& work) {
  if (!work.claim || work.task.spec.queue || terms.of(work.task.organization_id).capped) return std::nullopt;
  return BornClaim{node, *work.claim};
}

bool has_room_for_schedule(Connection& connection, OrganizationId organization) {
  return !Query(connection, R"sql(
    select 1
    from organizations
    where id = ?1
      and max_tasks is not null
      and max_tasks <= (
        select count(*)
        from tasks
        where organization_id = ?1
          and schedule_type = 'cron'
          and deleted_at is null))sql",
                organization)
              .next();
}

bool is_within_limits(Connection& connection, QuotaBook& quotas, const NewWork& work) {
  const OrganizationId organization = work.task.organization_id;
  if (work.task.spec.schedule_type == ScheduleType::cron && !has_room_for_schedule(connection, organization)) {
    return false;
  }
  return !work.execution || quotas.has_room(organization, work.task.inserted_at);
}

InsertOutcome insert_one(Connection& connection, LineChanges& lines, TermsReader& terms, QuotaBook& quotas, NodeId node,
                         const NewWork& work) {
  const OrganizationId organization = work.task.organization_id;
  if (work.idempotency) {
    if (is_stored(connection, work.task.id)) return stored_before(connection, work);
    const auto& record = *work.idempotency;
    if (auto earlier = find_earlier_use(connection, organization, record.key, record.request, record.at)) {
      return {earlier->result, std::move(earlier->replay)};
    }
  }
  if (!is_within_limits(connection, quotas, work)) {
    if (is_stored(connection, work.task.id)) return stored_before(connection, work);
    return {WriteResult::limit_exceeded, std::nullopt};
  }
  if (!insert_task(connection, work.task)) return stored_before(connection, work);
  InsertOutcome outcome;
  if (work.execution) {
    const auto claim = claim_at_birth(terms, node, work);
    const ExecutionOwner owner{work.task.id, organization, work.task.spec.queue};
    if (!insert_execution(connection, lines, owner, *work.execution, Origin::request, claim)) {
      take_back_task(connection, work.task.id);
      return {WriteResult::conflict, std::nullopt};
    }
    outcome.claimed = claim.has_value();
    quotas.count(organization);
  }
  if (work.audit) write_audit(connection, *work.audit);
  if (work.idempotency) store_reply(connection, organization, *work.idempotency, work.idempotency->reply);
  return outcome;
}

}  // namespace

std::vector<InsertOutcome> insert_work(Connection& connection, NodeId node, std::span<const NewWork> batch) {
  std::vector<InsertOutcome> outcomes;
  outcomes.reserve(batch.size());
  LineChanges lines(connection);
  TermsReader terms(connection);
  QuotaBook quotas(connection);
  for (const NewWork& work : batch) {
    try {
      outcomes.push_back(insert_one(connection, lines, terms, quotas, node, work));
    } catch (const SQLite::Exception& problem) {
      // Only the first insert of an item, that of its task, meets a constraint, so nothing of the item is there.
      if (!is_constraint(problem)) throw;
      outcomes.push_back({WriteResult::conflict, std::nullopt});
    }
  }
  lines.refresh();
  quotas.store();
  return outcomes;
}

}  // namespace punctual::sqlite
