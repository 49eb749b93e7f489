#include "outbox.hpp"

#include <algorithm>
#include <limits>

#include "functions.hpp"

namespace punctual::postgres {

// When all that is due fits and none is passed over, it is taken straight from the index by time, where the floor keeps what
// was claimed before out of the way. Otherwise organisations take turns: they are found by skipping from one to the next in
// the index, from the one behind the last that had a turn, and each gives its earliest. The first row returned holds nothing
// but next_due.
const std::string claim_messages_function = R"sql(
create or replace function claim_messages(
  p_node uuid, p_token bigint, p_now timestamptz, p_floor timestamptz, p_limit integer, p_bytes bigint,
  p_passed_over uuid[], p_after uuid)
returns table (
  next_due timestamptz, id uuid, organization_id uuid, task_id uuid, execution_id uuid, event text, final boolean,
  ended_as text, attempts integer, url text, content bytea, signing_secrets text[], old_secret_until timestamptz)
language plpgsql
as $function$
#variable_conflict use_column
declare
  v_last_organization constant uuid := 'ffffffff-ffff-ffff-ffff-ffffffffffff';
  v_due integer;
  v_organization uuid[];
  v_ids uuid[] := '{}';
begin
  perform pg_advisory_xact_lock_shared(hashtextextended(p_node::text, 1));
  if not exists (select from nodes where nodes.id = p_node) then
    return query select null::timestamptz, null::uuid, null::uuid, null::uuid, null::uuid, null::text, null::boolean,
      null::text, null::integer, null::text, null::bytea, null::text[], null::timestamptz;
    return;
  end if;

  select count(*)
  into v_due
  from (
    select
    from outbox
    where claim_token is null
      and next_at >= p_floor
      and next_at <= p_now
    order by next_at
    limit p_limit + 1) due;

  if v_due between 1 and p_limit and cardinality(p_passed_over) = 0 then
    with picked as materialized (
      select due.id, due.next_at, octet_length(due.content) as bytes
      from outbox due
      where due.claim_token is null
        and due.next_at >= p_floor
        and due.next_at <= p_now
      order by due.next_at, due.id
      limit p_limit
      for update skip locked
    ), summed as (
      select id, sum(bytes) over (order by next_at, id) - bytes as before
      from picked
    )
    select coalesce(array_agg(id), '{}')
    into v_ids
    from summed
    where before < p_bytes;
  elsif v_due > 0 and p_limit > 0 then
    with recursive found as (
      select p_after as organization_id, null::timestamptz as next_at, false as wrapped
      union all
      select further.*
      from found
      cross join lateral (
        (select due.organization_id, due.next_at, found.wrapped
        from outbox due
        where due.claim_token is null
          and due.organization_id > found.organization_id
          and due.organization_id <= case when found.wrapped then p_after else v_last_organization end
          and due.next_at >= p_floor
        order by due.organization_id, due.next_at
        limit 1)
        union all
        (select due.organization_id, due.next_at, true
        from outbox due
        where not found.wrapped
          and due.claim_token is null
          and due.organization_id <= p_after
          and due.next_at >= p_floor
        order by due.organization_id, due.next_at
        limit 1)
        limit 1) further
    ), with_messages as (
      select organization_id
      from found
      where next_at <= p_now
        and organization_id <> all (p_passed_over)
      limit p_limit
    )
    select array_agg(organization_id order by organization_id <= p_after, organization_id)
    into v_organization
    from with_messages;
  end if;

  if v_organization is not null then
    with picked as materialized (
      select waits.id, waits.next_at, waits.bytes, turn.ord
      from unnest(v_organization) with ordinality as turn (organization_id, ord)
      cross join lateral (
        select due.id, due.next_at, octet_length(due.content) as bytes
        from outbox due
        where due.claim_token is null
          -- A range of one, as in claim_work.
          and due.organization_id between turn.organization_id and turn.organization_id
          and due.next_at >= p_floor
          and due.next_at <= p_now
        order by due.organization_id, due.next_at, due.id
        limit greatest(1, p_limit / cardinality(v_organization))
        for update skip locked) waits
      limit p_limit
    ), summed as (
      select id, sum(bytes) over (order by ord, next_at, id) - bytes as before
      from picked
    )
    select coalesce(array_agg(id), '{}')
    into v_ids
    from summed
    where before < p_bytes;
  end if;
  if v_ids <> '{}' then
    update outbox
    set node_id = p_node, claim_token = p_token
    where outbox.id = any (v_ids);
  end if;

  return query
    select (
        select due.next_at
        from outbox due
        where due.claim_token is null
          and due.next_at >= p_floor
        order by due.next_at
        limit 1),
      null::uuid, null::uuid, null::uuid, null::uuid, null::text, null::boolean, null::text, null::integer, null::text,
      null::bytea, null::text[], null::timestamptz;
  return query
    select null::timestamptz, one.id, one.organization_id, one.task_id, one.execution_id, one.event, one.final,
      one.ended_as, one.attempts, one.url, one.content, organizations.signing_secrets,
      organizations.old_secret_until
    from outbox one
    join organizations on organizations.id = one.organization_id
    where one.id = any (v_ids)
    order by array_position(v_organization, one.organization_id), one.next_at, one.id;
end
$function$;
)sql";

namespace {

ClaimedMessage message_from(RowReader& row, ClaimToken token) {
  ClaimedMessage message;
  message.token = token;
  row.skip();
  row.read(message.id);
  row.read(message.organization_id);
  row.read(message.task_id);
  row.read(message.execution_id);
  row.read(message.event);
  row.read(message.final);
  row.read(message.ended_as);
  row.read(message.attempts);
  row.read(message.url);
  row.read(message.content);
  message.signing_secrets = read_text_array(row.next_bytes());
  row.read(message.old_secret_until);
  return message;
}

}  // namespace

