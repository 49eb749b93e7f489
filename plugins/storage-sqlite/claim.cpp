#include <algorithm>
#include <map>
#include <tuple>

#include "hot_path.hpp"
#include "lines.hpp"
#include "punctual/errors.hpp"
#include "rows.hpp"

namespace punctual::sqlite {
namespace {

void mark_claimed(Connection& connection, ExecutionId id, const ClaimRequest& request) {
  Query(connection, R"sql(
    update executions
    set status = 'running', node_id = ?2, claim_token = ?3, holds = 1
    where id = ?1)sql",
        id, request.node, request.token)
      .run();
}

// All but what the organisation adds.
Claimed read_claimed(Connection& connection, ExecutionId id, ClaimToken token) {
  Query row(connection, R"sql(
    select executions.run_id, executions.task_id, executions.organization_id, executions.attempt, executions.rescues,
      executions.scheduled_for, executions.queue, tasks.updated_at, tasks.method, tasks.url, tasks.headers, tasks.body,
      tasks.timeout_ms, tasks.schedule_type, tasks.retry_attempts, tasks.retry_delay_s, tasks.retry_max_delay_s,
      tasks.expires_in_s, tasks.expected_status_codes, tasks.expected_body_pattern, tasks.callback_url,
      tasks.on_failure_url, tasks.on_recovery_url,
      iif(tasks.on_failure_url is null and tasks.on_recovery_url is null, '', tasks.name)
    from executions
    join tasks on tasks.id = executions.task_id
    where executions.id = ?1)sql",
            id);
  if (!row.next()) throw Corrupt("an execution of a task that is not there");
  int column = 0;
  const auto read = [&]<class T>(T& value) { value = row.get<T>(column++); };
  Claimed claimed;
  claimed.id = id;
  claimed.token = token;
  read(claimed.run_id);
  read(claimed.task_id);
  read(claimed.organization_id);
  read(claimed.attempt);
  read(claimed.rescues);
  read(claimed.scheduled_for);
  read(claimed.queue);
  read(claimed.task_updated_at);
  read(claimed.method);
  read(claimed.url);
  claimed.headers = headers_from_json(row.get<std::string>(column++));
  read(claimed.body);
  read(claimed.timeout);
  read(claimed.schedule_type);
  read(claimed.retry_attempts);
  read(claimed.retry_delay);
  read(claimed.retry_max_delay);
  read(claimed.expires_in);
  read(claimed.expected_status_codes);
  read(claimed.expected_body_pattern);
  read(claimed.callback_url);
  read(claimed.on_failure_url);
  read(claimed.on_recovery_url);
  read(claimed.task_name);
  return claimed;
}

std::optional<Time> next_due(Connection& connection) {
  std::optional<Time> free;
  {
    Query first(connection, R"sql(
      select scheduled_for
      from executions
      where status = 'pending'
        and queue is null
        and held_host is null
      order by scheduled_for
      limit 1)sql");
    if (first.next()) free = first.get<Time>(0);
  }
  Query head(connection, R"sql(
    select ready_at
    from lines
    order by ready_at
    limit 1)sql");
  if (!head.next()) return free;
  const auto ready = head.get<Time>(0);
  return free ? std::min(*free, ready) : ready;
}

}  // namespace

ClaimResult claim_due(Connection& connection, Turns& turns, const ClaimRequest& request) {
  ClaimResult result;
  LineChanges lines(connection);
  TermsReader terms(connection);
  std::map<std::pair<OrganizationId, std::string>, int> starts;  // of each line
  for (const Candidate& candidate : choose_due(connection, terms, turns, request)) {
    mark_claimed(connection, candidate.id, request);
    Claimed& claimed = result.claimed.emplace_back(read_claimed(connection, candidate.id, request.token));
    const OrganizationTerms& owner = terms.of(claimed.organization_id);
    claimed.signing_secrets = owner.signing_secrets;
    claimed.old_secret_until = owner.old_secret_until;
    claimed.capped = owner.capped;
    if (claimed.queue) ++starts[{claimed.organization_id, *claimed.queue}];
    lines.touch(claimed.organization_id, claimed.queue);
  }
  for (const auto& [line, number] : starts) count_starts(connection, line.first, line.second, request.now, number);
  lines.refresh();
  // The first of a line with a rate came when that allowed it.
  std::sort(result.claimed.begin(), result.claimed.end(), [](const Claimed& a, const Claimed& b) {
    return std::tie(a.scheduled_for, a.id) < std::tie(b.scheduled_for, b.id);
  });
  result.next_due = next_due(connection);
  return result;
}

}  // namespace punctual::sqlite
