#include <algorithm>

#include "functions.hpp"
#include "header_lines.hpp"
#include "hot_path.hpp"

namespace punctual::postgres {

// How executions are chosen:
// - Lines: their rows in `queues` are locked, passing over those that another server works on; when there are too many, those
//   of each organisation in turn. Then, in a statement of its own and so with a snapshot that has all that was committed
//   before the lock, as many rows of each line as it has slots: those that run come first, then those that wait for a retry,
//   so nothing behind them is looked at, and one that is held for its host keeps its place. Of a line with a rate no more is
//   taken than that leaves. A row is never before one that comes first in its line, also where that one was due later by the
//   clock of the server that stored it.
//   Of lines that were passed over and have been ready for a while one is waited for, for a moment: servers that store in one line
//   without a pause leave hardly a moment in which it is free.
// - Everything else straight from the index of due executions, where what is held is not, when all that is due
//   fits and nothing limits it.
// - Otherwise organisations take turns: they are found by skipping from one to the next in the index by organisation, from
//   the one behind the last that had a turn until there are as many as places, and each gives its earliest. Those with a
//   cap have their count locked first, and give only what is due by now. What is asked of one organisation is a range of
//   one, and so in an order that the index by organisation alone has: a plan made while a table was empty might look through
//   all that is due for each of them.
// The first row returned holds nothing but next_due.
const std::string claim_work_function = R"sql(
-- QueuePace::starts_left; null without a rate.
create or replace function starts_left(q_next timestamptz, q_at_once integer, q_every interval, q_now timestamptz)
returns integer
language sql immutable parallel safe
return case
  when q_every is not null then
    greatest(0, q_at_once - ceil(greatest(extract(epoch from q_next - q_now), 0) / extract(epoch from q_every)))::integer
end;

create or replace function claim_work(
  p_node uuid, p_token bigint, p_now timestamptz, p_horizon timestamptz, p_limit integer, p_floor timestamptz,
  p_share integer, s_organization uuid[], s_most integer[], p_after uuid)
returns table (
  next_due timestamptz, id uuid, run_id uuid, task_id uuid, organization_id uuid, attempt integer, rescues integer,
  scheduled_for timestamptz, queue text, capped boolean, updated_at timestamptz, method text, url text, headers bytea,
  body bytea, timeout_ms bigint, schedule_type text, retry_attempts integer, retry_delay_s bigint,
  retry_max_delay_s bigint, expires_in_s bigint, expected_status_codes text, expected_body_pattern text,
  callback_url text, on_failure_url text, on_recovery_url text, task_name text, signing_secrets text[],
  old_secret_until timestamptz)
language plpgsql
as $function$
#variable_conflict use_column
declare
  v_line_organization uuid[];
  v_line_name text[];
  v_line_concurrency integer[];
  v_line_starts integer[]; -- null: without a rate
  v_head_id uuid[] := '{}';
  v_head_organization uuid[] := '{}';
  v_head_line bigint[] := '{}';
  v_passed record; -- a line that somebody else had locked
  v_late record;
  v_patience constant text := current_setting('lock_timeout');
  v_ready integer;
  v_free integer;
  v_simple boolean;
  v_last_organization constant uuid := 'ffffffff-ffff-ffff-ffff-ffffffffffff';
  v_organization uuid[];
  v_quota integer[];
  v_capped uuid[] := '{}';
  v_each integer;
  v_left integer := p_limit;
  v_got uuid[];
  v_got_organization uuid[];
  v_ids uuid[] := '{}';
begin
  perform pg_advisory_xact_lock_shared(hashtextextended(p_node::text, 1));
  if not exists (select from nodes where nodes.id = p_node) then
    return query select null::timestamptz, null::uuid, null::uuid, null::uuid, null::uuid, null::integer, null::integer,
      null::timestamptz, null::text, null::boolean, null::timestamptz, null::text, null::text, null::bytea, null::bytea,
      null::bigint, null::text, null::integer, null::bigint, null::bigint, null::bigint, null::text, null::text,
      null::text, null::text, null::text, null::text, null::text[],
      null::timestamptz;
    return;
  end if;
  perform pg_advisory_xact_lock_shared(hashtextextended('caps', 3));

