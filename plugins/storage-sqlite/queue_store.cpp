#include "queue_store.hpp"

#include <algorithm>
#include <map>

#include "audit_log.hpp"
#include "executions.hpp"
#include "replies.hpp"

namespace punctual::sqlite {
namespace {

Queue as_set(std::string_view name, const LineSettings& settings) {
  Queue queue;
  queue.name = name;
  queue.paused = settings.paused;
  queue.concurrency = settings.concurrency;
  queue.rate = settings.rate;
  return queue;
}

void count(Queue& queue, ExecutionStatus status, std::int64_t number) {
  (status == ExecutionStatus::running ? queue.running : queue.pending) += number;
}

void count_live(Connection& connection, OrganizationId organization, Queue& queue) {
  Query counts(connection, R"sql(
    select status, count(*)
    from executions
    where organization_id = ?1
      and queue = ?2
      and finished_at is null
    group by status)sql",
               organization, queue.name);
  while (counts.next()) count(queue, counts.get<ExecutionStatus>(0), counts.get<std::int64_t>(1));
}

std::optional<Queue> find_queue(Connection& connection, OrganizationId organization, std::string_view name) {
  const auto settings = find_line_settings(connection, organization, name);
  Queue queue = as_set(name, settings.value_or(LineSettings{}));
  count_live(connection, organization, queue);
  if (!settings && queue.pending + queue.running == 0) return std::nullopt;
  return queue;
}

std::vector<Queue> list_queues(Connection& connection, OrganizationId organization) {
  std::map<std::string, Queue> found;
  {
    Query names(connection, R"sql(
      select name, paused, concurrency, rate
      from queues
      where organization_id = ?1)sql",
                organization);
    while (names.next()) {
      Queue& queue = found[names.get<std::string>(0)];
      queue.paused = names.get<bool>(1);
      queue.concurrency = names.get<int>(2);
      queue.rate = stored_queue_rate(names.get<std::optional<std::string>>(3));
    }
  }
  {
    Query live(connection, R"sql(
      select queue, status, count(*)
      from executions
      where organization_id = ?1
        and queue is not null
        and finished_at is null
      group by queue, status)sql",
               organization);
    while (live.next()) {
      count(found[live.get<std::string>(0)], live.get<ExecutionStatus>(1), live.get<std::int64_t>(2));
    }
  }
  std::vector<Queue> out;
  out.reserve(found.size());
  for (auto& [name, queue] : found) {
    queue.name = name;
    out.push_back(std::move(queue));
  }
  return out;
}

// What was set for a line has changed: what of it may be claimed, too.
void look_again(Connection& connection, const TaskWrite& write, std::string_view name) {
  LineChanges lines(connection);
  lines.touch(write.organization_id, std::string(name));
  lines.refresh();
}

void set_concurrency_and_rate(Connection& connection, const TaskWrite& write, std::string_view name,
                              const QueueChange& change) {
  LineSettings settings = find_line_settings(connection, write.organization_id, name).value_or(LineSettings{});
  settings.concurrency = change.concurrency.value_or(settings.concurrency);
  if (change.changes_rate) {
    const bool goes_on = settings.next_at && settings.rate && change.rate;
    settings.next_at =
        goes_on ? std::optional(*settings.next_at - QueuePace(*settings.rate).every + QueuePace(*change.rate).every)
                : std::nullopt;
    settings.rate = change.rate;
  }
  const auto rate = settings.rate ? std::optional(text_of(*settings.rate)) : std::nullopt;
  Query(connection, R"sql(
    insert into queues (organization_id, name, configured, paused, concurrency, rate, next_at)
    values (?1, ?2, 1, ?3, ?4, ?5, ?6)
    on conflict (organization_id, name) do update
    set configured = 1, concurrency = excluded.concurrency, rate = excluded.rate, next_at = excluded.next_at)sql",
        write.organization_id, name, settings.paused, settings.concurrency, rate, settings.next_at)
      .run();
}

