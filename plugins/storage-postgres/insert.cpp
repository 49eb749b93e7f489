#include "functions.hpp"
#include "header_lines.hpp"
#include "hot_path.hpp"

namespace punctual::postgres {

// What a batch becomes:
// - Work whose task is there already was stored by an earlier call whose answer was lost: it is left as it is.
// - Of an idempotency key only the first use is stored; the others are told what that one answered.
// - What is beyond a limit of its organisation is refused, with the place that its key had taken.
// - A claim counts only while the lease holds, of work without a queue, in an organisation without a cap.
// A row of a key, a line or a limit may be held by a server that stands still in the middle of a transaction. Whoever stores is not
// alone in its batch, so it is not waited for for long.
// Rows are returned for what did not go as wished: (item, result, status, body, claimed).
const std::string insert_work_function = R"sql(
create or replace function insert_work(
  p_node uuid,
  t_id uuid[], t_organization uuid[], t_inserted timestamptz[], t_updated timestamptz[], t_last_at timestamptz[],
  t_last_status text[], t_next timestamptz[], t_scheduled timestamptz[], t_timeout bigint[], t_retry_delay bigint[],
  t_retry_max bigint[], t_expires bigint[], t_attempts integer[], t_enabled boolean[], t_notify_failure boolean[],
  t_notify_recovery boolean[], t_type text[], t_queue text[], t_cron text[], t_timezone text[], t_misfire text[],
  t_overlap text[], t_method text[], t_name text[], t_url text[], t_callback text[], t_on_failure text[],
  t_on_recovery text[], t_codes text[], t_pattern text[], t_headers bytea[], t_body bytea[],
  e_id uuid[], e_run uuid[], e_attempt integer[], e_due timestamptz[], e_token bigint[],
  k_key bytea[], k_request bytea[], k_at timestamptz[], k_status integer[], k_body text[])
returns table (item bigint, result text, status integer, body text, claimed boolean)
language plpgsql
set lock_timeout = '2s'
as $function$
#variable_conflict use_column
declare
  v_alive boolean := false;
  v_lower uuid;
  v_upper uuid;
  v_losers bigint[] := '{}';
  v_over bigint[];
  v_found bigint;
  v_claims bigint;
begin
  if exists (
    select
    from (select distinct unnest(t_organization) as id) named
    where not exists (select from organizations where organizations.id = named.id))
  then
    raise foreign_key_violation using message = 'a task of an organisation that is not there';
  end if;

  select count(*) into v_claims from unnest(e_token) token where token is not null;
  if v_claims > 0 then
    perform pg_advisory_xact_lock_shared(hashtextextended(p_node::text, 1));
    v_alive := exists (select from nodes where id = p_node);
  end if;

  if exists (select from unnest(k_key) key where key is not null) then
    with offered as materialized (
      select *, row_number() over (partition by organization_id, key order by ord) as use
      from unnest(t_id, t_organization, k_key, k_request, k_at, k_status, k_body)
        with ordinality as i (id, organization_id, key, request, at, status, body, ord)
      where key is not null
        and not exists (select from tasks where tasks.id = i.id)
    ), won as (
      insert into replies as stored (organization_id, key, request, at, status, body)
      select organization_id, key, request, at, status, body
      from offered
      where use = 1
      order by organization_id, key
      on conflict (organization_id, key) do update
      set request = excluded.request, at = excluded.at, status = excluded.status, body = excluded.body
      where stored.at <= excluded.at - interval '24 hours'
      returning organization_id, key
    )
    select coalesce(array_agg(ord), '{}')
    into v_losers
    from offered
    where use > 1
      or (organization_id, key) not in (select organization_id, key from won); -- hashed, where a join takes turns over all
    if cardinality(v_losers) > 0 then
      return query
        select i.ord, case when stored.request = i.request then 'replayed' else 'key_reused' end, stored.status,
          stored.body, false
        from unnest(t_organization, k_key, k_request) with ordinality as i (organization_id, key, request, ord)
        join replies stored on stored.organization_id = i.organization_id and stored.key = i.key
        where i.ord = any (v_losers);
      get diagnostics v_found = row_count;
      if v_found < cardinality(v_losers) then
        raise serialization_failure using message = 'a stored reply expired while it was looked for';
      end if;
    end if;
  end if;

