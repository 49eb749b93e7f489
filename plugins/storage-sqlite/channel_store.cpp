#include "channel_store.hpp"

#include <algorithm>

#include "audit_log.hpp"
#include "channel_rows.hpp"
#include "notice_claims.hpp"
#include "replies.hpp"
#include "stalled_queues.hpp"

namespace punctual::sqlite {
namespace {

std::vector<Channel> list_channels(Connection& connection, OrganizationId organization) {
  static const std::string sql = "select " + channel_columns + R"sql(
    from channels
    where organization_id = ?1
    order by name)sql";
  std::vector<Channel> out;
  Query rows(connection, sql, organization);
  while (rows.next()) out.push_back(channel_from(rows));
  return out;
}

std::optional<Channel> find_channel(Connection& connection, OrganizationId organization, ChannelId id) {
  static const std::string sql = "select " + channel_columns + R"sql(
    from channels
    where id = ?1
      and organization_id = ?2)sql";
  Query row(connection, sql, id, organization);
  return row.next() ? std::optional(channel_from(row)) : std::nullopt;
}

// By another channel than this one.
bool name_is_taken(Connection& connection, const Channel& channel) {
  return Query(connection, R"sql(
    select 1
    from channels
    where organization_id = ?1
      and name = ?2
      and id <> ?3)sql",
               channel.organization_id, channel.name, channel.id)
      .next();
}

std::size_t count_channels(Connection& connection, OrganizationId organization) {
  Query count(connection, R"sql(
    select count(*)
    from channels
    where organization_id = ?1)sql",
              organization);
  return count.next() ? count.get<std::size_t>(0) : 0;
}

ChannelWriteOutcome refused(WriteResult result) { return {result, std::nullopt}; }

ChannelWriteOutcome create_channel(Connection& connection, const ChannelWrite& write, const Channel& channel) {
  if (auto earlier = replayed<ChannelWriteOutcome>(connection, write)) return *std::move(earlier);
  if (name_is_taken(connection, channel)) return refused(WriteResult::conflict);
  if (count_channels(connection, channel.organization_id) >= Channels::most_channels) {
    return refused(WriteResult::limit_exceeded);
  }
  Query(connection, R"sql(
    insert into channels (id, organization_id, name, plugin, settings, events, enabled, inserted_at, updated_at)
    values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9))sql",
        channel.id, channel.organization_id, channel.name, channel.plugin, channel.settings, channel.events.bits,
        channel.enabled, channel.inserted_at, channel.updated_at)
      .run();
  write_audit(connection, write.audit);
  keep_reply(connection, write);
  return {};
}

ChannelWriteOutcome update_channel(Connection& connection, const ChannelWrite& write, const Channel& channel,
                                   Time version) {
  if (auto earlier = replayed<ChannelWriteOutcome>(connection, write)) return *std::move(earlier);
  const auto stored = find_channel(connection, write.organization_id, channel.id);
  if (!stored) return refused(WriteResult::not_found);
  if (stored->updated_at != version) return refused(WriteResult::stale);
  if (name_is_taken(connection, channel)) return refused(WriteResult::conflict);
  Query(connection, R"sql(
    update channels
    set name = ?2, plugin = ?3, settings = ?4, events = ?5, enabled = ?6, inserted_at = ?7, updated_at = ?8
    where id = ?1)sql",
        channel.id, channel.name, channel.plugin, channel.settings, channel.events.bits, channel.enabled,
        channel.inserted_at, channel.updated_at)
      .run();
  Channel same = channel;
  same.updated_at = version;
  if (same != *stored) write_audit(connection, write.audit);
  keep_reply(connection, write);
  return {};
}

ChannelWriteOutcome remove_channel(Connection& connection, const ChannelWrite& write, ChannelId id) {
  if (auto earlier = replayed<ChannelWriteOutcome>(connection, write)) return *std::move(earlier);
  const bool was_there = Query(connection, R"sql(
    delete from channels
    where id = ?1
      and organization_id = ?2)sql",
                               id, write.organization_id)
                             .run() > 0;
  if (!was_there) return refused(WriteResult::not_found);
  write_audit(connection, write.audit);
  keep_reply(connection, write);
  return {};
}

