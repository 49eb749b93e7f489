#include "functions.hpp"
#include "hot_path.hpp"

namespace punctual::postgres {

// Without a time zone, and so without the settings of the session, id_floor is expanded where it is used instead of being
// called for every row. The other functions use id_floor, lower_lines and free_caps too.
//
// end_claims takes either claims or a node, whose rescue it is. Tasks are locked before executions, as changes of tasks take
// them. A returned execution is cancelled when its task has been deleted meanwhile or a client has cancelled it. Of claims it may
// be said for which hosts their executions are held (null: they are not), until when, and of which version of the task that is
// true.
const std::string end_claims_function = R"sql(
create or replace function id_floor(at timestamptz) returns uuid
language sql immutable parallel safe
return (lpad(to_hex(floor(extract(epoch from at at time zone 'UTC') * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;

-- Where a row lies after something of it has happened: in the leaf of its id no longer than for the width of a leaf. Stable, as
-- what it calls is, or else it would not be expanded.
create or replace function tier_after(tier "char", id uuid, at timestamptz) returns "char"
language sql stable parallel safe
return case when tier = 'w' and id < id_floor(at - interval '7 days') then 'k' else tier end;

-- Lines that may go on, each with the earliest instant.
create or replace function lower_lines(l_organization uuid[], l_name text[], l_at timestamptz[]) returns void
language sql
as $function$
  insert into queues as line (organization_id, name, ready_at)
  select touched.organization_id, touched.name, min(touched.at)
  from unnest(l_organization, l_name, l_at) as touched (organization_id, name, at)
  where touched.name is not null
  group by touched.organization_id, touched.name
  order by touched.organization_id, touched.name
  on conflict (organization_id, name) do update
  set ready_at = least(line.ready_at, excluded.ready_at);
$function$;

-- One-time tasks, each with the first of its runs that wait, where that is not what it says.
create or replace function refresh_next_runs(n_task uuid[]) returns void
language sql
as $function$
  update tasks
  set next_run_at = waits.first, tier = tier_after(tasks.tier, tasks.id, waits.first)
  from (select distinct id from unnest(n_task) as id) named
  cross join lateral (
    select min(scheduled_for) as first
    from executions_keep
    where executions_keep.task_id = named.id
      and status = 'pending') waits
  where tasks.id = named.id
    and tasks.schedule_type = 'once'
    and tasks.next_run_at is distinct from waits.first;
$function$;

create or replace function free_caps(c_organization uuid[], c_counted boolean[]) returns void
language sql
as $function$
  update caps
  set used = greatest(used - freed.number, 0)
  from (
    select ended.organization_id, count(*) as number
    from unnest(c_organization, c_counted) as ended (organization_id, counted)
    where ended.counted
    group by ended.organization_id
    order by ended.organization_id) freed
  where caps.organization_id = freed.organization_id;
$function$;

create or replace function lock_tasks(t_id uuid[]) returns void
language plpgsql
as $function$
begin
  perform
    from (select distinct id from unnest(t_id) as id order by id) named
    join lateral (select from tasks where tasks.id = named.id for no key update) locked on true;
end
$function$;

-- Tasks of which executions were cancelled that had not been sent or of which nobody knows the end; locked.
create or replace function note_cancelled(t_id uuid[], t_at timestamptz[]) returns void
language sql
as $function$
  update tasks
  set last_execution_status = case
      when tasks.last_execution_at > folded.at then tasks.last_execution_status
      else 'cancelled'
    end,
    last_execution_at = greatest(tasks.last_execution_at, folded.at),
    tier = tier_after(tasks.tier, tasks.id, folded.at),
    next_run_at = case
      when tasks.schedule_type = 'cron' then tasks.next_run_at
      when tasks.deleted_at is null then (
        select min(waits.scheduled_for)
        from executions_keep waits
        where waits.task_id = tasks.id
          and waits.status = 'pending')
    end
  from (
    select ended.id, max(ended.at) as at
    from unnest(t_id, t_at) as ended (id, at)
    where ended.at is not null
    group by ended.id) folded
  where tasks.id = folded.id;
$function$;

create or replace function end_claims(
  c_id uuid[], c_token bigint[], p_node uuid,
  c_host text[] default null, c_hold_ends timestamptz[] default null, c_version timestamptz[] default null)
returns bigint
language plpgsql
as $function$
#variable_conflict use_column
declare
  v_id uuid[];
  v_task uuid[];
  v_organization uuid[];
  v_queue text[];
  v_counted boolean[];
  v_due timestamptz[];
  v_cancelled timestamptz[];
  v_host text[];
  v_hold_ends timestamptz[];
begin
  if p_node is null then
    select array_agg(held.task_id)
    into v_task
    from unnest(c_id, c_token) as named (id, token)
    join lateral (
      select task_id
      from executions
      where executions.id = named.id
        and executions.claim_token is not distinct from named.token
      limit 1) held on true;
    perform lock_tasks(v_task);
    with claim as materialized (
      select held.id, held.task_id, held.organization_id, held.queue, held.counted, held.scheduled_for,
        held.cancelled_at,
        case
          when named.host is not null and named.version = (
            select tasks.updated_at
            from tasks
            where tasks.id = held.task_id
            limit 1) then named.host
        end as host,
        named.hold_ends
      from (
        select *
        from unnest(c_id, c_token, c_host, c_hold_ends, c_version) as named (id, token, host, hold_ends, version)
        order by id) named
      join lateral (
        select *
        from executions
        where executions.id = named.id
          and executions.claim_token is not distinct from named.token
        for update) held on true
    )
    select array_agg(id), array_agg(task_id), array_agg(organization_id), array_agg(queue), array_agg(counted),
      array_agg(scheduled_for), array_agg(cancelled_at), array_agg(host), array_agg(hold_ends)
    into v_id, v_task, v_organization, v_queue, v_counted, v_due, v_cancelled, v_host, v_hold_ends
    from claim;
  else
    select array_agg(id), array_agg(task_id)
    into v_id, v_task
    from executions
    where node_id = p_node
      and status = 'running';
    perform lock_tasks(v_task);
    -- Locked in the order of the ids: asked for in this order, they would be looked for in the wrong index.
    with claim as materialized (
      select held.id, held.task_id, held.organization_id, held.queue, held.counted, held.scheduled_for,
        held.cancelled_at
      from (select id from unnest(v_id) as id order by id) named
      join lateral (
        select *
        from executions
        where executions.id = named.id
          and executions.node_id is not distinct from p_node
        for update) held on true
    )
    select array_agg(id), array_agg(task_id), array_agg(organization_id), array_agg(queue), array_agg(counted),
      array_agg(scheduled_for), array_agg(cancelled_at)
    into v_id, v_task, v_organization, v_queue, v_counted, v_due, v_cancelled
    from claim;
  end if;
  if v_id is null then
    return 0;
  end if;

  update executions
  set status = 'pending', tier = 'k', node_id = null, claim_token = null, started_at = null, counted = false,
    rescues = rescues + case when p_node is null then 0 else 1 end,
    held_host = freed.host, hold_ends = case when freed.host is not null then freed.hold_ends end
  from unnest(v_id, v_host, v_hold_ends) as freed (id, host, hold_ends)
  where executions.id = freed.id;

  update executions_keep
  set status = 'cancelled', finished_at = gone.at
  from (
    select freed.id, coalesce(freed.cancelled_at, task.deleted_at) as at
    from unnest(v_id, v_task, v_cancelled) as freed (id, task_id, cancelled_at)
    join lateral (select deleted_at from tasks where tasks.id = freed.task_id limit 1) task on true
    where task.deleted_at is not null
      or freed.cancelled_at is not null) gone
  where executions_keep.id = gone.id;
  if exists (select from unnest(v_cancelled) at where at is not null) then
    perform note_cancelled(v_task, v_cancelled);
  end if;

  if exists (select from unnest(v_queue) queue where queue is not null) then
    perform lower_lines(v_organization, v_queue, v_due);
  end if;
  if true = any (v_counted) then
    perform free_caps(v_organization, v_counted);
  end if;
  return cardinality(v_id);
end
$function$;
)sql";

void release_claims(Session& session, std::span<const ClaimRef> claims) {
  static const std::string sql = "select end_claims($1, $2, null)";
  Parameters parameters;
  parameters.add_each(claims, [](const ClaimRef& claim) { return claim.id; });
  parameters.add_each(claims, [](const ClaimRef& claim) { return claim.token; });
  (void)session.run(sql, parameters);
}

void hold_claims(Session& session, std::span<const HostQuestion> claims) {
  static const std::string sql = "select end_claims($1, $2, null, $3, $4, $5)";
  Parameters parameters;
  parameters.add_each(claims, [](const HostQuestion& one) { return one.id; });
  parameters.add_each(claims, [](const HostQuestion& one) { return one.token; });
  parameters.add_each(claims, [](const HostQuestion& one) { return std::string_view(one.host.name); });
  parameters.add_each(claims, [](const HostQuestion& one) { return one.expires_at; });
  parameters.add_each(claims, [](const HostQuestion& one) { return one.task_updated_at; });
  (void)session.run(sql, parameters);
}

std::size_t rescue_claims(Session& session, NodeId node) {
  static const std::string sql = "select end_claims(null, null, $1)";
  return static_cast<std::size_t>(session.run(sql, node).get<std::int64_t>(0, 0));
}

}  // namespace punctual::postgres
