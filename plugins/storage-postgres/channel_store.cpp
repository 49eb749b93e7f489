#include "channel_store.hpp"

#include "audit_log.hpp"
#include "channel_rows.hpp"
#include "notice_claims.hpp"
#include "replies.hpp"
#include "stalled_queues.hpp"

namespace punctual::postgres {
namespace {

// So many lines are told of in one transaction.
constexpr std::size_t stalled_a_step = 1000;

// Only one transaction at a time adds or names channels of an organisation.
void lock_names(Session& session, OrganizationId organization) {
  static const std::string sql = R"sql(
    select
    from organizations
    where id = $1
    for no key update)sql";
  (void)session.run(sql, organization);
}

// By another channel than this one.
bool name_is_taken(Session& session, const Channel& channel) {
  static const std::string sql = R"sql(
    select
    from channels
    where organization_id = $1
      and name = $2
      and id <> $3)sql";
  return !session.run(sql, channel.organization_id, channel.name, channel.id).empty();
}

std::size_t count_channels(Session& session, OrganizationId organization) {
  static const std::string sql = R"sql(
    select count(*)
    from channels
    where organization_id = $1)sql";
  return static_cast<std::size_t>(session.run(sql, organization).get<std::int64_t>(0, 0));
}

std::optional<Channel> lock_channel(Session& session, OrganizationId organization, ChannelId id) {
  static const std::string sql = "select " + channel_columns + R"sql(
    from channels
    where id = $1
      and organization_id = $2
    for no key update)sql";
  const Rows rows = session.run(sql, id, organization);
  if (rows.empty()) return std::nullopt;
  RowReader row(rows, 0);
  return channel_from(row);
}

ChannelWriteOutcome refused(Session& session, const ChannelWrite& write, WriteResult result) {
  return postgres::refused<ChannelWriteOutcome>(session, write, result);
}

ChannelWriteOutcome create_channel(Session& session, const ChannelWrite& write, const Channel& channel) {
  static const std::string sql = R"sql(
    insert into channels (id, organization_id, name, plugin, settings, events, enabled, inserted_at, updated_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9))sql";
  if (auto earlier = replayed<ChannelWriteOutcome>(session, write)) return *std::move(earlier);
  lock_names(session, channel.organization_id);
  if (name_is_taken(session, channel)) return refused(session, write, WriteResult::conflict);
  if (count_channels(session, channel.organization_id) >= Channels::most_channels) {
    return refused(session, write, WriteResult::limit_exceeded);
  }
  (void)session.run(sql, channel.id, channel.organization_id, channel.name, channel.plugin, channel.settings,
                    static_cast<std::int32_t>(channel.events.bits), channel.enabled, channel.inserted_at,
                    channel.updated_at);
  write_audit(session, write.audit);
  return {};
}

ChannelWriteOutcome update_channel(Session& session, const ChannelWrite& write, const Channel& channel, Time version) {
  static const std::string sql = R"sql(
    update channels
    set name = $2, plugin = $3, settings = $4, events = $5, enabled = $6, inserted_at = $7, updated_at = $8
    where id = $1)sql";
  if (auto earlier = replayed<ChannelWriteOutcome>(session, write)) return *std::move(earlier);
  lock_names(session, write.organization_id);
  const auto stored = lock_channel(session, write.organization_id, channel.id);
  if (!stored) return refused(session, write, WriteResult::not_found);
  if (stored->updated_at != version) return refused(session, write, WriteResult::stale);
  if (name_is_taken(session, channel)) return refused(session, write, WriteResult::conflict);
  (void)session.run(sql, channel.id, channel.name, channel.plugin, channel.settings,
                    static_cast<std::int32_t>(channel.events.bits), channel.enabled, channel.inserted_at,
                    channel.updated_at);
  Channel same = channel;
  same.updated_at = version;
  if (same != *stored) write_audit(session, write.audit);
  return {};
}

ChannelWriteOutcome remove_channel(Session& session, const ChannelWrite& write, ChannelId id) {
  static const std::string sql = R"sql(
    select
    from channels
    where id = $1
      and organization_id = $2
    for update)sql";
  if (auto earlier = replayed<ChannelWriteOutcome>(session, write)) return *std::move(earlier);
  if (session.run(sql, id, write.organization_id).empty()) return refused(session, write, WriteResult::not_found);
  delete_channel(session, id);
  write_audit(session, write.audit);
  return {};
}

