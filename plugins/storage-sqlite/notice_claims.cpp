#include "notice_claims.hpp"

#include <algorithm>
#include <set>
#include <tuple>

#include "channel_rows.hpp"
#include "execution_pages.hpp"
#include "rows.hpp"

namespace punctual::sqlite {
namespace {

// An enabled channel for which something waits, and of which nothing is claimed.
struct WaitingChannel {
  Channel channel;
  std::optional<Time> window_at;
  std::size_t window_used = 0;
  Time earliest;  // of what waits

  [[nodiscard]] bool window_is_open(Time now) const { return window_at && now < *window_at + notice_throttle::window; }
  // When something may be claimed.
  [[nodiscard]] Time ready_at(Time now) const {
    if (!window_is_open(now) || window_used < notice_throttle::most_in_a_window) return earliest;
    return std::max(earliest, *window_at + notice_throttle::window);
  }
};

// Goes from one channel to the next without a look at how much waits for each.
const std::string with_waiting = R"sql(
    with recursive waiting (channel_id) as (
      select min(channel_id)
      from notices
      where claim_token is null
        and dead_at is null
      union all
      select (
        select min(notices.channel_id)
        from notices
        where claim_token is null
          and dead_at is null
          and notices.channel_id > waiting.channel_id)
      from waiting
      where channel_id is not null))sql";

// In the order of their turns.
std::vector<WaitingChannel> waiting_channels(Connection& connection, const NoticeRequest& request) {
  static const std::string sql = with_waiting + R"sql(
    select )sql" + channel_columns +
                                 R"sql(, window_at, window_used, (
        select min(next_at)
        from notices
        where notices.channel_id = channels.id
          and claim_token is null
          and dead_at is null)
    from waiting
    join channels on channels.id = waiting.channel_id
    where enabled = 1
      and not exists (
        select 1
        from notices
        where notices.channel_id = channels.id
          and claim_token is not null))sql";
  const auto contains = [](const auto& list, const auto& one) {
    return std::find(list.begin(), list.end(), one) != list.end();
  };
  std::vector<WaitingChannel> out;
  Query rows(connection, sql);
  while (rows.next()) {
    WaitingChannel one{channel_from(rows), rows.get<std::optional<Time>>(channel_column_count),
                       rows.get<std::size_t>(channel_column_count + 1), rows.get<Time>(channel_column_count + 2)};
    const bool is_asked_for =
        contains(request.plugins, one.channel.plugin) && !contains(request.passed_over, one.channel.id);
    if (is_asked_for) out.push_back(std::move(one));
  }
  std::sort(out.begin(), out.end(), [](const WaitingChannel& a, const WaitingChannel& b) {
    return std::tie(a.earliest, a.channel.id) < std::tie(b.earliest, b.channel.id);
  });
  return out;
}

std::vector<NoticeId> ids_from(Query& rows) {
  std::vector<NoticeId> out;
  while (rows.next()) out.push_back(rows.get<NoticeId>(0));
  return out;
}

std::vector<NoticeId> first_due(Connection& connection, ChannelId channel, Time now, int most) {
  Query rows(connection, R"sql(
    select id
    from notices
    where channel_id = ?1
      and claim_token is null
      and dead_at is null
      and next_at <= ?2
    order by next_at, id
    limit ?3)sql",
             channel, now, most);
  return ids_from(rows);
}

std::vector<NoticeId> for_summary(Connection& connection, ChannelId channel, Time now) {
  Query rows(connection, R"sql(
    select id
    from notices
    where channel_id = ?1
      and (dead_at is not null) = 0
      and claim_token is null
      and next_at <= ?2
    order by id
    limit ?3)sql",
             channel, now, notice_throttle::most_in_a_summary);
  return ids_from(rows);
}

void note_given(Connection& connection, const WaitingChannel& waiting, Time window_at, std::size_t used) {
  Query(connection, R"sql(
    update channels
    set window_at = ?2, window_used = ?3
    where id = ?1)sql",
        waiting.channel.id, window_at, used)
      .run();
}

// What is given of a channel that is ready.
std::vector<NoticeId> choose(Connection& connection, const WaitingChannel& waiting, Time now) {
  const ChannelId channel = waiting.channel.id;
  if (waiting.window_is_open(now)) {
    note_given(connection, waiting, *waiting.window_at, waiting.window_used + 1);
    return first_due(connection, channel, now, 1);
  }
  constexpr std::size_t most = notice_throttle::most_in_a_window;
  auto due = first_due(connection, channel, now, notice_throttle::most_in_a_window + 1);
  const bool are_too_many = due.size() > most;
  note_given(connection, waiting, now, are_too_many ? most : 1);
  if (are_too_many) return for_summary(connection, channel, now);
  due.resize(1);
  return due;
}