  select count(*)
  into v_ready
  from (
    select
    from queues
    where not paused
      and ready_at <= p_now
      and coalesce(held_until, '-infinity') <= p_now
    order by ready_at
    limit p_limit + 1) ready;
  if v_ready > p_limit and p_limit > 0 then
    with recursive found as (
      select p_after as organization_id, null::timestamptz as ready_at, false as wrapped
      union all
      select further.*
      from found
      cross join lateral (
        (select line.organization_id, line.ready_at, found.wrapped
        from queues line
        where not line.paused
          and line.ready_at is not null
          and line.organization_id > found.organization_id
          and line.organization_id <= case when found.wrapped then p_after else v_last_organization end
        order by line.organization_id, line.ready_at
        limit 1)
        union all
        (select line.organization_id, line.ready_at, true
        from queues line
        where not found.wrapped
          and not line.paused
          and line.ready_at is not null
          and line.organization_id <= p_after
        order by line.organization_id, line.ready_at
        limit 1)
        limit 1) further
    )
    select array_agg(organization_id)
    into v_organization
    from (select organization_id from found where ready_at <= p_now limit p_limit) found;
    select array_agg(line.organization_id), array_agg(line.name), array_agg(line.concurrency), array_agg(line.starts)
    into v_line_organization, v_line_name, v_line_concurrency, v_line_starts
    from (
      select ready.*
      from unnest(v_organization) as turn (organization_id)
      cross join lateral (
        select line.organization_id, line.name, line.concurrency,
          starts_left(line.next_at, line.rate_at_once, line.rate_every, p_now) as starts
        from queues line
        where line.organization_id between turn.organization_id and turn.organization_id
          and not line.paused
          and line.ready_at <= p_now
          and coalesce(line.held_until, '-infinity') <= p_now
        order by line.organization_id, line.ready_at
        limit greatest(1, p_limit / cardinality(v_organization))
        for update skip locked) ready
      limit p_limit) line;
  elsif v_ready > 0 then
    select array_agg(line.organization_id), array_agg(line.name), array_agg(line.concurrency), array_agg(line.starts)
    into v_line_organization, v_line_name, v_line_concurrency, v_line_starts
    from (
      select organization_id, name, concurrency, starts_left(next_at, rate_at_once, rate_every, p_now) as starts
      from queues
      where not paused
        and ready_at <= p_now
        and coalesce(held_until, '-infinity') <= p_now
      order by ready_at
      limit p_limit
      for update skip locked) line;
  end if;
  if v_ready > coalesce(cardinality(v_line_name), 0) and coalesce(cardinality(v_line_name), 0) < p_limit then
    select organization_id, name
    into v_passed
    from (
      select organization_id, name
      from queues
      where not paused
        and ready_at <= p_now - interval '50 milliseconds'
        and coalesce(held_until, '-infinity') <= p_now
        -- Behind those that are locked already: in the order in which everybody waits for lines.
        and not exists (
          select
          from unnest(v_line_organization, v_line_name) as mine (organization_id, name)
          where (mine.organization_id, mine.name) >= (queues.organization_id, queues.name))
      order by ready_at
      limit 8) passed
    order by random()
    limit 1;
    if found then
      begin
        perform set_config('lock_timeout', '100ms', true);
        select organization_id, name, concurrency, starts_left(next_at, rate_at_once, rate_every, p_now) as starts
        into v_late
        from queues
        where organization_id = v_passed.organization_id
          and name = v_passed.name
          and not paused
          and ready_at <= p_now
          and coalesce(held_until, '-infinity') <= p_now
        for update;
        if found then
          v_line_organization := v_line_organization || v_late.organization_id;
          v_line_name := v_line_name || v_late.name;
          v_line_concurrency := v_line_concurrency || v_late.concurrency;
          v_line_starts := v_line_starts || v_late.starts;
        end if;
        perform set_config('lock_timeout', v_patience, true);
      exception
        when lock_not_available then null;
      end;
    end if;
  end if;
  if v_line_name is not null then
    select coalesce(array_agg(head.id order by head.due, head.place, head.id), '{}'),
      coalesce(array_agg(head.organization_id order by head.due, head.place, head.id), '{}'),
      coalesce(array_agg(line.ord order by head.due, head.place, head.id), '{}')
    into v_head_id, v_head_organization, v_head_line
    from unnest(v_line_organization, v_line_name, v_line_concurrency, v_line_starts)
      with ordinality as line (organization_id, name, concurrency, starts, ord)
    cross join lateral (
      select slot.id, slot.organization_id, max(slot.scheduled_for) over places as due, row_number() over places as place
      from (
        select waits.id, waits.organization_id, waits.status, waits.scheduled_for, waits.held_host, waits.claim_token,
          waits.holds, waits.line_at, waits.line_seq
        from executions_keep waits
        where waits.organization_id = line.organization_id
          and waits.queue = line.name
          and waits.status in ('pending', 'running')
        order by waits.claim_token, waits.holds desc, waits.line_at, waits.line_seq
        limit line.concurrency) slot
      where slot.status = 'pending'
        and slot.held_host is null
        and slot.scheduled_for <= p_now
      window places as (
        order by slot.claim_token, slot.holds desc, slot.line_at, slot.line_seq
        rows unbounded preceding)) head
    where line.starts is null
      or head.place <= line.starts;
  end if;