NoticeRecord record_from(const Rows& rows, std::size_t at) {
  RowReader row(rows, at);
  NoticeRecord record;
  row.read(record.id);
  row.read(record.event);
  row.read(record.occurred_at);
  row.read(record.subject);
  row.read(record.detail);
  row.read(record.task_id);
  row.read(record.execution_id);
  row.read(record.attempts);
  row.read(record.next_at);
  row.read(record.dead_at);
  row.read(record.last_error);
  return record;
}

// Those that are dead, or those that are not, the newest first. Asked for in the whole order of their index: in that of the ids
// alone the primary key would do, and the notices of all channels be walked over.
std::string part_of_list(const char* dead) {
  return R"sql((
      select id, event, occurred_at, subject, detail, task_id, execution_id, attempts, next_at, dead_at, last_error
      from notices
      where (channel_id, dead_at is not null) >= ($1, )sql" +
         std::string(dead) + R"sql()
        and (channel_id, dead_at is not null, id) < ($1, )sql" +
         dead + R"sql(, $2)
        and coalesce($5 = )sql" +
         dead + R"sql(, true)
      order by channel_id desc, dead_at is not null desc, id desc
      limit $3::bigint + $4))sql";
}

}  // namespace

Page<NoticeRecord> list_notices(Session& session, const NoticeQuery& query) {
  static const std::string sql = R"sql(
    select *
    from ()sql" + part_of_list("false") +
                                 R"sql(
      union all
      )sql" + part_of_list("true") +
                                 R"sql() parts
    where exists (
      select
      from channels
      where channels.id = $1
        and channels.organization_id = $6)
    order by id desc
    limit $3
    offset $4)sql";
  NoticeId before;
  before.value.bytes.fill(0xff);
  before = query.after.value_or(before);
  const Rows rows = session.run(sql, query.channel_id, before, query.limit + 1, query.after ? 0 : query.offset,
                                query.dead, query.organization_id);
  Page<NoticeRecord> page;
  for (std::size_t at = 0; at < rows.size(); ++at) page.items.push_back(record_from(rows, at));
  page.has_more = page.items.size() > query.limit;
  if (page.has_more) page.items.resize(query.limit);
  return page;
}

std::size_t revive_notices(Session& session, ChannelId channel, Time now) {
  static const std::string sql = R"sql(
    update notices
    set next_at = $2, dead_at = null, attempts = 0, last_error = ''
    where channel_id = $1
      and (dead_at is not null) = true)sql";
  return session.run(sql, channel, now).changed();
}

void delete_channel(Session& session, ChannelId channel) {
  // What is claimed is all that others may lock meanwhile: in the order in which they do it.
  static const std::string lock = R"sql(
    select
    from notices
    where channel_id = $1
      and claim_token is not null
    order by id
    for update)sql";
  static const std::string remove = R"sql(
    delete from channels
    where id = $1)sql";
  (void)session.run(lock, channel);
  (void)session.run(remove, channel);
}

Channels::Sizes count_notices(Session& session, std::size_t limit) {
  // In the order of an index, which is walked no further than to the limit; a bitmap of it would take all of it.
  static const std::string sql = R"sql(
    select
      (
        select count(*)
        from (
          select from notices where claim_token is null and dead_at is null order by channel_id, next_at, id limit $1) due),
      (
        select count(*)
        from (select from notices where claim_token is not null order by node_id limit $1) claimed),
      (
        select count(*)
        from (select from notices where dead_at is not null order by dead_at limit $1) dead))sql";
  const Rows rows = session.run(sql, limit);
  const auto count = [&](int column) { return static_cast<std::size_t>(rows.get<std::int64_t>(0, column)); };
  return {std::min(count(0) + count(1), limit), count(2)};
}

std::size_t expire_notices(Session& session, Time before, std::size_t limit) {
  static const std::string sql = R"sql(
    delete from notices
    where id = any (array(
      select id
      from notices
      where dead_at < $1
      order by dead_at
      limit $2
      for update skip locked)))sql";
  return session.run(sql, before, limit).changed();
}

std::vector<Channel> PostgresChannels::list(OrganizationId organization) {
  static const std::string sql = "select " + channel_columns + R"sql(
    from channels
    where organization_id = $1
    order by name collate "C")sql";
  const Rows rows = pool_.read([&](Session& session) { return session.run(sql, organization); });
  std::vector<Channel> out;
  for (std::size_t at = 0; at < rows.size(); ++at) {
    RowReader row(rows, at);
    out.push_back(channel_from(row));
  }
  return out;
}

