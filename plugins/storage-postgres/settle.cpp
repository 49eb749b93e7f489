#include "functions.hpp"
#include "header_lines.hpp"
#include "hot_path.hpp"
#include "stored_text.hpp"

namespace punctual::postgres {

// The attempts are ended first, each only while its claim is still this one; what follows derives from those that were. What a
// client has cancelled ends as that, and has no retry.
// Rows are locked in the order executions, tasks, queues, caps, channels, each by key, with the lock that keeps caps from coming
// and going (caps.cpp) before them. (Who changes a task takes it, its lines and then its waiting executions, which are none of
// those that are ended here.) Rows are returned for what did not go as wished:
// (item, outcome).
//
// Since when a task had been failing comes back from the update of the tasks: where none had been and nothing has failed, no
// task has turned, and nobody is told of any.
const std::string settle_work_function = R"sql(
create or replace function settle_work(
  s_id uuid[], s_token bigint[], s_status text[], s_started timestamptz[], s_finished timestamptz[], s_code integer[],
  s_duration bigint[], s_error text[], s_headers bytea[], s_response bytea[], s_method text[], s_url text[],
  s_retry uuid[], s_retry_at timestamptz[], d_at timestamptz[], d_actor text[], d_action text[], d_subject text[],
  d_detail text[], m_item bigint[], m_id uuid[], m_event text[], m_url text[], m_content bytea[])
returns table (item bigint, outcome text)
language plpgsql
as $function$
#variable_conflict use_column
declare
  v_lower uuid;
  v_upper uuid;
  v_late uuid; -- nothing from here on is touched late (tier_after), so that few have to be compared one by one
  v_ord bigint[];
  v_task uuid[];
  v_organization uuid[];
  v_line_organization uuid[];
  v_queue text[];
  v_first_organization uuid[];
  v_first_queue text[];
  v_counted boolean[];
  v_finished timestamptz[];
  v_status text[];
  v_retried bigint[] := '{}';
  v_unfollowed bigint[];
  v_disable record;
  v_disabled bigint[] := '{}';
  v_failing_task uuid[];
  v_failing_since timestamptz[];
  v_locked boolean := false; -- the tasks, before they are looked at
  v_waiting uuid[]; -- one-time tasks that have something to come
  v_turned bigint[]; -- ends with which a task has begun to fail or has recovered
  v_turn text[];
  v_turn_since timestamptz[];
begin
  perform pg_advisory_xact_lock_shared(hashtextextended('caps', 3));
  v_lower := (select lower from leaves order by lower limit 1);
  v_upper := (select upper from leaves order by lower desc limit 1);
  v_late := id_floor((select max(finished) from unnest(s_finished) finished) - interval '7 days');
  with input as materialized (
    select *
    from unnest(s_id, s_token, s_status, s_started, s_finished, s_code, s_duration, s_error, s_headers, s_response,
      s_method, s_url, s_retry) with ordinality as i (id, token, status, started, finished, code, duration, error,
      headers, response, method, url, retry, ord)
    order by id
  ), ended as (
    update executions
    set status = case when cancelled_at is null then input.status else 'cancelled' end::execution_status,
      followed = cancelled_at is null and input.retry is not null, node_id = null, claim_token = null,
      started_at = input.started, finished_at = input.finished, status_code = input.code,
      duration_ms = input.duration, error_message = input.error, response_headers = input.headers, response_body = input.response,
      request_method = input.method, request_url = input.url,
      tier = case
        when executions.id < v_late then tier_after(tier, executions.id, input.finished)
        when executions.id >= v_lower and executions.id < v_upper then 'w'
        else tier
      end
    from input
    where executions.id = input.id
      and executions.claim_token is not distinct from input.token
    returning input.ord, executions.task_id, executions.organization_id, executions.queue, executions.counted,
      input.finished, executions.status::text as status
  )
  select array_agg(ord), array_agg(task_id), array_agg(organization_id), array_agg(organization_id), array_agg(queue),
    array_agg(counted), array_agg(finished), array_agg(status)
  into v_ord, v_task, v_organization, v_line_organization, v_queue, v_counted, v_finished, v_status
  from ended;
  return query
    select ord::bigint, 'stale'
    from generate_series(1, cardinality(s_id)) as ord
    where v_ord is null or ord <> all (v_ord);
  if v_ord is null then
    return;
  end if;
  if 'cancelled' = any (v_status) then
    return query
      select ended.ord, 'cancelled'
      from unnest(v_ord, v_status) as ended (ord, status)
      where ended.status = 'cancelled'
        and s_status[ended.ord] <> 'cancelled';
  end if;

