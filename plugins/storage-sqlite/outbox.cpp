#include "outbox.hpp"

#include <algorithm>
#include <set>

namespace punctual::sqlite {
namespace {

// In the order of their turns, those behind `after` first.
std::vector<OrganizationId> organizations_with_due(Connection& connection, const MessageRequest& request,
                                                   OrganizationId after) {
  std::vector<OrganizationId> out;
  Query rows(connection, R"sql(
    with recursive waiting (organization_id) as (
      select min(organization_id)
      from outbox
      where claim_token is null
      union all
      select (
        select min(outbox.organization_id)
        from outbox
        where claim_token is null
          and outbox.organization_id > waiting.organization_id)
      from waiting
      where organization_id is not null)
    select organization_id
    from waiting
    where organization_id is not null
      and exists (
        select 1
        from outbox
        where outbox.organization_id = waiting.organization_id
          and claim_token is null
          and next_at <= ?1))sql",
             request.now);
  while (rows.next()) out.push_back(rows.get<OrganizationId>(0));
  std::erase_if(out, [&](OrganizationId organization) {
    return std::find(request.passed_over.begin(), request.passed_over.end(), organization) != request.passed_over.end();
  });
  std::sort(out.begin(), out.end());
  std::rotate(out.begin(), std::upper_bound(out.begin(), out.end(), after), out.end());
  return out;
}

void append_due(Connection& connection, OrganizationId organization, Time now, std::size_t most,
                std::vector<ClaimedMessage>& out) {
  Query rows(connection, R"sql(
    select id, organization_id, task_id, execution_id, event, final, ended_as, attempts, url, content
    from outbox
    where organization_id = ?1
      and claim_token is null
      and next_at <= ?2
    order by next_at, id
    limit ?3)sql",
             organization, now, most);
  while (rows.next()) {
    ClaimedMessage& message = out.emplace_back();
    int column = 0;
    const auto read = [&]<class T>(T& value) { value = rows.get<T>(column++); };
    read(message.id);
    read(message.organization_id);
    read(message.task_id);
    read(message.execution_id);
    read(message.event);
    read(message.final);
    read(message.ended_as);
    read(message.attempts);
    read(message.url);
    read(message.content);
  }
}

void mark_claimed(Connection& connection, const MessageRequest& request, ClaimedMessage& message) {
  Query(connection, R"sql(
    update outbox
    set node_id = ?2, claim_token = ?3
    where id = ?1)sql",
        message.id, request.node, request.token)
      .run();
  message.token = request.token;
}

std::optional<Time> next_due(Connection& connection) {
  Query first(connection, R"sql(
    select next_at
    from outbox
    where claim_token is null
    order by next_at
    limit 1)sql");
  if (!first.next()) return std::nullopt;
  return first.get<Time>(0);
}

MessageClaims claim_messages(Connection& connection, const MessageRequest& request, OrganizationId& last_turn) {
  MessageClaims result;
  TermsReader terms(connection);
  std::size_t bytes = 0;
  const auto organizations = organizations_with_due(connection, request, last_turn);
  const std::size_t each = organizations.empty() ? 0 : std::max<std::size_t>(1, request.limit / organizations.size());
  std::vector<ClaimedMessage> due;
  for (const OrganizationId organization : organizations) {
    if (due.size() >= request.limit) break;
    append_due(connection, organization, request.now, std::min(each, request.limit - due.size()), due);
  }
  for (ClaimedMessage& message : due) {
    if (bytes >= request.bytes) break;
    bytes += message.content.size();
    mark_claimed(connection, request, message);
    const OrganizationTerms& owner = terms.of(message.organization_id);
    message.signing_secrets = owner.signing_secrets;
    message.old_secret_until = owner.old_secret_until;
    last_turn = message.organization_id;
    result.claimed.push_back(std::move(message));
  }
  result.next_due = next_due(connection);
  return result;
}

std::size_t settle_message(Connection& connection, const MessageResult& result) {
  if (!result.retry_at) {
    return Query(connection, R"sql(
      delete from outbox
      where id = ?1
        and claim_token = ?2)sql",
                 result.claim.id, result.claim.token)
        .run();
  }
  return Query(connection, R"sql(
    update outbox
    set node_id = null, claim_token = null, attempts = attempts + 1, next_at = ?3
    where id = ?1
      and claim_token = ?2)sql",
               result.claim.id, result.claim.token, *result.retry_at)
      .run();
}

}  // namespace

MessageClaims SqliteOutbox::claim(const MessageRequest& request) {
  return writer_.write([&](Connection& connection) { return claim_messages(connection, request, last_turn_); });
}

std::size_t SqliteOutbox::settle(std::span<const MessageResult> results) {
  return writer_.write([&](Connection& connection) {
    std::size_t settled = 0;
    for (const MessageResult& result : results) settled += settle_message(connection, result);
    return settled;
  });
}

void SqliteOutbox::release(std::span<const MessageClaim> claims) {
  writer_.write([&](Connection& connection) {
    for (const MessageClaim& claim : claims) {
      Query(connection, R"sql(
        update outbox
        set node_id = null, claim_token = null
        where id = ?1
          and claim_token = ?2)sql",
            claim.id, claim.token)
          .run();
    }
  });
}

std::vector<MessageClaim> SqliteOutbox::held(NodeId node) {
  return readers_.read([&](Connection& connection) {
    std::vector<MessageClaim> out;
    Query claims(connection, R"sql(
      select id, claim_token
      from outbox
      where node_id = ?1
        and claim_token is not null)sql",
                 node);
    while (claims.next()) out.push_back({claims.get<MessageId>(0), claims.get<ClaimToken>(1)});
    return out;
  });
}

std::size_t SqliteOutbox::size(std::size_t limit) {
  return readers_.read([&](Connection& connection) {
    Query count(connection, R"sql(
      select count(*)
      from (
        select 1
        from outbox
        limit ?1))sql",
                limit);
    return count.next() ? count.get<std::size_t>(0) : 0;
  });
}

void insert_message(Connection& connection, const MessageSource& source, const NewMessage& message) {
  Query(connection, R"sql(
    insert into outbox (id, organization_id, task_id, execution_id, event, final, ended_as, next_at, url, content)
    values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
    on conflict (id) do nothing)sql",
        message.id, source.organization_id, source.task_id, source.execution_id, message.event, source.final,
        source.ended_as, source.due, message.url, message.content)
      .run();
}

std::size_t release_all_messages(Connection& connection) {
  // Every id is greater, and said so the index is used.
  return Query(connection, R"sql(
    update outbox
    set node_id = null, claim_token = null
    where claim_token is not null
      and node_id > x'')sql")
      .run();
}

}  // namespace punctual::sqlite