  if 'cron' = any (t_type) or exists (select from quotas where organization_id = any (t_organization)) then
    v_over := over_limits(v_losers, t_id, t_organization, t_inserted, t_type, e_id);
    if cardinality(v_over) > 0 then
      -- An item that was to repeat one of them is not a repetition any more: they are stored one by one.
      if exists (
        select
        from unnest(v_over) as refused (ord)
        join unnest(v_losers) as loser (ord) on t_organization[loser.ord] = t_organization[refused.ord]
          and k_key[loser.ord] = k_key[refused.ord])
      then
        raise check_violation using message = 'a limit refuses what another item of the batch repeats';
      end if;
      delete from replies
      using unnest(v_over) as refused (ord)
      where replies.organization_id = t_organization[refused.ord]
        and replies.key = k_key[refused.ord];
      return query
        select refused.ord, 'limit_exceeded', null::integer, null::text, false
        from unnest(v_over) as refused (ord);
      v_losers := v_losers || v_over;
    end if;
  end if;

  if v_claims > 0 then
    perform pg_advisory_xact_lock_shared(hashtextextended('caps', 3));
  end if;
  if exists (select from unnest(t_queue) queue where queue is not null) then
    -- From here on nobody else stores in these lines, so that places are given in the order of the commits.
    insert into queues as line (organization_id, name, tail, ready_at)
    select i.organization_id, i.queue, max(i.due) filter (where i.due <= i.inserted), min(i.due)
    from unnest(t_organization, t_queue, e_due, t_inserted) with ordinality as i (organization_id, queue, due, inserted, ord)
    where i.queue is not null
      and i.due is not null
      and ord <> all (v_losers) -- who repeats a request has nothing to do with the line, and a claim would pass over it
    group by i.organization_id, i.queue
    order by i.organization_id, i.queue
    on conflict (organization_id, name) do update
    set tail = greatest(line.tail, excluded.tail), ready_at = least(line.ready_at, excluded.ready_at);
  end if;

  v_lower := (select lower from leaves order by lower limit 1);
  v_upper := (select upper from leaves order by lower desc limit 1);
  with input as materialized (
    select *
    from unnest(t_id, t_organization, t_inserted, t_updated, t_last_at, t_last_status, t_next, t_scheduled, t_timeout,
      t_retry_delay, t_retry_max, t_expires, t_attempts, t_enabled, t_notify_failure, t_notify_recovery, t_type,
      t_queue, t_cron, t_timezone, t_misfire, t_overlap, t_method, t_name, t_url, t_callback, t_on_failure,
      t_on_recovery, t_codes, t_pattern, t_headers, t_body, e_id, e_run, e_attempt, e_due, e_token)
      with ordinality as i (id, organization_id, inserted_at, updated_at, last_at, last_status, next_run_at,
      scheduled_at, timeout, retry_delay, retry_max, expires, attempts, enabled, notify_failure, notify_recovery, type,
      queue, cron, timezone, misfire, overlap, method, name, url, callback, on_failure, on_recovery, codes, pattern,
      headers, body, execution_id, run_id, attempt, due, token, ord)
    where ord <> all (v_losers)
      and not exists (select from tasks where tasks.id = i.id)
  ), stored_tasks as (
    insert into tasks (id, organization_id, inserted_at, updated_at, last_execution_at, last_execution_status,
      next_run_at, scheduled_at, timeout_ms, retry_delay_s, retry_max_delay_s, expires_in_s, retry_attempts, enabled,
      notify_on_failure, notify_on_recovery, schedule_type, queue, cron_expression, timezone, misfire, overlap, method,
      name, url, callback_url, on_failure_url, on_recovery_url, expected_status_codes, expected_body_pattern, headers,
      body, tier)
    select id, organization_id, inserted_at, updated_at, last_at, last_status::execution_status, next_run_at,
      scheduled_at, timeout, retry_delay, retry_max, expires, attempts, enabled, notify_failure, notify_recovery, type,
      queue, cron, timezone, misfire, overlap, method, name, url, callback, on_failure, on_recovery, codes, pattern,
      headers, body,
      case
        when type = 'once' and id >= v_lower and id < v_upper and id >= id_floor(due - interval '7 days') then 'w'
        else 'k'
      end::"char"
    from input
    order by ord
  ), born as (
    select input.*, caps.organization_id is null and input.queue is null and v_alive and token is not null as is_claimed
    from input
    left join caps on caps.organization_id = input.organization_id
    where execution_id is not null
  ), stored_executions as (
    insert into executions (id, task_id, organization_id, run_id, scheduled_for, claim_token, node_id, line_at, line_seq,
      attempt, status, tier, holds, by_schedule, queue)
    select execution_id, born.id, born.organization_id, run_id, due, case when is_claimed then token end,
      case when is_claimed then p_node end,
      case
        when queue is null then null
        when due <= inserted_at then greatest(due, line.tail)
        else due
      end,
      case when queue is not null then nextval('line_places') end, attempt,
      case when is_claimed then 'running' else 'pending' end::execution_status,
      case when is_claimed and execution_id >= v_lower and execution_id < v_upper then 'w' else 'k' end::"char",
      is_claimed, false, queue
    from born
    left join lateral (
      select tail
      from queues
      where queues.organization_id = born.organization_id
        and queues.name = born.queue
      limit 1) line on true
    order by ord
    returning claim_token
  )
  select count(claim_token) into v_found from stored_executions;
  if v_found < v_claims then
    return query
      select i.ord, 'applied', null::integer, null::text,
        exists (select from executions where executions.id = i.id and executions.claim_token = i.token)
      from unnest(e_id, e_token) with ordinality as i (id, token, ord)
      where i.token is not null
        and i.ord <> all (v_losers);
  end if;
end
$function$;
)sql";