  if exists (select from unnest(v_ord) ord where s_retry[ord] is not null or d_at[ord] is not null) then
    perform lock_tasks(v_task);
    v_locked := true;
    if exists (select from unnest(v_ord) ord where d_at[ord] is not null) then
      -- A claim that holds a line may want what is cancelled here of it: all lines of the batch first, in their order.
      select array_agg(touched.organization_id), array_agg(touched.queue)
      into v_first_organization, v_first_queue
      from (
        select *
        from unnest(v_line_organization, v_queue) as ended (organization_id, queue)
        union all
        select ended.organization_id, task.queue
        from unnest(v_ord, v_task, v_organization) as ended (ord, task_id, organization_id)
        join lateral (select queue from tasks where tasks.id = ended.task_id limit 1) task on true
        where s_retry[ended.ord] is not null
        union all
        select waits.organization_id, waits.queue
        from unnest(v_ord, v_task) as ended (ord, task_id)
        cross join lateral (
          select organization_id, queue
          from executions_keep
          where executions_keep.task_id = ended.task_id
            and status = 'pending'
          offset 0) waits -- looked up task by task
        where d_at[ended.ord] is not null) touched
      where touched.queue is not null;
      if v_first_queue is not null then
        perform lower_lines(v_first_organization, v_first_queue,
          array_fill('epoch'::timestamptz, array[cardinality(v_first_queue)]));
      end if;
    end if;
    for v_disable in
      select ended.task_id, d_at[ended.ord] as at, d_actor[ended.ord] as actor, d_action[ended.ord] as action,
        d_subject[ended.ord] as subject, d_detail[ended.ord] as detail, ended.organization_id, ended.finished, ended.ord
      from unnest(v_ord, v_task, v_organization, v_finished) as ended (ord, task_id, organization_id, finished)
      where d_at[ended.ord] is not null
      order by ended.finished
    loop
      update tasks
      set enabled = false, next_run_at = null, updated_at = greatest(updated_at + interval '1 microsecond', v_disable.at)
      where tasks.id = v_disable.task_id
        and deleted_at is null;
      if found then
        with cancelled as (
          update executions_keep
          set status = 'cancelled', finished_at = v_disable.finished
          where task_id = v_disable.task_id
            and status = 'pending'
          returning organization_id, queue
        )
        select v_line_organization || array_agg(organization_id), v_queue || array_agg(queue)
        into v_line_organization, v_queue
        from cancelled;
        insert into audit_entries (organization_id, at, actor, action, subject, detail)
        values (v_disable.organization_id, v_disable.at, v_disable.actor, v_disable.action, v_disable.subject,
          v_disable.detail);
        v_disabled := v_disabled || v_disable.ord;
      end if;
    end loop;
    with retried as (
      insert into executions (id, task_id, organization_id, run_id, scheduled_for, line_at, line_seq, attempt, status,
        tier, holds, by_schedule, queue)
      select s_retry[asked.ord], ended.task_id, ended.organization_id, ended.run_id, s_retry_at[asked.ord],
        case when same_line then ended.line_at else s_retry_at[asked.ord] end,
        case when same_line then ended.line_seq else nextval('line_places') end,
        ended.attempt + 1, 'pending', 'k', same_line, false, task.queue
      from unnest(v_ord, v_status) as asked (ord, status)
      join lateral (select * from executions where executions.id = s_id[asked.ord] limit 1) ended on true
      join lateral (select * from tasks where tasks.id = ended.task_id limit 1) task
        on task.enabled and task.deleted_at is null
      -- It keeps the head of its line, but not where its task has gone to another.
      cross join lateral (select task.queue is not distinct from ended.queue as same_line) place
      where s_retry[asked.ord] is not null
        and asked.status <> 'cancelled'
      returning id, organization_id, queue
    )
    select coalesce(array_agg(asked.ord), '{}'), v_line_organization || array_agg(retried.organization_id),
      v_queue || array_agg(retried.queue)
    into v_retried, v_line_organization, v_queue
    from retried
    join unnest(s_retry) with ordinality as asked (id, ord) using (id);
    select array_agg(ended.ord)
    into v_unfollowed
    from unnest(v_ord, v_status) as ended (ord, status)
    where s_retry[ended.ord] is not null
      and ended.status <> 'cancelled'
      and ended.ord <> all (v_retried);
    if v_unfollowed is not null then
      update executions
      set followed = false
      from unnest(v_unfollowed) as unfollowed (ord)
      where executions.id = s_id[unfollowed.ord];
      return query
        select unfollowed.ord, 'settled_without_retry'
        from unnest(v_unfollowed) as unfollowed (ord);
    end if;
  end if;

