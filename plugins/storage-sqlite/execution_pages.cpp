#include "execution_pages.hpp"

#include <algorithm>
#include <initializer_list>
#include <memory>
#include <tuple>

#include "rows.hpp"

namespace punctual::sqlite {
namespace {

// Every execution of the list is before this one in its order, read backwards.
ExecutionCursor upper_bound(const ExecutionQuery& query) {
  ExecutionCursor bound{Time::max(), {}};
  bound.id.value.bytes.fill(0xff);
  if (query.after) bound = *query.after;
  // Before the smallest id of an instant is before the instant.
  if (query.until && *query.until <= bound.scheduled_for) bound = {*query.until, {}};
  return bound;
}

bool ended_without_success(ExecutionStatus status) {
  return status == ExecutionStatus::failed || status == ExecutionStatus::timeout || status == ExecutionStatus::missed ||
         status == ExecutionStatus::cancelled;
}

// Every list has these values: ?1 the organisation, ?2 and ?3 the upper bound, ?4 the lower, ?5 the status, ?6 now, ?7 the queue,
// ?8 how many rows, ?9 how many to leave out, ?10 since when what has ended is kept.

const std::string is_kept = R"sql(
      and (?10 is null or finished_at is null or finished_at >= ?10))sql";

const std::string bounds = R"sql(
      and (scheduled_for, id) < (?2, ?3)
      and scheduled_for >= ?4)sql" +
                           is_kept;

const std::string in_order = R"sql(
    order by scheduled_for desc, id desc
    limit ?8
    offset ?9)sql";

// A claimed execution that is due later is pending to the reader.
const std::string with_status = R"sql(
      and (?5 is null or iif(status = 'running' and scheduled_for > ?6, 'pending', status) = ?5))sql";

const std::string in_queue = R"sql(
      and (?7 is null or queue = ?7))sql";

// The executions of one list, from as many statements as it takes.
class ExecutionList {
 public:
  ExecutionList(Connection& connection, const ExecutionQuery& query) : connection_(connection), query_(query) {}

  Page<Execution> page() {
    if (query_.task_id) {
      of_task();
    } else if (query_.status == ExecutionStatus::pending || query_.status == ExecutionStatus::running) {
      of_live();
    } else if (query_.status && ended_without_success(*query_.status)) {
      of_unsuccessful();
    } else if (query_.queue) {
      of_queue();
    } else {
      of_organization();
    }
    Page<Execution> page{std::move(found_), false};
    page.has_more = page.items.size() > query_.limit;
    if (page.has_more) page.items.resize(query_.limit);
    return page;
  }

 private:
  // A list that is being read, and the next one of it.
  struct Head {
    std::unique_ptr<Query> rows;
    Execution newest;
  };

