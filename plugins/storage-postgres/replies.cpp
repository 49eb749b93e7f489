#include "replies.hpp"

#include "sql_errors.hpp"

namespace punctual::postgres {
namespace {

constexpr std::chrono::hours lifetime{24};

}  // namespace

std::optional<EarlierUse> find_earlier_use(Session& session, OrganizationId organization, std::string_view key,
                                           const Digest& request, Time now) {
  static const std::string sql = R"sql(
    select request, status, body
    from replies
    where organization_id = $1
      and key = $2
      and at > $3)sql";
  const Rows stored = session.run(sql, organization, Bytes{key}, Time{now - lifetime});
  if (stored.empty()) return std::nullopt;
  if (stored.get<Digest>(0, 0) != request) return EarlierUse{WriteResult::key_reused, std::nullopt};
  return EarlierUse{WriteResult::replayed, StoredReply{stored.get<std::int32_t>(0, 1), stored.get<std::string>(0, 2)}};
}

std::optional<EarlierUse> take_key(Session& session, OrganizationId organization, const IdempotencyRecord& record) {
  static const std::string sql = R"sql(
    insert into replies as stored (organization_id, key, request, at, status, body)
    values ($1, $2, $3, $4, $5, $6)
    on conflict (organization_id, key) do update
    set request = excluded.request, at = excluded.at, status = excluded.status, body = excluded.body
    where stored.at <= excluded.at - interval '24 hours'
    returning true)sql";
  const Rows won = session.run(sql, organization, Bytes{record.key}, record.request, record.at,
                               std::int32_t{record.reply.status}, record.reply.body);
  if (!won.empty()) return std::nullopt;
  auto earlier = find_earlier_use(session, organization, record.key, record.request, record.at);
  if (!earlier) throw Collision("a stored reply expired while it was looked for");
  return earlier;
}

void return_key(Session& session, OrganizationId organization, const IdempotencyRecord& record) {
  static const std::string sql = R"sql(
    delete from replies
    where organization_id = $1
      and key = $2)sql";
  (void)session.run(sql, organization, Bytes{record.key});
}

void replace_reply(Session& session, OrganizationId organization, std::string_view key, const StoredReply& reply) {
  static const std::string sql = R"sql(
    update replies
    set status = $3, body = $4
    where organization_id = $1
      and key = $2)sql";
  (void)session.run(sql, organization, Bytes{key}, std::int32_t{reply.status}, reply.body);
}

std::size_t expire_replies(Session& session, Time before, std::size_t limit) {
  static const std::string sql = R"sql(
    delete from replies
    where (organization_id, key) in (
      select organization_id, key
      from replies
      where at < $1
      order by at
      limit $2
      for update skip locked))sql";
  return session.run(sql, before, limit).changed();
}

}  // namespace punctual::postgres