  -- failed, ended: of the runs of a task that have ended, the last one first; success: the place of the last that succeeded.
  with folded_tasks as (
    update tasks
    set last_execution_status = case
        when tasks.last_execution_at > folded.finished then tasks.last_execution_status
        else folded.status::execution_status
      end,
      last_execution_at = greatest(tasks.last_execution_at, folded.finished),
      tier = case when tasks.id < v_late then tier_after(tasks.tier, tasks.id, folded.finished) else tasks.tier end,
      failing_before = tasks.failing_since,
      failing_since = case
        when folded.failed is null then tasks.failing_since
        when folded.success is null then coalesce(tasks.failing_since, folded.ended[cardinality(folded.ended)])
        else folded.ended[folded.success - 1]
      end,
      next_run_at = case
        when tasks.schedule_type = 'cron' then tasks.next_run_at
        when tasks.deleted_at is null then (
          select min(waits.scheduled_for)
          from executions_keep waits
          where waits.task_id = tasks.id
            and waits.status = 'pending')
      end
    from (
      select runs.*, array_position(runs.failed, false) as success
      from (
        select task_id, max(finished) as finished, (array_agg(status order by finished desc, ord desc))[1] as status,
          array_agg(status <> 'success' order by finished desc, ord desc)
            filter (where status <> 'cancelled' and ord <> all (v_retried)) as failed,
          array_agg(finished order by finished desc, ord desc)
            filter (where status <> 'cancelled' and ord <> all (v_retried)) as ended
        from unnest(v_task, v_finished, v_status, v_ord) as ended (task_id, finished, status, ord)
        where task_id is not null
        group by task_id
        order by task_id) runs) folded
    where tasks.id = folded.task_id
    returning tasks.id, tasks.failing_before, tasks.schedule_type = 'once' and tasks.next_run_at is not null as waits
  )
  select array_agg(id) filter (where failing_before is not null),
    array_agg(failing_before) filter (where failing_before is not null), array_agg(id) filter (where waits)
  into v_failing_task, v_failing_since, v_waiting
  from folded_tasks;

  if not v_locked then
    -- Where the update waited for a change of a task, it has seen the task as it was left, but its runs as they were before.
    select v_waiting || array_agg(ended.task_id)
    into v_waiting
    from (select distinct task_id from unnest(v_task) as task_id) ended
    cross join lateral (
      select
      from executions_keep
      where executions_keep.task_id = ended.task_id
        and status = 'pending'
      limit 1) waits;
    if v_waiting is not null then
      perform refresh_next_runs(v_waiting);
    end if;
  end if;

  if v_failing_task is not null or v_status && array['failed', 'timeout', 'missed'] then
    with run as (
      select ended.ord, ended.task_id, ended.finished, ended.status <> 'success' as failed
      from unnest(v_ord, v_task, v_finished, v_status) as ended (ord, task_id, finished, status)
      where ended.status <> 'cancelled'
        and ended.ord <> all (v_retried)
    ), turn as (
      select run.*, before.since, coalesce(lag(failed) over in_order, before.since is not null) as was_failing
      from run
      left join unnest(v_failing_task, v_failing_since) as before (task_id, since) using (task_id)
      window in_order as (partition by task_id order by finished, ord)
    )
    select array_agg(ord), array_agg(case when failed then 'task.failed' else 'task.recovered' end),
      array_agg(case when not failed then coalesce(began, since) end)
    into v_turned, v_turn, v_turn_since
    from (
      select turn.*,
        max(finished) filter (where failed and not was_failing) over (partition by task_id order by finished, ord) as began
      from turn) turned
    where failed <> was_failing;
  end if;

  if cardinality(m_item) > 0 then
    insert into outbox (id, organization_id, task_id, execution_id, next_at, final, ended_as, event, url, content)
    select told.id, ended.organization_id, ended.task_id, s_id[ended.ord], ended.finished, ended.ord <> all (v_retried),
      nullif(ended.status, s_status[ended.ord]), told.event, told.url, told.content
    from unnest(m_item, m_id, m_event, m_url, m_content) as told (ord, id, event, url, content)
    join unnest(v_ord, v_task, v_organization, v_finished, v_status) as ended (ord, task_id, organization_id, finished, status)
      on ended.ord = told.ord
    left join unnest(v_turned, v_turn) as turned (ord, event)
      on turned.ord = told.ord
      and turned.event = told.event
    where told.event = 'execution.completed'
      or turned.ord is not null
    on conflict (id) do nothing;
  end if;

  if v_first_queue is null and exists (select from unnest(v_queue) queue where queue is not null) then
    -- Whatever their next head is, it is to be looked at.
    perform lower_lines(v_line_organization, v_queue,
      array_fill('epoch'::timestamptz, array[cardinality(v_queue)]));
  end if;
  if true = any (v_counted) then
    perform free_caps(v_organization, v_counted);
  end if;

