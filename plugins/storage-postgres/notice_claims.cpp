#include "notice_claims.hpp"

#include "channel_rows.hpp"
#include "functions.hpp"
#include "header_lines.hpp"
#include "rows.hpp"
#include "stored_text.hpp"

namespace punctual::postgres {
namespace {

// Goes from one channel to the next in the index of what is due, without a look at how much waits for each.
const std::string with_found = R"sql(
  with recursive found as (
    (select due.channel_id, due.next_at
    from notices due
    where due.claim_token is null
      and due.dead_at is null
    order by due.channel_id, due.next_at
    limit 1)
    union all
    select further.*
    from found
    cross join lateral (
      select due.channel_id, due.next_at
      from notices due
      where due.claim_token is null
        and due.dead_at is null
        and due.channel_id > found.channel_id
      order by due.channel_id, due.next_at
      limit 1) further
  ))sql";

}  // namespace

// waiting_channels gives the channels for which something waits: enabled ones, of which nothing is claimed, with the earliest of
// what waits and when something may be claimed.
//
// claim_notices locks the rows of the channels whose turn it is, passing over those that another server works on. Then, in
// statements of their own and so with snapshots that have all that was committed before the lock, it looks again at what is
// claimed and due of each. The first row returned holds nothing but next_due.
const std::string claim_notices_function = R"sql(
create or replace function waiting_channels(
  p_now timestamptz, p_plugins text[], p_passed_over uuid[], p_most integer, p_window interval)
returns table (channel_id uuid, earliest timestamptz, ready_at timestamptz)
language sql stable
as $function$)sql" + with_found +
                                           R"sql(
  select found.channel_id, found.next_at,
    case
      when channel.window_at + p_window > p_now and channel.window_used >= p_most then
        greatest(found.next_at, channel.window_at + p_window)
      else found.next_at
    end
  from found
  cross join lateral (
    select window_at, window_used
    from channels
    where channels.id = found.channel_id
      and enabled
      and plugin = any (p_plugins)
      and channels.id <> all (p_passed_over)
    limit 1) channel
  where not exists (
    select
    from notices claimed
    where claimed.channel_id = found.channel_id
      and claimed.claim_token is not null);
$function$;

create or replace function claim_notices(
  p_node uuid, p_token bigint, p_now timestamptz, p_limit integer, p_plugins text[], p_passed_over uuid[],
  p_most integer, p_window interval, p_most_in_summary integer, p_most_bytes integer)
returns table (
  next_due timestamptz, channel_id uuid, organization_id uuid, channel_name text, plugin text, settings text,
  events integer, enabled boolean, channel_inserted_at timestamptz, channel_updated_at timestamptz,
  organization_name text, id uuid, event text, occurred_at timestamptz, since timestamptz,
  subject text, detail text, notice_task_id uuid, task_name text, task_url text, task_method text, attempts integer,
  execution_id uuid, task_id uuid, execution_organization_id uuid, run_id uuid, attempt integer, status text,
  scheduled_for timestamptz, started_at timestamptz, finished_at timestamptz, status_code integer, duration_ms bigint, error_message text,
  response_body bytea, response_headers bytea, request_method text, request_url text)
language plpgsql
as $function$
#variable_conflict use_column
declare
  v_ready uuid[];
  v_channel uuid[];
  v_window_at timestamptz[];
  v_used integer[];
  v_is_open boolean;
  v_due uuid[];
  v_ids uuid[] := '{}';