  -- Whether everything fits and nothing limits it.
  select count(*), coalesce(bool_and(not exists (select from caps where caps.organization_id = due.organization_id)), true)
  into v_free, v_simple
  from (
    select organization_id
    from executions_keep
    where status = 'pending'
      and queue is null
      and held_host is null
      and scheduled_for >= p_floor
      and scheduled_for <= p_horizon
    order by scheduled_for
    limit p_limit + 1) due;
  v_simple := v_simple and v_free + cardinality(v_head_id) <= p_limit and p_share >= p_limit
    and cardinality(s_organization) = 0
    and not exists (select from caps where caps.organization_id = any (v_head_organization));

  if v_simple then
    if v_free > 0 then
      with picked as materialized (
        select due.id
        from executions_keep due
        where due.status = 'pending'
          and due.queue is null
          and due.held_host is null
          and due.scheduled_for >= p_floor
          and due.scheduled_for <= p_horizon
          -- Asked again: what has a cap may have been stored since the look above.
          and not exists (select from caps where caps.organization_id = due.organization_id)
        order by due.scheduled_for, due.id
        limit p_limit
        for update skip locked
      ), taken as (
        update executions_keep
        set status = 'running', node_id = p_node, claim_token = p_token, holds = true
        from picked
        where executions_keep.id = picked.id
        returning executions_keep.id
      )
      select coalesce(array_agg(taken.id), '{}') into v_ids from taken;
    end if;
    if cardinality(v_head_id) > 0 then
      with taken as (
        update executions_keep
        set status = 'running', node_id = p_node, claim_token = p_token, holds = true
        where executions_keep.id = any (v_head_id)
          -- Pending, in words that no partial index answers to: a plan made while there was nothing would walk one.
          and executions_keep.claim_token is null
          and executions_keep.finished_at is null
        returning executions_keep.id
      )
      select v_ids || coalesce(array_agg(taken.id), '{}') into v_ids from taken;
    end if;
  elsif p_limit > 0 then
    with recursive found as (
      select p_after as organization_id, null::timestamptz as scheduled_for, false as wrapped
      union all
      select further.*
      from found
      cross join lateral (
        (select due.organization_id, due.scheduled_for, found.wrapped
        from executions_keep due
        where due.status = 'pending'
          and due.queue is null
          and due.held_host is null
          and due.organization_id > found.organization_id
          and due.organization_id <= case when found.wrapped then p_after else v_last_organization end
          and due.scheduled_for >= p_floor
        order by due.organization_id, due.scheduled_for
        limit 1)
        union all
        (select due.organization_id, due.scheduled_for, true
        from executions_keep due
        where not found.wrapped
          and due.status = 'pending'
          and due.queue is null
          and due.held_host is null
          and due.organization_id <= p_after
          and due.scheduled_for >= p_floor
        order by due.organization_id, due.scheduled_for
        limit 1)
        limit 1) further
    ), with_work as (
      select organization_id
      from found
      where scheduled_for <= p_horizon
        and organization_id not in (select caps.organization_id from caps where used >= most)
        and organization_id not in (
          select named.organization_id
          from unnest(s_organization, s_most) as named (organization_id, most)
          where named.most <= 0)
      limit p_limit
    )
    select array_agg(organization_id order by organization_id <= p_after, organization_id)
    into v_organization
    from (select organization_id from with_work union select unnest(v_head_organization)) found;

    if v_organization is not null then
      select array_agg(coalesce(named.most, p_share) order by turn.ord)
      into v_quota
      from unnest(v_organization) with ordinality as turn (organization_id, ord)
      left join unnest(s_organization, s_most) as named (organization_id, most) using (organization_id);

      perform from caps where organization_id = any (v_organization) order by organization_id for update;
      select array_agg(
          case
            when caps.organization_id is null then turn.quota
            else least(turn.quota, greatest(caps.most - caps.used, 0))
          end
          order by turn.ord),
        coalesce(array_agg(turn.organization_id) filter (where caps.organization_id is not null), '{}')
      into v_quota, v_capped
      from unnest(v_organization, v_quota) with ordinality as turn (organization_id, quota, ord)
      left join caps using (organization_id);
    end if;

