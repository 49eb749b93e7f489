#include "notices.hpp"

#include <sqlite3.h>

#include <vector>

namespace punctual::sqlite {
namespace {

// In the order of `at`, to the microsecond: version 7 with the fraction of the millisecond in rand_a (RFC 9562, section 6.2,
// method 3).
NoticeId new_notice_id(Time at) {
  const auto microseconds = static_cast<std::uint64_t>(at.time_since_epoch().count());
  const std::uint64_t milliseconds = microseconds / 1000;
  const std::uint64_t fraction = microseconds % 1000;
  NoticeId id;
  auto& bytes = id.value.bytes;
  sqlite3_randomness(static_cast<int>(bytes.size()), bytes.data());
  for (std::size_t i = 0; i < 6; ++i) bytes[i] = static_cast<std::uint8_t>(milliseconds >> (40 - 8 * i));
  bytes[6] = static_cast<std::uint8_t>(0x70 | fraction >> 8);
  bytes[7] = static_cast<std::uint8_t>(fraction);
  bytes[8] = static_cast<std::uint8_t>(0x80 | (bytes[8] & 0x3f));
  return id;
}

std::vector<ChannelId> channels_that_want(Connection& connection, OrganizationId organization, NoticeEvent event) {
  Query rows(connection, R"sql(
    select id
    from channels
    where organization_id = ?1
      and enabled = 1
      and events & ?2 <> 0)sql",
             organization, NoticeEvents::bit(event));
  std::vector<ChannelId> out;
  while (rows.next()) out.push_back(rows.get<ChannelId>(0));
  return out;
}

void store_for(Connection& connection, const std::vector<ChannelId>& channels, const NewNotice& notice) {
  for (const ChannelId channel : channels) {
    Query(connection, R"sql(
      insert into notices (id, channel_id, event, occurred_at, since, subject, detail, task_id, execution_id, next_at)
      values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?4))sql",
          new_notice_id(notice.occurred_at), channel, notice.event, notice.occurred_at, notice.since, notice.subject,
          notice.detail, notice.task_id, notice.execution_id)
        .run();
  }
}

bool is_to_be_told(Connection& connection, NoticeEvent turn, const TurningRun& run) {
  Query row(connection, R"sql(
    select iif(?3 = 'task.failed', coalesce(tasks.notify_on_failure, organizations.notify_on_failure),
      coalesce(tasks.notify_on_recovery, organizations.notify_on_recovery))
    from organizations
    left join tasks on tasks.id = ?2
    where organizations.id = ?1)sql",
            run.organization_id, run.task_id, turn);
  return row.next() && row.get<bool>(0);
}

std::optional<Time> began_at(Connection& connection, ExecutionId run) {
  Query row(connection, R"sql(
    select scheduled_for
    from executions
    where id = ?1)sql",
            run);
  return row.next() ? std::optional(row.get<Time>(0)) : std::nullopt;
}

}  // namespace

void store_notices(Connection& connection, const NewNotice& notice) {
  store_for(connection, channels_that_want(connection, notice.organization_id, notice.event), notice);
}

void store_turn_notices(Connection& connection, NoticeEvent turn, const TurningRun& run) {
  const auto channels = channels_that_want(connection, run.organization_id, turn);
  if (channels.empty() || !is_to_be_told(connection, turn, run)) return;
  const auto since = turn == NoticeEvent::task_failed ? began_at(connection, run.run_id) : run.failing_before;
  store_for(connection, channels,
            {run.organization_id, turn, run.ended_at, since, {}, {}, run.task_id, run.execution_id});
}

void store_disabled_notices(Connection& connection, const AuditEntry& audit, TaskId task,
                            const std::optional<ExecutionId>& execution) {
  store_notices(connection,
                {audit.organization_id, NoticeEvent::task_disabled, audit.at, {}, {}, audit.detail, task, execution});
}

}  // namespace punctual::sqlite