begin
  perform pg_advisory_xact_lock_shared(hashtextextended(p_node::text, 1));
  if not exists (select from nodes where nodes.id = p_node) then
    return next;
    return;
  end if;

  -- More than there is room for, as others may be at some of them.
  select array_agg(waiting.channel_id)
  into v_ready
  from (
    select channel_id
    from waiting_channels(p_now, p_plugins, p_passed_over, p_most, p_window)
    where ready_at <= p_now
    order by earliest, channel_id
    limit 2 * p_limit::bigint) waiting;
  select array_agg(turn.id), array_agg(turn.window_at), array_agg(turn.window_used)
  into v_channel, v_window_at, v_used
  from (
    select id, window_at, window_used
    from channels
    where id = any (v_ready)
      and enabled
    order by array_position(v_ready, id)
    limit p_limit
    for no key update skip locked) turn;

  for turn in 1 .. coalesce(cardinality(v_channel), 0) loop
    continue when exists (
      select
      from notices
      where channel_id = v_channel[turn]
        and claim_token is not null);
    v_is_open := coalesce(v_window_at[turn] + p_window > p_now, false);
    continue when v_is_open and v_used[turn] >= p_most;
    select array_agg(due.id order by due.next_at, due.id)
    into v_due
    from (
      select id, next_at
      from notices
      where channel_id = v_channel[turn]
        and claim_token is null
        and dead_at is null
        and next_at <= p_now
      order by next_at, id
      limit case when v_is_open then 1 else p_most + 1 end) due;
    continue when v_due is null;
    if cardinality(v_due) > p_most then
      select array_agg(due.id)
      into v_due
      from (
        select id
        from notices
        where (channel_id, dead_at is not null) >= (v_channel[turn], false)
          and (channel_id, dead_at is not null) <= (v_channel[turn], false)
          and next_at <= p_now
        -- The whole order, which the primary key does not have: a plan made while there was nothing would walk that.
        order by channel_id, dead_at is not null, id
        limit p_most_in_summary) due;
      v_used[turn] := p_most;
    else
      v_due := v_due[1:1];
      v_used[turn] := case when v_is_open then v_used[turn] + 1 else 1 end;
    end if;
    update channels
    set window_at = case when v_is_open then window_at else p_now end, window_used = v_used[turn]
    where channels.id = v_channel[turn];
    v_ids := v_ids || v_due;
  end loop;
  if v_ids <> '{}' then
    update notices
    set node_id = p_node, claim_token = p_token
    where notices.id = any (v_ids);
  end if;

  next_due := (
    select min(waiting.ready_at)
    from waiting_channels(p_now, p_plugins, p_passed_over, p_most, p_window) waiting);
  return next;
  if v_ids = '{}' then
    return;
  end if;
  return query
    select null::timestamptz, channels.id, channels.organization_id, channels.name, channels.plugin, channels.settings,
      channels.events, channels.enabled, channels.inserted_at, channels.updated_at, organizations.name,
      one.id, one.event, one.occurred_at, one.since, one.subject, one.detail, one.task_id, coalesce(task.name, ''),
      coalesce(task.url, ''), task.method, one.attempts, ended.id, ended.task_id, ended.organization_id, ended.run_id,
      ended.attempt, ended.status::text, ended.scheduled_for, ended.started_at, ended.finished_at, ended.status_code,
      ended.duration_ms, ended.error_message, substr(ended.response_body, 1, p_most_bytes), ended.response_headers,
      coalesce(ended.request_method, task.method, 'POST'), coalesce(ended.request_url, task.url, '')
    from unnest(v_ids) with ordinality as taken (id, ord)
    join notices one on one.id = taken.id
    join channels on channels.id = one.channel_id
    join organizations on organizations.id = channels.organization_id
    left join lateral (select name, method, url from tasks where tasks.id = one.task_id limit 1) task on true
    left join lateral (select * from executions where executions.id = one.execution_id limit 1) ended on true
    order by taken.ord;
end
$function$;
)sql";

namespace {

Notice notice_from(RowReader& row, ClaimToken token) {
  Notice notice;
  notice.token = token;
  row.read(notice.id);
  row.read(notice.event);
  row.read(notice.occurred_at);
  row.read(notice.since);
  row.read(notice.subject);
  row.read(notice.detail);
  row.read(notice.task_id);
  row.read(notice.task_name);
  row.read(notice.task_url);
  row.read(notice.task_method);
  row.read(notice.attempts);
  if (row.next_is_null()) return notice;
  ExecutionDetail& detail = notice.execution.emplace();
  detail.execution = execution_from(row);
  row.read(detail.response_body);
  if (detail.response_body) notice_body::cut(*detail.response_body);
  detail.response_headers = headers_from_lines(row.next_bytes());
  row.read(detail.request_method);
  row.read(detail.request_url);
  return notice;
}

}  // namespace

NoticeClaims claim_notices(Session& session, const NoticeRequest& request) {
  static const std::string sql = R"sql(
    select *
    from claim_notices($1, $2, $3, $4, $5, $6, $7, $8 * interval '1 second', $9, $10))sql";
  Parameters parameters(request.node, request.token, request.now, request.limit);
  parameters.add_each(request.plugins, [](const std::string& plugin) { return std::string_view(plugin); });
  parameters.add_each(request.passed_over, [](ChannelId channel) { return channel; });
  parameters.add(std::int32_t{notice_throttle::most_in_a_window});
  parameters.add(notice_throttle::window);
  parameters.add(std::int32_t{notice_throttle::most_in_a_summary});
  // One more shows where the last character ends.
  parameters.add(static_cast<std::int32_t>(notice_body::most_bytes + 1));
  const Rows rows = session.run(sql, parameters);
  NoticeClaims out;
  out.next_due = rows.get<std::optional<Time>>(0, 0);
  for (std::size_t at = 1; at < rows.size(); ++at) {
    RowReader row(rows, at);
    row.skip();
    Channel channel = channel_from(row);
    auto organization_name = row.next<std::string>();
    if (out.claimed.empty() || out.claimed.back().channel.id != channel.id) {
      out.claimed.push_back({std::move(channel), std::move(organization_name), {}});
    }
    out.claimed.back().notices.push_back(notice_from(row, request.token));
  }
  return out;
}