    while v_left > 0 and v_organization is not null loop
      v_each := greatest(1, v_left / cardinality(v_organization));
      with picked_heads as materialized (
        select ranked.id, ranked.organization_id, ranked.turn
        from (
          select head.id, head.organization_id, turn.ord as turn, turn.quota,
            row_number() over (partition by head.organization_id order by head.ord) as rank
          from unnest(v_head_id, v_head_organization) with ordinality as head (id, organization_id, ord)
          join unnest(v_organization, v_quota) with ordinality as turn (organization_id, quota, ord)
            using (organization_id)
          where head.id <> all (v_ids)) ranked
        where ranked.rank <= least(ranked.quota, v_each)
        order by ranked.rank, ranked.turn
        limit v_left
      ), room as (
        select turn.organization_id, turn.ord,
          least(turn.quota, v_each) - count(picked_heads.id) as quota
        from unnest(v_organization, v_quota) with ordinality as turn (organization_id, quota, ord)
        left join picked_heads using (organization_id)
        group by turn.organization_id, turn.ord, turn.quota
        order by turn.ord
      ), picked_free as materialized (
        select due.id, room.organization_id, room.ord as turn
        from room
        cross join lateral (
          select waits.id
          from executions_keep waits
          where waits.status = 'pending'
            and waits.queue is null
            and waits.held_host is null
            and waits.organization_id between room.organization_id and room.organization_id
            and waits.scheduled_for >= p_floor
            and waits.scheduled_for <= case when room.organization_id = any (v_capped) then p_now else p_horizon end
          order by waits.organization_id, waits.scheduled_for, waits.id
          limit room.quota
          for update skip locked) due
        limit v_left - (select count(*) from picked_heads)
      ), taken as (
        update executions_keep
        set status = 'running', node_id = p_node, claim_token = p_token, holds = true,
          counted = executions_keep.organization_id = any (v_capped)
        from (select * from picked_heads union all select * from picked_free) picked
        where executions_keep.id = picked.id
        returning executions_keep.id, executions_keep.organization_id, picked.turn
      )
      select array_agg(taken.id order by taken.turn), array_agg(taken.organization_id)
      into v_got, v_got_organization
      from taken;
      exit when v_got is null;
      v_ids := v_ids || v_got;
      v_left := v_left - cardinality(v_got);
      update caps
      set used = used + got.number
      from (
        select organization_id, count(*) as number
        from unnest(v_got_organization) as organization_id
        group by organization_id) got
      where caps.organization_id = got.organization_id;
      -- Who gave less than asked has no more.
      select array_agg(turn.organization_id order by turn.ord), array_agg(turn.quota - got.number order by turn.ord)
      into v_organization, v_quota
      from unnest(v_organization, v_quota) with ordinality as turn (organization_id, quota, ord)
      join (
        select organization_id, count(*) as number
        from unnest(v_got_organization) as organization_id
        group by organization_id) got using (organization_id)
      where got.number >= v_each
        and turn.quota > got.number;
    end loop;
  end if;

  if v_line_name is not null then
    if exists (select from unnest(v_line_starts) starts where starts is not null) then
      update queues
      set next_at = greatest(queues.next_at, p_now) + queues.rate_every * started.number
      from (
        select head.line, count(*)::integer as number
        from unnest(v_head_id, v_head_line) as head (id, line)
        join unnest(v_ids) as taken (id) using (id)
        where v_line_starts[head.line] is not null
        group by head.line) started
      where queues.organization_id = v_line_organization[started.line]
        and queues.name = v_line_name[started.line];
    end if;
    update queues
    set ready_at = case
        when looked_at.due is not null then
          greatest(looked_at.due, queues.next_at - queues.rate_every * (queues.rate_at_once / 2))
      end
    from (
      select line.organization_id, line.name,
        min(slot.scheduled_for) filter (where slot.status = 'pending' and slot.held_host is null) as due
      from unnest(v_line_organization, v_line_name, v_line_concurrency) as line (organization_id, name, concurrency)
      left join lateral (
        select waits.status, waits.scheduled_for, waits.held_host
        from executions_keep waits
        where waits.organization_id = line.organization_id
          and waits.queue = line.name
          and waits.status in ('pending', 'running')
        order by waits.claim_token, waits.holds desc, waits.line_at, waits.line_seq
        limit line.concurrency) slot on true
      group by line.organization_id, line.name) looked_at
    where queues.organization_id = looked_at.organization_id
      and queues.name = looked_at.name;
  end if;