  if v_turned is not null or v_disabled <> '{}' then
    perform store_notices(array_agg(told.organization_id), array_agg(told.event), array_agg(told.at),
      array_agg(told.since), array_agg(''::text), array_agg(told.detail), array_agg(told.task_id),
      array_agg(s_id[told.ord]))
    from (
      select ended.*, turned.event, ended.finished as at, turned.since, '' as detail
      from unnest(v_turned, v_turn, v_turn_since) as turned (ord, event, since)
      join unnest(v_ord, v_task, v_organization, v_finished) as ended (ord, task_id, organization_id, finished) using (ord)
      union all
      select ended.*, 'task.disabled', d_at[ended.ord], null, d_detail[ended.ord]
      from unnest(v_disabled) as disabled (ord)
      join unnest(v_ord, v_task, v_organization, v_finished) as ended (ord, task_id, organization_id, finished) using (ord)
    ) told;
  end if;
end
$function$;
)sql";

namespace {

SettleOutcome outcome_named(std::string_view name) {
  if (name == "stale") return SettleOutcome::stale;
  return name == "cancelled" ? SettleOutcome::cancelled : SettleOutcome::settled_without_retry;
}

// The messages of all items, each with the number of its own.
void add_messages(Parameters& parameters, std::span<const Settlement> batch) {
  struct Told {
    std::int64_t item = 0;
    const NewMessage* message = nullptr;
  };
  std::vector<Told> told;
  for (std::size_t at = 0; at < batch.size(); ++at) {
    for (const NewMessage& message : batch[at].messages) told.push_back({static_cast<std::int64_t>(at) + 1, &message});
  }
  parameters.add_each(told, [](const Told& one) { return one.item; });
  parameters.add_each(told, [](const Told& one) { return one.message->id; });
  parameters.add_each(told, [](const Told& one) { return one.message->event; });
  parameters.add_each(told, [](const Told& one) { return storable(one.message->url); });
  parameters.add_each(told, [](const Told& one) { return Bytes{one.message->content}; });
}

}  // namespace

std::vector<SettleOutcome> settle_work(Session& session, std::span<const Settlement> batch) {
  static const std::string sql = R"sql(
    select *
    from settle_work($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21,
      $22, $23, $24))sql";
  Parameters parameters;
  const auto add = [&](auto of) { parameters.add_each(batch, of); };
  const auto add_text = [&](auto of) {
    parameters.add_each(batch, [&](const Settlement& item) -> std::optional<std::string> { return of(item); });
  };
  add([](const Settlement& s) { return s.id; });
  add([](const Settlement& s) { return s.token; });
  add([](const Settlement& s) { return s.status; });
  add([](const Settlement& s) { return s.started_at; });
  add([](const Settlement& s) { return s.finished_at; });
  add([](const Settlement& s) { return s.status_code ? std::optional<std::int32_t>(*s.status_code) : std::nullopt; });
  add([](const Settlement& s) { return s.duration; });
  add_text(
      [](const Settlement& s) { return s.error_message ? std::optional(storable(*s.error_message)) : std::nullopt; });
  std::vector<std::string> headers;
  headers.reserve(batch.size());
  for (const Settlement& item : batch) headers.push_back(header_lines(item.response_headers));
  parameters.add_each(headers, [](const std::string& lines) { return Bytes{lines}; });
  add([](const Settlement& s) { return s.response_body ? std::optional(Bytes{*s.response_body}) : std::nullopt; });
  add([](const Settlement& s) { return s.request_method; });
  add_text([](const Settlement& s) { return storable(s.request_url); });
  add([](const Settlement& s) { return s.retry ? std::optional(s.retry->id) : std::nullopt; });
  add([](const Settlement& s) { return s.retry ? std::optional(s.retry->scheduled_for) : std::nullopt; });
  add([](const Settlement& s) { return s.disable ? std::optional(s.disable->at) : std::nullopt; });
  const auto add_audit = [&](std::string AuditEntry::*field) {
    add_text([field](const Settlement& s) {
      return s.disable ? std::optional(storable((*s.disable).*field)) : std::nullopt;
    });
  };
  add_audit(&AuditEntry::actor);
  add_audit(&AuditEntry::action);
  add_audit(&AuditEntry::subject);
  add_audit(&AuditEntry::detail);
  add_messages(parameters, batch);
  const Rows rows = session.run(sql, parameters);
  std::vector<SettleOutcome> outcomes(batch.size(), SettleOutcome::settled);
  for (std::size_t row = 0; row < rows.size(); ++row) {
    outcomes.at(static_cast<std::size_t>(rows.get<std::int64_t>(row, 0)) - 1) = outcome_named(rows.bytes(row, 1));
  }
  return outcomes;
}

}  // namespace punctual::postgres
