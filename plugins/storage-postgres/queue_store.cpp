#include "queue_store.hpp"

#include <algorithm>
#include <map>
#include <numeric>

#include "audit_log.hpp"
#include "hot_path.hpp"
#include "replies.hpp"
#include "sql_errors.hpp"

namespace punctual::postgres {
namespace {

void read_settings(RowReader& row, Queue& queue) {
  row.read(queue.paused);
  queue.concurrency = row.next<std::int32_t>();
  queue.rate = stored_queue_rate(row.next<std::optional<std::string>>());
}

void count_live(Session& session, OrganizationId organization, Queue& queue) {
  static const std::string sql = R"sql(
    select count(*) filter (where status = 'pending'), count(*) filter (where status = 'running')
    from executions_keep
    where organization_id = $1
      and queue = $2
      and status in ('pending', 'running'))sql";
  const Rows counts = session.run(sql, organization, queue.name);
  queue.pending = counts.get<std::int64_t>(0, 0);
  queue.running = counts.get<std::int64_t>(0, 1);
}

void set_paused(Session& session, const TaskWrite& write, std::string_view name) {
  // The line is locked in any case.
  static const std::string sql = R"sql(
    insert into queues as line (organization_id, name, paused)
    values ($1, $2, true)
    on conflict (organization_id, name) do update
    set paused = true
    where not line.paused)sql";
  if (session.run(sql, write.organization_id, name).changed() > 0) write_audit(session, write.audit);
}

// What is set for a line, locked until the end of the transaction; nullopt: nothing is. There is such a line from now on.
std::optional<Queue> lock_settings(Session& session, const TaskWrite& write, std::string_view name) {
  static const std::string make = R"sql(
    insert into queues (organization_id, name)
    values ($1, $2)
    on conflict do nothing)sql";
  static const std::string lock = R"sql(
    select paused, concurrency, rate, configured
    from queues
    where organization_id = $1
      and name = $2
    for update)sql";
  (void)session.run(make, write.organization_id, name);
  const Rows rows = session.run(lock, write.organization_id, name);
  if (rows.empty()) throw Collision("a line was removed while it was being set");
  RowReader row(rows, 0);
  Queue queue;
  queue.name = name;
  read_settings(row, queue);
  return row.next<bool>() ? std::optional(std::move(queue)) : std::nullopt;
}

Queue set_concurrency_and_rate(Session& session, const TaskWrite& write, std::string_view name,
                               const QueueChange& change) {
  // Settings count from now on, so the line is worth a look.
  static const std::string sql = R"sql(
    insert into queues as line (organization_id, name, configured, concurrency, rate, rate_at_once, rate_every, ready_at)
    values ($1, $2, true, coalesce($3, 1), $5, $6, $7 * interval '1 microsecond', $8)
    on conflict (organization_id, name) do update
    set configured = true,
      concurrency = coalesce($3, line.concurrency),
      rate = case when $4 then excluded.rate else line.rate end,
      rate_at_once = case when $4 then excluded.rate_at_once else line.rate_at_once end,
      rate_every = case when $4 then excluded.rate_every else line.rate_every end,
      next_at = case when $4 then line.next_at - line.rate_every + excluded.rate_every else line.next_at end,
      ready_at = least(line.ready_at, excluded.ready_at)
    returning paused, concurrency, rate)sql";
  Parameters parameters(write.organization_id, name, change.concurrency, change.changes_rate);
  if (change.rate) {
    const QueuePace pace(*change.rate);
    parameters.add(text_of(*change.rate));
    parameters.add(std::int32_t{pace.at_once});
    parameters.add(std::int64_t{pace.every.count()});
  } else {
    parameters.add(std::optional<std::string>());
    parameters.add(std::optional<std::int32_t>());
    parameters.add(std::optional<std::int64_t>());
  }
  parameters.add(write.now);
  const Rows rows = session.run(sql, parameters);
  Queue queue;
  queue.name = name;
  RowReader row(rows, 0);
  read_settings(row, queue);
  return queue;
}

}  // namespace

