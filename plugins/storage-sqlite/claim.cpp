#include <algorithm>
#include <map>
#include <tuple>

#include "hot_path.hpp"
#include "lines.hpp"
#include "punctual/errors.hpp"
#include "rows.hpp"

namespace punctual::sqlite {
namespace {

struct Candidate {
  Time due;
  ExecutionId id;
  friend auto operator<=>(const Candidate&, const Candidate&) = default;
};

// The first `limit` executions that may be claimed, those without a queue and the heads of idle lines together.
std::vector<Candidate> candidates(Connection& connection, const ClaimRequest& request) {
  std::vector<Candidate> out;
  {
    Query free(connection, R"sql(
      select scheduled_for, id
      from executions
      where status = 'pending'
        and queue is null
        and scheduled_for <= ?1
      order by scheduled_for, id
      limit ?2)sql",
               request.horizon, request.limit);
    while (free.next()) out.push_back({free.get<Time>(0), free.get<ExecutionId>(1)});
  }
  {
    Query heads(connection, R"sql(
      select ready_at, head_id
      from lines
      where ready_at <= ?1
      order by ready_at, head_id
      limit ?2)sql",
                request.now, request.limit);
    while (heads.next()) out.push_back({heads.get<Time>(0), heads.get<ExecutionId>(1)});
  }
  std::sort(out.begin(), out.end());
  if (out.size() > request.limit) out.resize(request.limit);
  return out;
}

// The signing secrets of organisations, each read once.
class Secrets {
 public:
  explicit Secrets(Connection& connection) : connection_(connection) {}

  const std::vector<std::string>& of(OrganizationId organization) {
    const auto [found, is_new] = secrets_.try_emplace(organization);
    if (is_new) found->second = read(organization);
    return found->second;
  }

 private:
  std::vector<std::string> read(OrganizationId organization) {
    Query stored(connection_, R"sql(
      select signing_secrets
      from organizations
      where id = ?1)sql",
                 organization);
    if (!stored.next()) throw Corrupt("a task of an organisation that is not there");
    return strings_from_json(stored.get<std::string>(0));
  }

  Connection& connection_;
  std::map<OrganizationId, std::vector<std::string>> secrets_;
};

void mark_claimed(Connection& connection, ExecutionId id, const ClaimRequest& request) {
  Query(connection, R"sql(
    update executions
    set status = 'running', node_id = ?2, claim_token = ?3, holds = 1
    where id = ?1)sql",
        id, request.node, request.token)
      .run();
}

// All but the secrets.
Claimed read_claimed(Connection& connection, ExecutionId id, ClaimToken token) {
  Query row(connection, R"sql(
    select executions.run_id, executions.task_id, executions.organization_id, executions.attempt, executions.rescues,
      executions.scheduled_for, executions.queue, tasks.updated_at, tasks.method, tasks.url, tasks.headers, tasks.body,
      tasks.timeout_ms, tasks.schedule_type, tasks.retry_attempts, tasks.retry_delay_s, tasks.retry_max_delay_s,
      tasks.expires_in_s, tasks.expected_status_codes, tasks.expected_body_pattern
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

ClaimResult claim_due(Connection& connection, const ClaimRequest& request) {
  ClaimResult result;
  LineChanges lines(connection);
  Secrets secrets(connection);
  for (const Candidate& candidate : candidates(connection, request)) {
    mark_claimed(connection, candidate.id, request);
    Claimed& claimed = result.claimed.emplace_back(read_claimed(connection, candidate.id, request.token));
    claimed.signing_secrets = secrets.of(claimed.organization_id);
    lines.touch(claimed.organization_id, claimed.queue);
  }
  lines.refresh();
  result.next_due = next_due(connection);
  return result;
}

}  // namespace punctual::sqlite
