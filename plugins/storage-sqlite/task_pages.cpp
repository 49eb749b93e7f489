#include "task_pages.hpp"

#include <array>

#include "rows.hpp"

namespace punctual::sqlite {
namespace {

// Which index a list is read from: that of all tasks, or one that knows only those a filter lets through.
enum class Way : std::uint8_t { all, cron, queue, unsuccessful };
constexpr std::size_t ways = 4;

// Where a page begins in a list, which is first all tasks that have run and then all that have not.
enum class Start : std::uint8_t { top, after_one_that_ran, top_of_those_that_did_not, after_one_that_did_not };
constexpr std::size_t starts = 4;

// ?1 to ?6 and ?9 are the organisation and the filters, ?7 and ?8 how many rows and how many to leave out, ?10 to ?12 the
// cursor.
// A row value with a null in it is never smaller, so those that have not run are left out by `after_one_that_ran`.
std::string list_statement(Way way, Start start) {
  std::string sql = select_task + R"sql(
    where organization_id = ?1
      and deleted_at is null
      and (?3 = 0 or queue is null))sql";
  sql += way == Way::queue ? R"sql(
      and queue = ?2)sql"
                           : R"sql(
      and (?2 is null or queue = ?2))sql";
  sql += way == Way::cron ? R"sql(
      and schedule_type = 'cron')sql"
                          : R"sql(
      and (?4 is null or schedule_type = ?4))sql";
  sql += way == Way::unsuccessful ? R"sql(
      and last_execution_status = ?5
      and last_execution_status in ('failed', 'timeout', 'missed', 'cancelled'))sql"
                                  : R"sql(
      and (?5 is null or iif(?5 = 'pending', last_execution_status is null, last_execution_status = ?5)))sql";
  sql += R"sql(
      and (?6 is null or substr(name, 1, length(?6)) = ?6)
      and (?9 is null or schedule_type = 'cron' or next_run_at is not null or last_execution_at is null
        or last_execution_at >= ?9))sql";
  switch (start) {
    case Start::top:
      break;
    case Start::after_one_that_ran:
      sql += R"sql(
      and (last_execution_at, inserted_at, id) < (?10, ?11, ?12))sql";
      break;
    case Start::top_of_those_that_did_not:
      sql += R"sql(
      and last_execution_at is null)sql";
      break;
    case Start::after_one_that_did_not:
      sql += R"sql(
      and last_execution_at is null
      and (inserted_at, id) < (?10, ?11))sql";
      break;
  }
  return sql + R"sql(
    order by last_execution_at desc, inserted_at desc, id desc
    limit ?7
    offset ?8)sql";
}

const std::string& list_sql(Way way, Start start) {
  static const auto all = [] {
    std::array<std::array<std::string, starts>, ways> out;
    for (std::size_t w = 0; w < ways; ++w) {
      for (std::size_t s = 0; s < starts; ++s) out[w][s] = list_statement(static_cast<Way>(w), static_cast<Start>(s));
    }
    return out;
  }();
  return all[static_cast<std::size_t>(way)][static_cast<std::size_t>(start)];
}

Way way_for(const TaskQuery& query) {
  if (query.schedule_type == ScheduleType::cron) return Way::cron;
  if (query.queue) return Way::queue;
  const bool ended_otherwise =
      query.status && *query.status != ExecutionStatus::pending && *query.status != ExecutionStatus::success;
  return ended_otherwise ? Way::unsuccessful : Way::all;
}

class TaskList {
 public:
  TaskList(Connection& connection, const TaskQuery& query)
      : connection_(connection), query_(query), way_(way_for(query)) {}

  Page<Task> page() {
    const bool not_run_only = query_.status == ExecutionStatus::pending;
    if (!query_.after) {
      collect(not_run_only ? Start::top_of_those_that_did_not : Start::top, query_.offset);
    } else if (!query_.after->last_execution_at) {
      collect(Start::after_one_that_did_not, 0, query_.after->inserted_at, query_.after->id);
    } else {
      if (!not_run_only) {
        collect(Start::after_one_that_ran, 0, *query_.after->last_execution_at, query_.after->inserted_at,
                query_.after->id);
      }
      if (wanted() > 0) collect(Start::top_of_those_that_did_not, 0);
    }
    Page<Task> page{std::move(tasks_), false};
    page.has_more = page.items.size() > query_.limit;
    if (page.has_more) page.items.resize(query_.limit);
    return page;
  }

 private:
  // One more than asked for, to know whether there are more.
  [[nodiscard]] std::size_t wanted() const { return query_.limit + 1 - tasks_.size(); }

  template <class... Cursor>
  void collect(Start start, std::size_t offset, const Cursor&... cursor) {
    Query rows(connection_, list_sql(way_, start), query_.organization_id, query_.queue, query_.without_queue,
               query_.schedule_type, query_.status, query_.name_prefix, wanted(), offset, query_.kept_since, cursor...);
    while (rows.next()) tasks_.push_back(task_from(rows));
  }

  Connection& connection_;
  const TaskQuery& query_;
  Way way_;
  std::vector<Task> tasks_;
};

}  // namespace

std::optional<Task> find_task(Connection& connection, OrganizationId organization, TaskId id) {
  static const std::string sql = select_task + R"sql(
    where id = ?1
      and organization_id = ?2
      and deleted_at is null)sql";
  Query row(connection, sql, id, organization);
  if (!row.next()) return std::nullopt;
  return task_from(row);
}

Page<Task> list_tasks(Connection& connection, const TaskQuery& query) {
  // The last execution of a task has always ended.
  if (query.status == ExecutionStatus::running) return {};
  return TaskList(connection, query).page();
}

}  // namespace punctual::sqlite