void settle_notices(Session& session, std::span<const NoticeResult> results) {
  // Locked in the order of their ids; by id and only then by claim: the primary key is what finds them. Whoever has the lock
  // finds them again by where they lie.
  static const std::string sql = R"sql(
    with ended as materialized (
      select named.*, claim.row
      from (
        select *
        from unnest($1::uuid[], $2::bigint[], $3::timestamptz[], $4::timestamptz[], $5::text[])
          as named (id, token, next_at, dead_at, error)
        order by id) named
      join lateral (
        select ctid as row
        from notices
        where notices.id = named.id
          and notices.claim_token is not distinct from named.token
        for update) claim on true
    ), gone as (
      delete from notices
      using ended
      where notices.ctid = ended.row
        and ended.next_at is null
        and ended.dead_at is null
    )
    update notices
    set node_id = null, claim_token = null, attempts = notices.attempts + 1, next_at = ended.next_at,
      dead_at = ended.dead_at, last_error = ended.error
    from ended
    where notices.ctid = ended.row
      and (ended.next_at is not null or ended.dead_at is not null))sql";
  const auto at = [](NoticeResult::Kind kind) {
    return [kind](const NoticeResult& one) { return one.kind == kind ? std::optional(one.at) : std::nullopt; };
  };
  Parameters parameters;
  parameters.add_each(results, [](const NoticeResult& one) { return one.claim.id; });
  parameters.add_each(results, [](const NoticeResult& one) { return one.claim.token; });
  parameters.add_each(results, at(NoticeResult::Kind::retry));
  parameters.add_each(results, at(NoticeResult::Kind::dead));
  parameters.add_each(results, [](const NoticeResult& one) { return storable(one.error); });
  (void)session.run(sql, parameters);
}

void release_notices(Session& session, std::span<const NoticeClaim> claims) {
  static const std::string sql = R"sql(
    with ended as materialized (
      select named.id
      from (select * from unnest($1::uuid[], $2::bigint[]) as named (id, token) order by id) named
      join lateral (
        select
        from notices
        where notices.id = named.id
          and notices.claim_token is not distinct from named.token
        for update) claim on true
    )
    update notices
    set node_id = null, claim_token = null
    where id = any (array(select ended.id from ended)))sql";
  Parameters parameters;
  parameters.add_each(claims, [](const NoticeClaim& claim) { return claim.id; });
  parameters.add_each(claims, [](const NoticeClaim& claim) { return claim.token; });
  (void)session.run(sql, parameters);
}

std::vector<std::string> waiting_plugins(Session& session) {
  static const std::string sql = with_found + R"sql(
    select distinct channel.plugin collate "C" as plugin
    from found
    cross join lateral (
      select plugin
      from channels
      where channels.id = found.channel_id
        and enabled
      limit 1) channel
    order by plugin)sql";
  const Rows rows = session.run(sql);
  std::vector<std::string> out;
  for (std::size_t at = 0; at < rows.size(); ++at) out.push_back(rows.get<std::string>(at, 0));
  return out;
}

std::size_t give_up_notices(Session& session, const std::string& plugin, Time now, seconds patience,
                            const std::string& error, std::size_t limit) {
  // Under the locks of the channels, as in a claim, so that none of this is claimed meanwhile; a lock on what has been claimed
  // since the statement began is not given.
  static const std::string sql = with_found + R"sql(, turn as materialized (
      select channels.id
      from channels
      where channels.id = any (array(select found.channel_id from found where found.next_at < $3))
        and enabled
        and plugin = $1
      for no key update skip locked
    ), overdue as materialized (
      select due.id
      from turn
      cross join lateral (
        select id
        from notices
        where channel_id = turn.id
          and claim_token is null
          and dead_at is null
          and next_at < $3
        order by next_at, id
        limit $5
        for update skip locked) due
      limit $5
    )
    update notices
    set next_at = null, dead_at = $2, last_error = $4
    where id = any (array(select overdue.id from overdue)))sql";
  return session.run(sql, plugin, now, now - patience, storable(error), limit).changed();
}

std::size_t release_notices_of(Session& session, NodeId node) {
  static const std::string sql = R"sql(
    with ended as materialized (
      select id
      from notices
      where node_id = $1
        and claim_token is not null
      order by id
      for update
    )
    update notices
    set node_id = null, claim_token = null
    where id = any (array(select ended.id from ended)))sql";
  return session.run(sql, node).changed();
}

}  // namespace punctual::postgres