  return query
    select least(
        (select due.scheduled_for
        from executions_keep due
        where due.status = 'pending'
          and due.queue is null
          and due.held_host is null
          and due.scheduled_for >= p_floor
        order by due.scheduled_for
        limit 1),
        (select line.ready_at
        from queues line
        where not line.paused
          and line.ready_at is not null
        order by line.ready_at
        limit 1)),
      null::uuid, null::uuid, null::uuid, null::uuid, null::integer, null::integer, null::timestamptz, null::text,
      null::boolean, null::timestamptz, null::text, null::text, null::bytea, null::bytea, null::bigint, null::text,
      null::integer, null::bigint, null::bigint, null::bigint, null::text, null::text, null::text, null::text,
      null::text, null::text, null::text[],
      null::timestamptz;
  return query
    select null::timestamptz, one.id, one.run_id, one.task_id, one.organization_id, one.attempt, one.rescues,
      one.scheduled_for, one.queue, one.counted, task.updated_at, task.method, task.url, task.headers, task.body,
      task.timeout_ms, task.schedule_type, task.retry_attempts, task.retry_delay_s, task.retry_max_delay_s,
      task.expires_in_s, task.expected_status_codes, task.expected_body_pattern, task.callback_url,
      task.on_failure_url, task.on_recovery_url,
      case when task.on_failure_url is null and task.on_recovery_url is null then '' else task.name end,
      organizations.signing_secrets, organizations.old_secret_until
    from unnest(v_ids) with ordinality as taken (id, ord)
    join executions_keep one on one.id = taken.id
    join lateral (select * from tasks where tasks.id = one.task_id limit 1) task on true
    join organizations on organizations.id = one.organization_id
    order by taken.ord;
end
$function$;
)sql";

namespace {

Claimed claimed_from(RowReader& row, ClaimToken token) {
  Claimed claimed;
  claimed.token = token;
  row.skip();
  row.read(claimed.id);
  row.read(claimed.run_id);
  row.read(claimed.task_id);
  row.read(claimed.organization_id);
  row.read(claimed.attempt);
  row.read(claimed.rescues);
  row.read(claimed.scheduled_for);
  row.read(claimed.queue);
  row.read(claimed.capped);
  row.read(claimed.task_updated_at);
  row.read(claimed.method);
  row.read(claimed.url);
  claimed.headers = headers_from_lines(row.next_bytes());
  row.read(claimed.body);
  row.read(claimed.timeout);
  row.read(claimed.schedule_type);
  row.read(claimed.retry_attempts);
  row.read(claimed.retry_delay);
  row.read(claimed.retry_max_delay);
  row.read(claimed.expires_in);
  row.read(claimed.expected_status_codes);
  row.read(claimed.expected_body_pattern);
  row.read(claimed.callback_url);
  row.read(claimed.on_failure_url);
  row.read(claimed.on_recovery_url);
  row.read(claimed.task_name);
  claimed.signing_secrets = read_text_array(row.next_bytes());
  row.read(claimed.old_secret_until);
  return claimed;
}

}  // namespace

ClaimedWork claim_work(Session& session, const ClaimRequest& request, const ClaimBounds& bounds) {
  static const std::string sql = R"sql(
    select *
    from claim_work($1, $2, $3, $4, $5, $6, $7, $8, $9, $10))sql";
  Parameters parameters(request.node, request.token, request.now, request.horizon, request.limit, bounds.floor,
                        request.share);
  parameters.add_each(request.shares, [](const Share& share) { return share.organization_id; });
  parameters.add_each(request.shares, [](const Share& share) {
    return static_cast<std::int32_t>(std::min<std::size_t>(share.most, std::numeric_limits<std::int32_t>::max()));
  });
  parameters.add(bounds.after);
  const Rows rows = session.run(sql, parameters);
  ClaimedWork out;
  out.last = bounds.after;
  out.result.next_due = rows.get<std::optional<Time>>(0, 0);
  out.result.claimed.reserve(rows.size() - 1);
  for (std::size_t at = 1; at < rows.size(); ++at) {
    RowReader row(rows, at);
    out.result.claimed.push_back(claimed_from(row, request.token));
  }
  auto& claimed = out.result.claimed;
  if (!claimed.empty()) out.last = claimed.back().organization_id;
  std::sort(claimed.begin(), claimed.end(), [](const Claimed& a, const Claimed& b) {
    return std::tie(a.scheduled_for, a.id) < std::tie(b.scheduled_for, b.id);
  });
  return out;
}

}  // namespace punctual::postgres