// False: the notice is not there any more.
bool read_notice(Connection& connection, OrganizationId organization, Notice& notice) {
  std::optional<ExecutionId> execution;
  {
    Query row(connection, R"sql(
      select notices.event, notices.occurred_at, notices.since, notices.subject, notices.detail, notices.task_id,
        coalesce(tasks.name, ''), coalesce(tasks.url, ''), tasks.method, notices.attempts, notices.execution_id
      from notices
      left join tasks on tasks.id = notices.task_id
      where notices.id = ?1)sql",
              notice.id);
    if (!row.next()) return false;
    int column = 0;
    const auto read = [&]<class T>(T& value) { value = row.get<T>(column++); };
    read(notice.event);
    read(notice.occurred_at);
    read(notice.since);
    read(notice.subject);
    read(notice.detail);
    read(notice.task_id);
    read(notice.task_name);
    read(notice.task_url);
    read(notice.task_method);
    read(notice.attempts);
    read(execution);
  }
  if (!execution) return true;
  // One byte more shows where the last character ends.
  notice.execution = find_execution(connection, organization, *execution, notice_body::most_bytes + 1);
  if (notice.execution && notice.execution->response_body) notice_body::cut(*notice.execution->response_body);
  return true;
}

void mark_claimed(Connection& connection, const NoticeRequest& request, NoticeId id) {
  Query(connection, R"sql(
    update notices
    set node_id = ?2, claim_token = ?3
    where id = ?1)sql",
        id, request.node, request.token)
      .run();
}

std::string name_of_organization(Connection& connection, OrganizationId organization) {
  Query row(connection, R"sql(
    select name
    from organizations
    where id = ?1)sql",
            organization);
  if (!row.next()) throw Corrupt("a channel of an organisation that is not there");
  return row.get<std::string>(0);
}

ClaimedNotices claim_of(Connection& connection, const NoticeRequest& request, const WaitingChannel& waiting) {
  ClaimedNotices claimed;
  claimed.channel = waiting.channel;
  const OrganizationId organization = waiting.channel.organization_id;
  claimed.organization_name = name_of_organization(connection, organization);
  for (const NoticeId id : choose(connection, waiting, request.now)) {
    mark_claimed(connection, request, id);
    Notice& notice = claimed.notices.emplace_back();
    notice.id = id;
    notice.token = request.token;
  }
  return claimed;
}

}  // namespace

NoticeClaims claim_notices(Connection& connection, const NoticeRequest& request) {
  NoticeClaims result;
  for (const WaitingChannel& waiting : waiting_channels(connection, request)) {
    const Time ready_at = waiting.ready_at(request.now);
    if (ready_at <= request.now && result.claimed.size() < request.limit) {
      result.claimed.push_back(claim_of(connection, request, waiting));
    } else {
      result.next_due = std::min(result.next_due.value_or(ready_at), ready_at);
    }
  }
  return result;
}

void read_claimed_notices(Connection& connection, NoticeClaims& claims) {
  for (ClaimedNotices& one : claims.claimed) {
    std::erase_if(one.notices,
                  [&](Notice& notice) { return !read_notice(connection, one.channel.organization_id, notice); });
  }
  std::erase_if(claims.claimed, [](const ClaimedNotices& one) { return one.notices.empty(); });
}

void settle_notice(Connection& connection, const NoticeResult& result) {
  switch (result.kind) {
    case NoticeResult::Kind::delivered:
      Query(connection, R"sql(
        delete from notices
        where id = ?1
          and claim_token = ?2)sql",
            result.claim.id, result.claim.token)
          .run();
      return;
    case NoticeResult::Kind::retry:
      Query(connection, R"sql(
        update notices
        set node_id = null, claim_token = null, attempts = attempts + 1, next_at = ?3, last_error = ?4
        where id = ?1
          and claim_token = ?2)sql",
            result.claim.id, result.claim.token, result.at, result.error)
          .run();
      return;
    case NoticeResult::Kind::dead:
      Query(connection, R"sql(
        update notices
        set node_id = null, claim_token = null, attempts = attempts + 1, next_at = null, dead_at = ?3, last_error = ?4
        where id = ?1
          and claim_token = ?2)sql",
            result.claim.id, result.claim.token, result.at, result.error)
          .run();
      return;
  }
}

void release_notice(Connection& connection, const NoticeClaim& claim) {
  Query(connection, R"sql(
    update notices
    set node_id = null, claim_token = null
    where id = ?1
      and claim_token = ?2)sql",
        claim.id, claim.token)
      .run();
}

std::vector<std::string> waiting_plugins(Connection& connection) {
  static const std::string sql = with_waiting + R"sql(
    select plugin
    from waiting
    cross join channels
    where channels.id = waiting.channel_id
      and enabled = 1)sql";
  std::set<std::string> out;
  Query rows(connection, sql);
  while (rows.next()) out.insert(rows.get<std::string>(0));
  return {out.begin(), out.end()};
}

std::size_t give_up_notices(Connection& connection, const std::string& plugin, Time now, seconds patience,
                            const std::string& error, std::size_t limit) {
  static const std::string sql = R"sql(
    update notices
    set next_at = null, dead_at = ?2, last_error = ?4
    where id in ()sql" + with_waiting +
                                 R"sql(
      select overdue.id
      from waiting
      cross join channels
      cross join notices overdue
      where channels.id = waiting.channel_id
        and channels.enabled = 1
        and channels.plugin = ?1
        and overdue.channel_id = channels.id
        and overdue.claim_token is null
        and overdue.dead_at is null
        and overdue.next_at < ?3
      limit ?5))sql";
  return Query(connection, sql, plugin, now, now - patience, error, limit).run();
}

std::size_t release_all_notices(Connection& connection) {
  // Every id is greater, and said so the index is used.
  return Query(connection, R"sql(
    update notices
    set node_id = null, claim_token = null
    where claim_token is not null
      and node_id > x'')sql")
      .run();
}

}  // namespace punctual::sqlite