ChannelWriteOutcome revive_notices(Connection& connection, const ChannelWrite& write, ChannelId id,
                                   const std::function<StoredReply(std::size_t)>& reply) {
  if (auto earlier = replayed<ChannelWriteOutcome>(connection, write)) return *std::move(earlier);
  if (!find_channel(connection, write.organization_id, id)) return refused(WriteResult::not_found);
  const std::size_t count = Query(connection, R"sql(
    update notices
    set next_at = ?2, dead_at = null, attempts = 0, last_error = ''
    where channel_id = ?1
      and (dead_at is not null) = 1)sql",
                                  id, write.now)
                                .run();
  const StoredReply made = reply(count);
  if (count > 0) write_audit(connection, write.audit);
  keep_reply(connection, write, made);
  return {};
}

NoticeRecord record_from(const Query& row) {
  int column = 0;
  const auto read = [&]<class T>(T& value) { value = row.get<T>(column++); };
  NoticeRecord record;
  read(record.id);
  read(record.event);
  read(record.occurred_at);
  read(record.subject);
  read(record.detail);
  read(record.task_id);
  read(record.execution_id);
  read(record.attempts);
  read(record.next_at);
  read(record.dead_at);
  read(record.last_error);
  return record;
}

// Those that are dead, or those that are not: the first `most`.
void append_notices(Connection& connection, const NoticeQuery& query, bool dead, std::size_t most,
                    std::vector<NoticeRecord>& out) {
  NoticeId before;
  before.value.bytes.fill(0xff);
  before = query.after.value_or(before);
  Query rows(connection, R"sql(
    select id, event, occurred_at, subject, detail, task_id, execution_id, attempts, next_at, dead_at, last_error
    from notices
    where channel_id = ?1
      and (dead_at is not null) = ?2
      and id < ?3
    order by id desc
    limit ?4)sql",
             query.channel_id, dead, before, most);
  while (rows.next()) out.push_back(record_from(rows));
}

Page<NoticeRecord> list_channel_notices(Connection& connection, const NoticeQuery& query) {
  if (!find_channel(connection, query.organization_id, query.channel_id)) return {};
  const std::size_t offset = query.after ? 0 : query.offset;
  std::vector<NoticeRecord> found;
  for (const bool dead : {false, true}) {
    if (query.dead.value_or(dead) == dead) append_notices(connection, query, dead, offset + query.limit + 1, found);
  }
  std::sort(found.begin(), found.end(), [](const NoticeRecord& a, const NoticeRecord& b) { return a.id > b.id; });
  found.erase(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(std::min(offset, found.size())));
  const bool has_more = found.size() > query.limit;
  if (has_more) found.resize(query.limit);
  return {std::move(found), has_more};
}

std::size_t count_up_to(Connection& connection, const char* sql, std::size_t limit) {
  Query count(connection, sql, limit);
  return count.next() ? count.get<std::size_t>(0) : 0;
}

Channels::Sizes count_notices(Connection& connection, std::size_t limit) {
  const auto due = count_up_to(connection, R"sql(
    select count(*)
    from (
      select 1
      from notices
      where claim_token is null
        and dead_at is null
      limit ?1))sql",
                               limit);
  const auto claimed = count_up_to(connection, R"sql(
    select count(*)
    from (
      select 1
      from notices
      where claim_token is not null
      limit ?1))sql",
                                   limit);
  const auto dead = count_up_to(connection, R"sql(
    select count(*)
    from (
      select 1
      from notices
      where dead_at is not null
      limit ?1))sql",
                                limit);
  return {std::min(due + claimed, limit), dead};
}

}  // namespace

std::vector<Channel> SqliteChannels::list(OrganizationId organization) {
  return readers_.read([&](Connection& connection) { return list_channels(connection, organization); });
}