std::vector<Queue> list_queues(Session& session, OrganizationId organization) {
  static const std::string settings_sql = R"sql(
    select name, paused, concurrency, rate
    from queues
    where organization_id = $1
      and (configured or paused))sql";
  static const std::string live_sql = R"sql(
    select queue, count(*) filter (where status = 'pending'), count(*) filter (where status = 'running')
    from executions_keep
    where organization_id = $1
      and queue is not null
      and status in ('pending', 'running')
    group by queue)sql";
  std::map<std::string, Queue> found;
  const Rows settings = session.run(settings_sql, organization);
  for (std::size_t at = 0; at < settings.size(); ++at) {
    RowReader row(settings, at);
    read_settings(row, found[row.next<std::string>()]);
  }
  const Rows live = session.run(live_sql, organization);
  for (std::size_t at = 0; at < live.size(); ++at) {
    RowReader row(live, at);
    Queue& queue = found[row.next<std::string>()];
    row.read(queue.pending);
    row.read(queue.running);
  }
  std::vector<Queue> out;
  out.reserve(found.size());
  for (auto& [name, queue] : found) {
    queue.name = name;
    out.push_back(std::move(queue));
  }
  return out;
}

std::optional<Queue> find_queue(Session& session, OrganizationId organization, std::string_view name) {
  static const std::string sql = R"sql(
    select paused, concurrency, rate
    from queues
    where organization_id = $1
      and name = $2
      and (configured or paused))sql";
  Queue queue;
  queue.name = name;
  const Rows settings = session.run(sql, organization, name);
  if (!settings.empty()) {
    RowReader row(settings, 0);
    read_settings(row, queue);
  }
  count_live(session, organization, queue);
  if (settings.empty() && queue.pending + queue.running == 0) return std::nullopt;
  return queue;
}

PauseOutcome end_unsent_claims(Session& session, const TaskWrite& write, std::string_view name) {
  static const std::string sql = R"sql(
    select id, task_id, claim_token, node_id, started_at is not null
    from executions_keep
    where organization_id = $1
      and queue = $2
      and claim_token is not null
      and status in ('pending', 'running'))sql";
  PauseOutcome out;
  const Rows claims = session.run(sql, write.organization_id, name);
  for (std::size_t at = 0; at < claims.size(); ++at) {
    RowReader row(claims, at);
    const auto id = row.next<ExecutionId>();
    const auto task = row.next<TaskId>();
    const ClaimRef claim{id, row.next<ClaimToken>()};
    if (row.next<NodeId>() != write.node) {
      if (!row.next<bool>()) out.asked.push_back(task);
    } else if (std::find(write.sending.begin(), write.sending.end(), id) == write.sending.end()) {
      out.write.revoked.push_back(claim);
    }
  }
  if (!out.asked.empty()) {
    out.write = refused(session, write, WriteResult::held_elsewhere);
  } else if (!out.write.revoked.empty()) {
    release_claims(session, out.write.revoked);
  }
  return out;
}

std::size_t remove_idle_lines(Session& session, Time now, std::size_t limit) {
  // Locked first: what is stored in them from then on waits, and what was before is seen by the next statement.
  static const std::string lock = R"sql(
    select organization_id, name
    from queues line
    where not configured
      and not paused
      and ready_at is null
      and coalesce(tail, 'epoch') < $1
      and not exists (
        select
        from executions_keep waits
        where waits.organization_id = line.organization_id
          and waits.queue = line.name
          and waits.status in ('pending', 'running'))
    limit $2
    for update skip locked)sql";
  static const std::string remove = R"sql(
    delete from queues line
    using unnest($1::uuid[], $2::text[]) as idle (organization_id, name)
    where line.organization_id = idle.organization_id
      and line.name = idle.name
      and not exists (
        select
        from executions_keep waits
        where waits.organization_id = line.organization_id
          and waits.queue = line.name
          and waits.status in ('pending', 'running')))sql";
  const Rows idle = session.run(lock, Time{now - std::chrono::days{1}}, limit);
  std::vector<std::size_t> rows(idle.size());
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  if (rows.empty()) return 0;
  Parameters parameters;
  parameters.add_each(rows, [&](std::size_t row) { return idle.get<OrganizationId>(row, 0); });
  parameters.add_each(rows, [&](std::size_t row) { return idle.bytes(row, 1); });
  return session.run(remove, parameters).changed();
}

