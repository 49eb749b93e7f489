#include "stalled_queues.hpp"

#include <set>

#include "notices.hpp"

namespace punctual::postgres {

std::vector<StalledLine> find_stalled(Session& session, Time before, std::size_t limit) {
  // From one line to the next in the index of what waits and runs, whose order is that of a claim: the first of each. With one
  // that runs it does not stand still.
  static const std::string sql = R"sql(
    with recursive line as (
      select wanting.organization_id, head.*
      from (
        select distinct organization_id
        from channels
        where enabled
          and events & $3 <> 0) wanting
      cross join lateral (
        select queue, run_id, scheduled_for, status, holds or held_host is not null as is_stuck
        from executions_keep
        where executions_keep.organization_id = wanting.organization_id
          and queue is not null
          and status in ('pending', 'running')
        order by queue, claim_token, holds desc, line_at, line_seq
        limit 1) head
      union all
      select line.organization_id, head.*
      from line
      cross join lateral (
        select queue, run_id, scheduled_for, status, holds or held_host is not null as is_stuck
        from executions_keep
        where executions_keep.organization_id = line.organization_id
          and executions_keep.queue > line.queue
          and queue is not null
          and status in ('pending', 'running')
        order by queue, claim_token, holds desc, line_at, line_seq
        limit 1) head
    )
    select line.organization_id, line.queue, coalesce(first.scheduled_for, line.scheduled_for), line.run_id
    from (select * from line where status = 'pending' and is_stuck) line
    left join lateral (select scheduled_for from executions where executions.id = line.run_id limit 1) first on true
    where coalesce(first.scheduled_for, line.scheduled_for) < $1
      and not exists (
        select
        from queues
        where queues.organization_id = line.organization_id
          and queues.name = line.queue
          and (queues.paused or queues.stalled_run = line.run_id))
    order by line.organization_id, line.queue
    limit $2)sql";
  const Rows rows =
      session.run(sql, before, limit, static_cast<std::int32_t>(NoticeEvents::bit(NoticeEvent::queue_stalled)));
  std::vector<StalledLine> out(rows.size());
  for (std::size_t at = 0; at < rows.size(); ++at) {
    RowReader row(rows, at);
    row.read(out[at].queue.organization_id);
    row.read(out[at].queue.name);
    row.read(out[at].queue.since);
    row.read(out[at].run_id);
  }
  return out;
}

std::vector<StalledQueue> note_stalled(Session& session, std::span<const StalledLine> lines, Time now) {
  static const std::string sql = R"sql(
    update queues
    set stalled_run = stalled.run_id
    from (
      select *
      from unnest($1::uuid[], $2::text[], $3::uuid[]) as named (organization_id, name, run_id)
      order by organization_id, name) stalled
    where queues.organization_id = stalled.organization_id
      and queues.name = stalled.name
      and not queues.paused
      and queues.stalled_run is distinct from stalled.run_id
    returning queues.organization_id, queues.name)sql";
  Parameters parameters;
  parameters.add_each(lines, [](const StalledLine& one) { return one.queue.organization_id; });
  parameters.add_each(lines, [](const StalledLine& one) { return std::string_view(one.queue.name); });
  parameters.add_each(lines, [](const StalledLine& one) { return one.run_id; });
  const Rows rows = session.run(sql, parameters);
  std::set<std::pair<OrganizationId, std::string>> marked;
  for (std::size_t at = 0; at < rows.size(); ++at) {
    marked.emplace(rows.get<OrganizationId>(at, 0), rows.get<std::string>(at, 1));
  }
  std::vector<StalledQueue> out;
  std::vector<NewNotice> told;
  for (const StalledLine& line : lines) {
    if (!marked.contains({line.queue.organization_id, line.queue.name})) continue;
    out.push_back(line.queue);
    told.push_back({line.queue.organization_id, NoticeEvent::queue_stalled, now, line.queue.since, line.queue.name});
  }
  store_notices(session, told);
  return out;
}

}  // namespace punctual::postgres
