#include "lines.hpp"

#include <algorithm>
#include <vector>

namespace punctual::sqlite {
namespace {

struct Head {
  ExecutionId id;
  Time ready_at;
};

int running_in(Connection& connection, OrganizationId organization, std::string_view queue) {
  Query count(connection, R"sql(
    select count(*)
    from executions
    where organization_id = ?1
      and queue = ?2
      and status = 'running'
      and finished_at is null)sql",
              organization, queue);
  return count.next() ? count.get<int>(0) : 0;
}

// The first that wait in a line, in its order: those that were claimed before or are a retry come first. One that is held for its
// host keeps its place, but nobody may claim it.
std::vector<Head> first_waiting(Connection& connection, OrganizationId organization, std::string_view queue, int most) {
  std::vector<Head> out;
  Query waiting(connection, R"sql(
    select id, scheduled_for, held_host is not null
    from executions
    where organization_id = ?1
      and queue = ?2
      and status = 'pending'
      and finished_at is null
    order by holds desc, scheduled_for, id
    limit ?3)sql",
                organization, queue, most);
  while (waiting.next()) {
    if (!waiting.get<bool>(2)) out.push_back({waiting.get<ExecutionId>(0), waiting.get<Time>(1)});
  }
  return out;
}

// None before there is a start for it in the bucket, and no more than that holds when it is full.
void keep_rate(std::vector<Head>& heads, const LineSettings& settings) {
  if (!settings.rate) return;
  const QueuePace pace(*settings.rate);
  if (heads.size() > static_cast<std::size_t>(pace.at_once)) heads.resize(static_cast<std::size_t>(pace.at_once));
  if (!settings.next_at) return;
  Time start = pace.first_start(*settings.next_at);
  for (Head& head : heads) {
    head.ready_at = std::max({head.ready_at, pace.worth_a_look(*settings.next_at), start});
    start += pace.every;
  }
}

// Claims go by (ready_at, id); a place in the line counts for more than an id.
void keep_order(std::vector<Head>& heads) {
  for (std::size_t i = 1; i < heads.size(); ++i) {
    const Head& before = heads[i - 1];
    if (heads[i].ready_at > before.ready_at) continue;
    heads[i].ready_at = before.ready_at + microseconds{heads[i].id < before.id ? 1 : 0};
  }
}

}  // namespace

std::optional<LineSettings> find_line_settings(Connection& connection, OrganizationId organization,
                                               std::string_view queue) {
  Query stored(connection, R"sql(
    select paused, concurrency, rate, next_at, configured
    from queues
    where organization_id = ?1
      and name = ?2)sql",
               organization, queue);
  if (!stored.next()) return std::nullopt;
  LineSettings settings;
  settings.paused = stored.get<bool>(0);
  settings.concurrency = stored.get<int>(1);
  settings.rate = stored_queue_rate(stored.get<std::optional<std::string>>(2));
  settings.next_at = stored.get<std::optional<Time>>(3);
  settings.configured = stored.get<bool>(4);
  return settings;
}

void count_starts(Connection& connection, OrganizationId organization, std::string_view queue, Time now, int starts) {
  const auto settings = find_line_settings(connection, organization, queue);
  if (!settings || !settings->rate) return;
  Query(connection, R"sql(
    update queues
    set next_at = ?3
    where organization_id = ?1
      and name = ?2)sql",
        organization, queue, QueuePace(*settings->rate).after(settings->next_at, now, starts))
      .run();
}

void LineChanges::touch(OrganizationId organization, const std::optional<std::string>& queue) {
  if (queue) touched_.emplace(organization, *queue);
}

void LineChanges::refresh() {
  for (const auto& [organization, queue] : touched_) refresh(organization, queue);
  touched_.clear();
}

void LineChanges::refresh(OrganizationId organization, const std::string& queue) {
  Query(connection_, R"sql(
    delete from lines
    where organization_id = ?1
      and queue = ?2)sql",
        organization, queue)
      .run();
  const auto settings = find_line_settings(connection_, organization, queue).value_or(LineSettings{});
  if (settings.paused) return;
  const int slots = settings.concurrency - running_in(connection_, organization, queue);
  if (slots <= 0) return;
  auto heads = first_waiting(connection_, organization, queue, slots);
  std::stable_sort(heads.begin(), heads.end(), [](const Head& a, const Head& b) { return a.ready_at < b.ready_at; });
  keep_rate(heads, settings);
  keep_order(heads);
  for (const Head& head : heads) {
    Query(connection_, R"sql(
      insert into lines (organization_id, queue, head_id, ready_at)
      values (?1, ?2, ?3, ?4))sql",
          organization, queue, head.id, head.ready_at)
        .run();
  }
}

}  // namespace punctual::sqlite