namespace {

template <class Of>
auto of_task(Of of) {
  return [of](const NewWork& work) { return of(work.task); };
}
template <class Of>
auto of_spec(Of of) {
  return [of](const NewWork& work) { return of(work.task.spec); };
}
// The value of `of`, or null where there is no execution or no key.
template <class Of>
auto of_execution(Of of) {
  return [of](const NewWork& work) {
    using Value = decltype(of(*work.execution));
    return work.execution ? std::optional<Value>(of(*work.execution)) : std::nullopt;
  };
}
template <class Of>
auto of_key(Of of) {
  return [of](const NewWork& work) {
    using Value = decltype(of(*work.idempotency));
    return work.idempotency ? std::optional<Value>(of(*work.idempotency)) : std::nullopt;
  };
}

// An optional text without copying it.
std::optional<std::string_view> view(const std::optional<std::string>& text) {
  return text ? std::optional<std::string_view>(*text) : std::nullopt;
}

void add_tasks(Parameters& parameters, std::span<const NewWork> batch) {
  const auto add = [&](auto of) { parameters.add_each(batch, of); };
  add(of_task([](const Task& t) { return t.id; }));
  add(of_task([](const Task& t) { return t.organization_id; }));
  add(of_task([](const Task& t) { return t.inserted_at; }));
  add(of_task([](const Task& t) { return t.updated_at; }));
  add(of_task([](const Task& t) { return t.last_execution_at; }));
  add(of_task([](const Task& t) { return t.last_execution_status; }));
  add(of_task([](const Task& t) { return t.next_run_at; }));
  add(of_spec([](const TaskSpec& s) { return s.scheduled_at; }));
  add(of_spec([](const TaskSpec& s) { return s.timeout; }));
  add(of_spec([](const TaskSpec& s) { return s.retry_delay; }));
  add(of_spec([](const TaskSpec& s) { return s.retry_max_delay; }));
  add(of_spec([](const TaskSpec& s) { return s.expires_in; }));
  add(of_spec([](const TaskSpec& s) { return std::int32_t{s.retry_attempts}; }));
  add(of_spec([](const TaskSpec& s) { return s.enabled; }));
  add(of_spec([](const TaskSpec& s) { return s.notify_on_failure; }));
  add(of_spec([](const TaskSpec& s) { return s.notify_on_recovery; }));
  add(of_spec([](const TaskSpec& s) { return s.schedule_type; }));
  add(of_spec([](const TaskSpec& s) { return view(s.queue); }));
  add(of_spec([](const TaskSpec& s) { return view(s.cron_expression); }));
  add(of_spec([](const TaskSpec& s) { return std::string_view(s.timezone); }));
  add(of_spec([](const TaskSpec& s) { return s.misfire; }));
  add(of_spec([](const TaskSpec& s) { return s.overlap; }));
  add(of_spec([](const TaskSpec& s) { return s.method; }));
  add(of_spec([](const TaskSpec& s) { return std::string_view(s.name); }));
  add(of_spec([](const TaskSpec& s) { return std::string_view(s.url); }));
  add(of_spec([](const TaskSpec& s) { return view(s.callback_url); }));
  add(of_spec([](const TaskSpec& s) { return view(s.on_failure_url); }));
  add(of_spec([](const TaskSpec& s) { return view(s.on_recovery_url); }));
  add(of_spec([](const TaskSpec& s) { return view(s.expected_status_codes); }));
  add(of_spec([](const TaskSpec& s) { return view(s.expected_body_pattern); }));
  std::vector<std::string> headers;
  headers.reserve(batch.size());
  for (const NewWork& work : batch) headers.push_back(header_lines(work.task.spec.headers));
  parameters.add_each(headers, [](const std::string& lines) { return Bytes{lines}; });
  add(of_spec([](const TaskSpec& s) { return Bytes{s.body}; }));
}

void add_executions(Parameters& parameters, std::span<const NewWork> batch) {
  const auto add = [&](auto of) { parameters.add_each(batch, of); };
  add(of_execution([](const NewExecution& e) { return e.id; }));
  add(of_execution([](const NewExecution& e) { return e.run_id; }));
  add(of_execution([](const NewExecution& e) { return std::int32_t{e.attempt}; }));
  add(of_execution([](const NewExecution& e) { return e.scheduled_for; }));
  add([](const NewWork& work) { return work.execution ? work.claim : std::nullopt; });
}

void add_keys(Parameters& parameters, std::span<const NewWork> batch) {
  const auto add = [&](auto of) { parameters.add_each(batch, of); };
  add(of_key([](const IdempotencyRecord& k) { return Bytes{k.key}; }));
  add(of_key([](const IdempotencyRecord& k) { return k.request; }));
  add(of_key([](const IdempotencyRecord& k) { return k.at; }));
  add(of_key([](const IdempotencyRecord& k) { return std::int32_t{k.reply.status}; }));
  add(of_key([](const IdempotencyRecord& k) { return std::string_view(k.reply.body); }));
}

WriteResult result_named(std::string_view name) {
  if (name == "replayed") return WriteResult::replayed;
  if (name == "limit_exceeded") return WriteResult::limit_exceeded;
  return name == "key_reused" ? WriteResult::key_reused : WriteResult::applied;
}

}  // namespace

std::vector<InsertOutcome> insert_work(Session& session, NodeId node, std::span<const NewWork> batch) {
  static const std::string sql = R"sql(
    select *
    from insert_work($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22,
      $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38, $39, $40, $41, $42, $43))sql";
  Parameters parameters(node);
  add_tasks(parameters, batch);
  add_executions(parameters, batch);
  add_keys(parameters, batch);
  const Rows rows = session.run(sql, parameters);
  std::vector<InsertOutcome> outcomes(batch.size());
  for (std::size_t i = 0; i < batch.size(); ++i) outcomes[i].claimed = batch[i].execution && batch[i].claim;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    InsertOutcome& outcome = outcomes.at(static_cast<std::size_t>(rows.get<std::int64_t>(row, 0)) - 1);
    outcome.result = result_named(rows.bytes(row, 1));
    outcome.claimed = rows.get<bool>(row, 4);
    if (outcome.result == WriteResult::replayed) {
      outcome.replay = StoredReply{rows.get<std::int32_t>(row, 2), rows.get<std::string>(row, 3)};
    }
  }
  return outcomes;
}

}  // namespace punctual::postgres