std::optional<Channel> SqliteChannels::find(OrganizationId organization, ChannelId id) {
  return readers_.read([&](Connection& connection) { return find_channel(connection, organization, id); });
}

ChannelWriteOutcome SqliteChannels::create(const ChannelWrite& write, const Channel& channel) {
  return writer_.write([&](Connection& connection) { return create_channel(connection, write, channel); });
}

ChannelWriteOutcome SqliteChannels::update(const ChannelWrite& write, const Channel& channel, Time version) {
  return writer_.write([&](Connection& connection) { return update_channel(connection, write, channel, version); });
}

ChannelWriteOutcome SqliteChannels::remove(const ChannelWrite& write, ChannelId id) {
  return writer_.write([&](Connection& connection) { return remove_channel(connection, write, id); });
}

Page<NoticeRecord> SqliteChannels::list_notices(const NoticeQuery& query) {
  return page_readers_.read([&](Connection& connection) { return list_channel_notices(connection, query); });
}

ChannelWriteOutcome SqliteChannels::revive(const ChannelWrite& write, ChannelId id,
                                           const std::function<StoredReply(std::size_t)>& reply) {
  return writer_.write([&](Connection& connection) { return revive_notices(connection, write, id, reply); });
}

NoticeClaims SqliteChannels::claim(const NoticeRequest& request) {
  auto claims = writer_.write([&](Connection& connection) { return claim_notices(connection, request); });
  if (claims.claimed.empty()) return claims;
  page_readers_.read([&](Connection& connection) { read_claimed_notices(connection, claims); });
  return claims;
}

void SqliteChannels::settle(std::span<const NoticeResult> results) {
  if (results.empty()) return;
  writer_.write([&](Connection& connection) {
    for (const NoticeResult& result : results) settle_notice(connection, result);
  });
}

void SqliteChannels::release(std::span<const NoticeClaim> claims) {
  if (claims.empty()) return;
  writer_.write([&](Connection& connection) {
    for (const NoticeClaim& claim : claims) release_notice(connection, claim);
  });
}

std::vector<NoticeClaim> SqliteChannels::held(NodeId node) {
  return readers_.read([&](Connection& connection) {
    std::vector<NoticeClaim> out;
    Query claims(connection, R"sql(
      select id, claim_token
      from notices
      where node_id = ?1
        and claim_token is not null)sql",
                 node);
    while (claims.next()) out.push_back({claims.get<NoticeId>(0), claims.get<ClaimToken>(1)});
    return out;
  });
}

Channels::Sizes SqliteChannels::sizes(std::size_t limit) {
  return readers_.read([&](Connection& connection) { return count_notices(connection, limit); });
}

std::vector<std::string> SqliteChannels::waiting_plugins() {
  return readers_.read([](Connection& connection) { return sqlite::waiting_plugins(connection); });
}

std::size_t SqliteChannels::give_up(const std::string& plugin, Time now, seconds patience, const std::string& error,
                                    std::size_t limit) {
  return writer_.write(
      [&](Connection& connection) { return give_up_notices(connection, plugin, now, patience, error, limit); });
}

std::size_t SqliteChannels::expire(Time before, std::size_t limit) {
  constexpr const char* old = R"sql(
      select id
      from notices
      where dead_at < ?1
      order by dead_at
      limit ?2)sql";
  // Mostly there is nothing, and a read disturbs nobody.
  if (!readers_.read([&](Connection& connection) { return Query(connection, old, before, limit).next(); })) return 0;
  static const std::string remove = "delete from notices where id in (" + std::string(old) + ")";
  return writer_.write([&](Connection& connection) { return Query(connection, remove, before, limit).run(); });
}

std::vector<StalledQueue> SqliteChannels::note_stalled_queues(Time now, seconds patience) {
  const Time before = now - patience;
  // Mostly there is nothing, and a read disturbs nobody.
  if (page_readers_.read([&](Connection& connection) { return find_stalled(connection, before).empty(); })) return {};
  return writer_.write([&](Connection& connection) { return note_stalled(connection, before, now); });
}

}  // namespace punctual::sqlite
