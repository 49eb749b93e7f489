#include "stalled_queues.hpp"

#include <optional>
#include <set>
#include <string>

#include "lines.hpp"
#include "notices.hpp"

namespace punctual::sqlite {
namespace {

std::set<OrganizationId> organizations_that_want(Connection& connection) {
  Query rows(connection, R"sql(
    select organization_id
    from channels
    where enabled = 1
      and events & ?1 <> 0)sql",
             NoticeEvents::bit(NoticeEvent::queue_stalled));
  std::set<OrganizationId> out;
  while (rows.next()) out.insert(rows.get<OrganizationId>(0));
  return out;
}

// The first line behind this one with something in it.
std::optional<std::string> next_line(Connection& connection, OrganizationId organization, const std::string& after) {
  // Else the index of all that ever was in a queue would do, and what has ended would be walked over.
  Query row(connection, R"sql(
    select queue
    from executions indexed by executions_in_line
    where organization_id = ?1
      and queue > ?2
      and finished_at is null
    order by queue
    limit 1)sql",
            organization, after);
  return row.next() ? std::optional(row.get<std::string>(0)) : std::nullopt;
}

bool has_running(Connection& connection, OrganizationId organization, const std::string& queue) {
  return Query(connection, R"sql(
    select 1
    from executions
    where organization_id = ?1
      and queue = ?2
      and status = 'running'
      and finished_at is null)sql",
               organization, queue)
      .next();
}

// The run at the head of a line, where nothing of the line runs, and since when it has been due; nullopt: nothing has been tried
// of it yet, and it is not held.
std::optional<StalledLine> stuck_head(Connection& connection, OrganizationId organization, const std::string& queue) {
  Query row(connection, R"sql(
    select head.run_id, coalesce(first.scheduled_for, head.scheduled_for)
    from (
      select run_id, scheduled_for, holds, held_host
      from executions
      where organization_id = ?1
        and queue = ?2
        and status = 'pending'
        and finished_at is null
      order by holds desc, scheduled_for, id
      limit 1) head
    left join executions first on first.id = head.run_id
    where head.holds = 1
      or head.held_host is not null)sql",
            organization, queue);
  if (!row.next()) return std::nullopt;
  return StalledLine{{organization, queue, row.get<Time>(1)}, row.get<ExecutionId>(0)};
}

bool is_told(Connection& connection, const StalledLine& line) {
  return Query(connection, R"sql(
    select 1
    from stalled_lines
    where organization_id = ?1
      and queue = ?2
      and run_id = ?3)sql",
               line.queue.organization_id, line.queue.name, line.run_id)
      .next();
}

void remember(Connection& connection, const StalledLine& line) {
  Query(connection, R"sql(
    insert into stalled_lines (organization_id, queue, run_id)
    values (?1, ?2, ?3)
    on conflict (organization_id, queue) do update
    set run_id = excluded.run_id)sql",
        line.queue.organization_id, line.queue.name, line.run_id)
      .run();
}

void forget_empty_lines(Connection& connection) {
  Query(connection, R"sql(
    delete from stalled_lines
    where not exists (
      select 1
      from executions
      where executions.organization_id = stalled_lines.organization_id
        and executions.queue = stalled_lines.queue
        and status in ('pending', 'running')
        and finished_at is null))sql")
      .run();
}

}  // namespace

std::vector<StalledLine> find_stalled(Connection& connection, Time before) {
  std::vector<StalledLine> out;
  for (const OrganizationId organization : organizations_that_want(connection)) {
    auto queue = next_line(connection, organization, "");
    for (; queue; queue = next_line(connection, organization, *queue)) {
      if (find_line_settings(connection, organization, *queue).value_or(LineSettings{}).paused) continue;
      if (has_running(connection, organization, *queue)) continue;
      const auto head = stuck_head(connection, organization, *queue);
      if (head && head->queue.since < before && !is_told(connection, *head)) out.push_back(*head);
    }
  }
  return out;
}

std::vector<StalledQueue> note_stalled(Connection& connection, Time before, Time now) {
  forget_empty_lines(connection);
  std::vector<StalledQueue> out;
  for (const StalledLine& line : find_stalled(connection, before)) {
    remember(connection, line);
    store_notices(
        connection,
        {line.queue.organization_id, NoticeEvent::queue_stalled, now, line.queue.since, line.queue.name, {}, {}, {}});
    out.push_back(line.queue);
  }
  return out;
}

}  // namespace punctual::sqlite
