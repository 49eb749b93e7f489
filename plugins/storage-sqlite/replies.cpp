#include "replies.hpp"

namespace punctual::sqlite {
namespace {

constexpr std::chrono::hours lifetime{24};

}  // namespace

std::optional<EarlierUse> find_earlier_use(Connection& connection, OrganizationId organization, std::string_view key,
                                           const Digest& request, Time now) {
  Query stored(connection, R"sql(
    select request, status, body
    from replies
    where organization_id = ?1
      and key = ?2
      and at > ?3)sql",
               organization, key, now - lifetime);
  if (!stored.next()) return std::nullopt;
  if (stored.get<Digest>(0) != request) return EarlierUse{WriteResult::key_reused, std::nullopt};
  return EarlierUse{WriteResult::replayed, StoredReply{stored.get<int>(1), stored.get<std::string>(2)}};
}

void store_reply(Connection& connection, OrganizationId organization, const IdempotencyRecord& record,
                 const StoredReply& reply) {
  Query(connection, R"sql(
    insert into replies (organization_id, key, request, at, status, body)
    values (?1, ?2, ?3, ?4, ?5, ?6)
    on conflict (organization_id, key) do update
    set request = excluded.request, at = excluded.at, status = excluded.status, body = excluded.body)sql",
        organization, record.key, record.request, record.at, reply.status, reply.body)
      .run();
}

std::size_t expire_replies(Connection& connection, Time before, std::size_t limit) {
  return Query(connection, R"sql(
    delete from replies
    where (organization_id, key) in (
      select organization_id, key
      from replies
      where at < ?1
      order by at
      limit ?2))sql",
               before, limit)
      .run();
}

}  // namespace punctual::sqlite