// The claims of a line that are not being sent end; which they were.
std::vector<ClaimRef> end_unsent_claims(Connection& connection, const TaskWrite& write, std::string_view name) {
  std::vector<ClaimRef> claims;
  {
    Query running(connection, R"sql(
      select id, claim_token
      from executions
      where organization_id = ?1
        and queue = ?2
        and status = 'running'
        and finished_at is null)sql",
                  write.organization_id, name);
    while (running.next()) claims.push_back({running.get<ExecutionId>(0), running.get<ClaimToken>(1)});
  }
  std::erase_if(claims, [&](const ClaimRef& claim) {
    return std::find(write.sending.begin(), write.sending.end(), claim.id) != write.sending.end();
  });
  LineChanges lines(connection);
  for (const ClaimRef& claim : claims) (void)end_claim(connection, lines, claim, ClaimEnd::given_back);
  lines.refresh();
  return claims;
}

}  // namespace

std::vector<Queue> SqliteQueueStore::list(OrganizationId organization) {
  return page_readers_.read([&](Connection& connection) { return list_queues(connection, organization); });
}

std::optional<Queue> SqliteQueueStore::find(OrganizationId organization, std::string_view name) {
  return page_readers_.read([&](Connection& connection) { return find_queue(connection, organization, name); });
}

TaskWriteOutcome SqliteQueueStore::change(const TaskWrite& write, std::string_view name, const QueueChange& change,
                                          const QueueReply& reply) {
  return writer_.write([&](Connection& connection) {
    if (auto earlier = replayed(connection, write)) return *std::move(earlier);
    const auto before = find_line_settings(connection, write.organization_id, name);
    set_concurrency_and_rate(connection, write, name, change);
    look_again(connection, write, name);
    const Queue queue = find_queue(connection, write.organization_id, name).value();
    const StoredReply made = reply(as_set(name, before.value_or(LineSettings{})), queue);
    const bool was_so =
        before && before->configured && before->concurrency == queue.concurrency && before->rate == queue.rate;
    if (!was_so) write_audit(connection, write.audit);
    keep_reply(connection, write, made);
    return TaskWriteOutcome{};
  });
}

TaskWriteOutcome SqliteQueueStore::forget(const TaskWrite& write, std::string_view name,
                                          const std::function<void(const Queue&)>& forgetting) {
  return writer_.write([&](Connection& connection) {
    if (auto earlier = replayed(connection, write)) return *std::move(earlier);
    if (!find_queue(connection, write.organization_id, name)) {
      return TaskWriteOutcome{WriteResult::not_found, std::nullopt, {}};
    }
    if (const auto before = find_line_settings(connection, write.organization_id, name)) {
      if (forgetting) forgetting(as_set(name, *before));
      write_audit(connection, write.audit);
    }
    Query(connection, R"sql(
      delete from queues
      where organization_id = ?1
        and name = ?2)sql",
          write.organization_id, name)
        .run();
    look_again(connection, write, name);
    keep_reply(connection, write);
    return TaskWriteOutcome{};
  });
}

PauseOutcome SqliteQueueStore::pause(const TaskWrite& write, std::string_view name) {
  return writer_.write([&](Connection& connection) {
    if (auto earlier = replayed(connection, write)) return PauseOutcome{*std::move(earlier), {}};
    const bool is_new = Query(connection, R"sql(
      insert into queues (organization_id, name, configured, paused, concurrency)
      values (?1, ?2, 0, 1, 1)
      on conflict (organization_id, name) do update
      set paused = 1
      where paused = 0)sql",
                              write.organization_id, name)
                            .run() > 0;
    if (is_new) write_audit(connection, write.audit);
    look_again(connection, write, name);
    PauseOutcome out;
    keep_reply(connection, write);
    out.write.revoked = end_unsent_claims(connection, write, name);
    return out;
  });
}

TaskWriteOutcome SqliteQueueStore::resume(const TaskWrite& write, std::string_view name) {
  return writer_.write([&](Connection& connection) {
    if (auto earlier = replayed(connection, write)) return *std::move(earlier);
    const auto before = find_line_settings(connection, write.organization_id, name);
    if (before && before->paused) write_audit(connection, write.audit);
    // A row that said nothing else is none any more.
    Query(connection, R"sql(
      delete from queues
      where organization_id = ?1
        and name = ?2
        and configured = 0)sql",
          write.organization_id, name)
        .run();
    Query(connection, R"sql(
      update queues
      set paused = 0
      where organization_id = ?1
        and name = ?2)sql",
          write.organization_id, name)
        .run();
    look_again(connection, write, name);
    keep_reply(connection, write);
    return TaskWriteOutcome{};
  });
}

}  // namespace punctual::sqlite