std::optional<Channel> PostgresChannels::find(OrganizationId organization, ChannelId id) {
  static const std::string sql = "select " + channel_columns + R"sql(
    from channels
    where id = $1
      and organization_id = $2)sql";
  const Rows rows = pool_.read([&](Session& session) { return session.run(sql, id, organization); });
  if (rows.empty()) return std::nullopt;
  RowReader row(rows, 0);
  return channel_from(row);
}

ChannelWriteOutcome PostgresChannels::create(const ChannelWrite& write, const Channel& channel) {
  return pool_.write([&](Session& session) { return create_channel(session, write, channel); });
}

ChannelWriteOutcome PostgresChannels::update(const ChannelWrite& write, const Channel& channel, Time version) {
  return pool_.write([&](Session& session) { return update_channel(session, write, channel, version); });
}

ChannelWriteOutcome PostgresChannels::remove(const ChannelWrite& write, ChannelId id) {
  return pool_.write([&](Session& session) { return remove_channel(session, write, id); });
}

Page<NoticeRecord> PostgresChannels::list_notices(const NoticeQuery& query) {
  return page_pool_.read([&](Session& session) { return postgres::list_notices(session, query); });
}

ChannelWriteOutcome PostgresChannels::revive(const ChannelWrite& write, ChannelId id,
                                             const std::function<StoredReply(std::size_t)>& reply) {
  return pool_.write([&](Session& session) {
    if (auto earlier = replayed<ChannelWriteOutcome>(session, write)) return *std::move(earlier);
    if (!lock_channel(session, write.organization_id, id)) return refused(session, write, WriteResult::not_found);
    const std::size_t count = revive_notices(session, id, write.now);
    const StoredReply made = reply(count);
    if (count > 0) write_audit(session, write.audit);
    if (write.idempotency) replace_reply(session, write.organization_id, write.idempotency->key, made);
    return ChannelWriteOutcome{};
  });
}

NoticeClaims PostgresChannels::claim(const NoticeRequest& request) {
  return SessionPool::collision_free(
      [&] { return pool_.use([&](Session& session) { return claim_notices(session, request); }); });
}

void PostgresChannels::settle(std::span<const NoticeResult> results) {
  if (results.empty()) return;
  SessionPool::collision_free([&] {
    return pool_.use([&](Session& session) {
      settle_notices(session, results);
      return true;
    });
  });
}

void PostgresChannels::release(std::span<const NoticeClaim> claims) {
  if (claims.empty()) return;
  SessionPool::collision_free([&] {
    return pool_.use([&](Session& session) {
      release_notices(session, claims);
      return true;
    });
  });
}

std::vector<NoticeClaim> PostgresChannels::held(NodeId node) {
  static const std::string sql = R"sql(
    select id, claim_token
    from notices
    where node_id = $1
      and claim_token is not null)sql";
  const Rows rows = pool_.read([&](Session& session) { return session.run(sql, node); });
  std::vector<NoticeClaim> out;
  for (std::size_t at = 0; at < rows.size(); ++at) {
    out.push_back({rows.get<NoticeId>(at, 0), rows.get<ClaimToken>(at, 1)});
  }
  return out;
}

Channels::Sizes PostgresChannels::sizes(std::size_t limit) {
  return pool_.read([&](Session& session) { return count_notices(session, limit); });
}

std::vector<std::string> PostgresChannels::waiting_plugins() {
  return pool_.read([](Session& session) { return postgres::waiting_plugins(session); });
}

std::size_t PostgresChannels::give_up(const std::string& plugin, Time now, seconds patience, const std::string& error,
                                      std::size_t limit) {
  return pool_.write([&](Session& session) { return give_up_notices(session, plugin, now, patience, error, limit); });
}

std::size_t PostgresChannels::expire(Time before, std::size_t limit) {
  return upkeep_pool_.write([&](Session& session) { return expire_notices(session, before, limit); });
}

std::vector<StalledQueue> PostgresChannels::note_stalled_queues(Time now, seconds patience) {
  std::vector<StalledQueue> out;
  for (;;) {
    const auto stalled =
        page_pool_.read([&](Session& session) { return find_stalled(session, now - patience, stalled_a_step); });
    if (stalled.empty()) return out;
    const auto noted = pool_.write([&](Session& session) { return note_stalled(session, stalled, now); });
    out.insert(out.end(), noted.begin(), noted.end());
    if (noted.empty() || stalled.size() < stalled_a_step) return out;
  }
}

}  // namespace punctual::postgres