  void of_organization() {
    static const std::string sql = select_execution + R"sql(
    from executions
    where organization_id = ?1)sql" +
                                   bounds + with_status + in_queue + in_order;
    collect(sql);
  }

  void of_task() {
    static const std::string sql = select_execution + R"sql(
    from executions
    where +organization_id = ?1
      and task_id = ?11)sql" + bounds +
                                   with_status + in_queue + in_order;
    collect(sql, *query_.task_id);
  }

  void of_queue() {
    static const std::string sql = select_execution + R"sql(
    from executions
    where organization_id = ?1
      and queue = ?7)sql" + bounds +
                                   with_status + in_order;
    collect(sql);
  }

  // The index has what was followed apart: each half is read in order.
  void of_unsuccessful() {
    static const std::string unsuccessful = select_execution + R"sql(
    from executions
    where organization_id = ?1
      and status = ?5
      and status in ('failed', 'timeout', 'missed', 'cancelled'))sql";
    static const std::string last = unsuccessful + " and followed = 0" + bounds + in_queue + in_order;
    static const std::string followed = unsuccessful + " and followed = 1" + bounds + in_queue + in_order;
    merge({&last, &followed});
  }

  // What runs is no more than one server can hold.
  void of_live() {
    // The plus keeps it from the list of all, which has the order.
    static const std::string running = select_execution + R"sql(
    from executions
    where organization_id = ?1
      and status = 'running'
      and (+scheduled_for, +id) < (?2, ?3)
      and +scheduled_for >= ?4)sql" + is_kept +
                                       with_status + in_queue + R"sql(
    order by +scheduled_for desc, +id desc
    limit ?8
    offset ?9)sql";
    static const std::string without_queue = select_execution + R"sql(
    from executions
    where organization_id = ?1
      and status = 'pending'
      and queue is null
      and held_host is null)sql" + bounds + in_queue +
                                             in_order;
    static const std::string held = select_execution + R"sql(
    from executions
    where organization_id = ?1
      and status = 'pending'
      and queue is null
      and held_host is not null)sql" +
                                    bounds + in_queue + in_order;
    static const std::string queued = select_execution + R"sql(
    from executions
    where organization_id = ?1
      and status = 'pending'
      and queue is not null)sql" + bounds +
                                      in_queue + in_order;
    if (query_.status == ExecutionStatus::running) return merge({&running});
    merge({&running, &without_queue, &held, &queued});
  }

  // From lists that have nothing in common, each in order.
  void merge(std::initializer_list<const std::string*> lists) {
    std::size_t to_skip = offset();
    const std::size_t most = wanted() + to_skip;
    std::vector<Head> heads;
    for (const std::string* sql : lists) {
      auto rows = open(*sql, most, 0);
      if (!rows->next()) continue;
      Execution newest = execution_from(*rows);
      heads.push_back({std::move(rows), std::move(newest)});
    }
    while (!heads.empty() && found_.size() < wanted()) {
      const auto head = std::max_element(heads.begin(), heads.end(), [](const Head& a, const Head& b) {
        return std::tie(a.newest.scheduled_for, a.newest.id) < std::tie(b.newest.scheduled_for, b.newest.id);
      });
      if (to_skip > 0) {
        --to_skip;
      } else {
        found_.push_back(std::move(head->newest));
      }
      if (head->rows->next()) {
        head->newest = execution_from(*head->rows);
      } else {
        heads.erase(head);
      }
    }
  }

  // One more than asked for, to know whether there are more.
  [[nodiscard]] std::size_t wanted() const { return query_.limit + 1; }
  [[nodiscard]] std::size_t offset() const { return query_.after ? 0 : query_.offset; }

  template <class... Task>
  void collect(const std::string& sql, const Task&... task) {
    const auto rows = open(sql, wanted(), offset(), task...);
    while (rows->next()) found_.push_back(execution_from(*rows));
  }

  template <class... Task>
  std::unique_ptr<Query> open(const std::string& sql, std::size_t limit, std::size_t offset, const Task&... task) {
    return std::make_unique<Query>(connection_, sql, query_.organization_id, bound_.scheduled_for, bound_.id, since_,
                                   query_.status, query_.now, query_.queue, limit, offset, query_.kept_since, task...);
  }

  Connection& connection_;
  const ExecutionQuery& query_;
  const ExecutionCursor bound_ = upper_bound(query_);
  const Time since_ = query_.since.value_or(Time::min());
  std::vector<Execution> found_;
};

}  // namespace

std::optional<ExecutionDetail> find_execution(Connection& connection, OrganizationId organization, ExecutionId id,
                                              std::optional<std::size_t> most_bytes) {
  // What has not been sent yet would be sent as the task says now. substr counts the bytes of a blob alone.
  static const std::string sql = select_execution + R"sql(,
      iif(?3 is null, responses.body, cast(substr(cast(responses.body as blob), 1, ?3) as text)),
      coalesce(responses.headers, '[]'), coalesce(responses.request_method, tasks.method),
      coalesce(responses.request_url, tasks.url)
    from executions
    join tasks on tasks.id = executions.task_id
    left join responses on responses.execution_id = executions.id
    where executions.id = ?1
      and executions.organization_id = ?2)sql";
  Query row(connection, sql, id, organization, most_bytes);
  if (!row.next()) return std::nullopt;
  ExecutionDetail detail;
  detail.execution = execution_from(row);
  detail.response_body = row.get<std::optional<std::string>>(execution_columns);
  detail.response_headers = headers_from_json(row.get<std::string>(execution_columns + 1));
  detail.request_method = row.get<Method>(execution_columns + 2);
  detail.request_url = row.get<std::string>(execution_columns + 3);
  return detail;
}

Page<Execution> list_executions(Connection& connection, const ExecutionQuery& query) {
  return ExecutionList(connection, query).page();
}

}  // namespace punctual::sqlite