MessageClaims claim_messages(Session& session, const MessageRequest& request, Time floor, OrganizationId& after) {
  static const std::string sql = R"sql(
    select *
    from claim_messages($1, $2, $3, $4, $5, $6, $7, $8))sql";
  const auto bytes =
      static_cast<std::int64_t>(std::min<std::size_t>(request.bytes, std::numeric_limits<std::int64_t>::max()));
  Parameters parameters(request.node, request.token, request.now, floor, request.limit, bytes);
  parameters.add_each(request.passed_over, [](OrganizationId organization) { return organization; });
  parameters.add(after);
  const Rows rows = session.run(sql, parameters);
  MessageClaims out;
  out.next_due = rows.get<std::optional<Time>>(0, 0);
  out.claimed.reserve(rows.size() - 1);
  for (std::size_t at = 1; at < rows.size(); ++at) {
    RowReader row(rows, at);
    out.claimed.push_back(message_from(row, request.token));
  }
  if (!out.claimed.empty()) after = out.claimed.back().organization_id;
  return out;
}

std::size_t settle_messages(Session& session, std::span<const MessageResult> results) {
  // By id and only then by claim: the primary key is what finds them.
  static const std::string sql = R"sql(
    with ended as materialized (
      select *
      from unnest($1::uuid[], $2::bigint[], $3::timestamptz[]) as named (id, token, retry_at)
    ), gone as (
      delete from outbox
      using ended
      where outbox.id = any ($1)
        and outbox.id = ended.id
        and outbox.claim_token is not distinct from ended.token
        and ended.retry_at is null
      returning outbox.id
    ), again as (
      update outbox
      set node_id = null, claim_token = null, attempts = outbox.attempts + 1, next_at = ended.retry_at
      from ended
      where outbox.id = any ($1)
        and outbox.id = ended.id
        and outbox.claim_token is not distinct from ended.token
        and ended.retry_at is not null
      returning outbox.id
    )
    select (select count(*) from gone) + (select count(*) from again))sql";
  Parameters parameters;
  parameters.add_each(results, [](const MessageResult& result) { return result.claim.id; });
  parameters.add_each(results, [](const MessageResult& result) { return result.claim.token; });
  parameters.add_each(results, [](const MessageResult& result) { return result.retry_at; });
  return static_cast<std::size_t>(session.run(sql, parameters).get<std::int64_t>(0, 0));
}

void release_messages(Session& session, std::span<const MessageClaim> claims) {
  static const std::string sql = R"sql(
    update outbox
    set node_id = null, claim_token = null
    from unnest($1::uuid[], $2::bigint[]) as named (id, token)
    where outbox.id = any ($1)
      and outbox.id = named.id
      and outbox.claim_token is not distinct from named.token)sql";
  Parameters parameters;
  parameters.add_each(claims, [](const MessageClaim& claim) { return claim.id; });
  parameters.add_each(claims, [](const MessageClaim& claim) { return claim.token; });
  (void)session.run(sql, parameters);
}

std::size_t release_messages_of(Session& session, NodeId node) {
  static const std::string sql = R"sql(
    update outbox
    set node_id = null, claim_token = null
    where node_id = $1
      and claim_token is not null)sql";
  return session.run(sql, node).changed();
}

MessageClaims PostgresOutbox::claim(const MessageRequest& request) {
  const auto floor = floor_.begin(request.now);
  OrganizationId turn;
  {
    const std::lock_guard lock(turn_mutex_);
    turn = last_turn_;
  }
  auto claims = SessionPool::collision_free(
      [&] { return pool_.use([&](Session& session) { return claim_messages(session, request, floor.floor, turn); }); });
  floor_.end(floor, claims.next_due);
  const std::lock_guard lock(turn_mutex_);
  last_turn_ = turn;
  return claims;
}

std::size_t PostgresOutbox::settle(std::span<const MessageResult> results) {
  if (results.empty()) return 0;
  const std::size_t settled = SessionPool::collision_free(
      [&] { return pool_.use([&](Session& session) { return settle_messages(session, results); }); });
  for (const MessageResult& result : results) {
    if (result.retry_at) floor_.lower(*result.retry_at);
  }
  return settled;
}

void PostgresOutbox::release(std::span<const MessageClaim> claims) {
  if (claims.empty()) return;
  SessionPool::collision_free([&] {
    return pool_.use([&](Session& session) {
      release_messages(session, claims);
      return true;
    });
  });
  floor_.lower(Time{});
}

std::vector<MessageClaim> PostgresOutbox::held(NodeId node) {
  static const std::string sql = R"sql(
    select id, claim_token
    from outbox
    where node_id = $1
      and claim_token is not null)sql";
  const Rows rows = pool_.read([&](Session& session) { return session.run(sql, node); });
  std::vector<MessageClaim> out;
  for (std::size_t at = 0; at < rows.size(); ++at)
    out.push_back({rows.get<MessageId>(at, 0), rows.get<ClaimToken>(at, 1)});
  return out;
}

std::size_t PostgresOutbox::size(std::size_t limit) {
  static const std::string sql = R"sql(
    select count(*)
    from (
      select
      from outbox
      limit $1) counted)sql";
  return pool_.read(
      [&](Session& session) { return static_cast<std::size_t>(session.run(sql, limit).get<std::int64_t>(0, 0)); });
}

}  // namespace punctual::postgres