std::vector<Queue> PostgresQueueStore::list(OrganizationId organization) {
  return page_pool_.read([&](Session& session) { return list_queues(session, organization); });
}

std::optional<Queue> PostgresQueueStore::find(OrganizationId organization, std::string_view name) {
  return page_pool_.read([&](Session& session) { return find_queue(session, organization, name); });
}

TaskWriteOutcome PostgresQueueStore::change(const TaskWrite& write, std::string_view name, const QueueChange& change,
                                            const QueueReply& reply) {
  return pool_.write([&](Session& session) {
    if (auto earlier = replayed(session, write)) return *std::move(earlier);
    const auto before = lock_settings(session, write, name);
    Queue queue = set_concurrency_and_rate(session, write, name, change);
    count_live(session, write.organization_id, queue);
    const StoredReply made = reply(before.value_or(Queue{}), queue);
    if (!before || before->concurrency != queue.concurrency || before->rate != queue.rate) {
      write_audit(session, write.audit);
    }
    if (write.idempotency) replace_reply(session, write.organization_id, write.idempotency->key, made);
    return TaskWriteOutcome{};
  });
}

TaskWriteOutcome PostgresQueueStore::forget(const TaskWrite& write, std::string_view name,
                                            const std::function<void(const Queue&)>& forgetting) {
  static const std::string sql = R"sql(
    with before as (
      select organization_id, name, paused, concurrency, rate
      from queues
      where organization_id = $1
        and name = $2
        and (configured or paused)
      for update
    )
    update queues
    set configured = false, paused = false, concurrency = 1, rate = null, rate_at_once = null, rate_every = null,
      next_at = null, ready_at = least(ready_at, $3)
    from before
    where queues.organization_id = before.organization_id
      and queues.name = before.name
    returning before.paused, before.concurrency, before.rate)sql";
  return pool_.write([&](Session& session) {
    if (auto earlier = replayed(session, write)) return *std::move(earlier);
    const Rows forgotten = session.run(sql, write.organization_id, name, write.now);
    if (forgotten.empty()) {
      if (!find_queue(session, write.organization_id, name)) return refused(session, write, WriteResult::not_found);
      return TaskWriteOutcome{};
    }
    RowReader row(forgotten, 0);
    Queue before;
    before.name = name;
    read_settings(row, before);
    if (forgetting) forgetting(before);
    write_audit(session, write.audit);
    return TaskWriteOutcome{};
  });
}

PauseOutcome PostgresQueueStore::pause(const TaskWrite& write, std::string_view name) {
  // Waits for a claim of the line that is under way. The key is taken so that a repetition of a request that has been
  // answered meanwhile does not pause again.
  const auto earlier = pool_.write([&](Session& session) {
    auto used = replayed(session, write);
    if (used) return used;
    set_paused(session, write, name);
    (void)refused(session, write, WriteResult::held_elsewhere);
    return used;
  });
  if (earlier) return {*earlier, {}};
  return pool_.write([&](Session& session) {
    if (auto used = replayed(session, write)) return PauseOutcome{*std::move(used), {}};
    return end_unsent_claims(session, write, name);
  });
}

TaskWriteOutcome PostgresQueueStore::resume(const TaskWrite& write, std::string_view name) {
  static const std::string sql = R"sql(
    update queues
    set paused = false, ready_at = least(ready_at, $3)
    where organization_id = $1
      and name = $2
      and paused)sql";
  return pool_.write([&](Session& session) {
    if (auto earlier = replayed(session, write)) return *std::move(earlier);
    if (session.run(sql, write.organization_id, name, write.now).changed() > 0) write_audit(session, write.audit);
    return TaskWriteOutcome{};
  });
}

}  // namespace punctual::postgres
