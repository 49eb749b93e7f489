#include "task_pages.hpp"

#include "rows.hpp"

namespace punctual::sqlite {
namespace {

// Where a page begins in the list, which is first all tasks that have run and then all that have not.
enum class Start : std::uint8_t { top, after_one_that_ran, top_of_those_that_did_not, after_one_that_did_not };

// ?1 to ?6 and ?9 are the organisation and the filters, ?7 and ?8 how many rows and how many to leave out, ?10 to ?12 the
// cursor.
// A row value with a null in it is never smaller, so those that have not run are left out by `after_one_that_ran`.
std::string list_statement(Start start) {
  std::string sql = select_task + R"sql(
    where organization_id = ?1
      and deleted_at is null
      and (?2 is null or queue = ?2)
      and (?3 = 0 or queue is null)
      and (?4 is null or schedule_type = ?4)
      and (?5 is null or iif(?5 = 'pending', last_execution_status is null, last_execution_status = ?5))
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

class TaskList {
 public:
  TaskList(Connection& connection, const TaskQuery& query) : connection_(connection), query_(query) {}

  Page<Task> page() {
    if (!query_.after) {
      static const std::string sql = list_statement(Start::top);
      collect(sql, query_.offset);
    } else if (query_.after->last_execution_at) {
      static const std::string sql = list_statement(Start::after_one_that_ran);
      static const std::string rest = list_statement(Start::top_of_those_that_did_not);
      collect(sql, 0, *query_.after->last_execution_at, query_.after->inserted_at, query_.after->id);
      if (wanted() > 0) collect(rest, 0);
    } else {
      static const std::string sql = list_statement(Start::after_one_that_did_not);
      collect(sql, 0, query_.after->inserted_at, query_.after->id);
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
  void collect(const std::string& sql, std::size_t offset, const Cursor&... cursor) {
    Query rows(connection_, sql, query_.organization_id, query_.queue, query_.without_queue, query_.schedule_type,
               query_.status, query_.name_prefix, wanted(), offset, query_.kept_since, cursor...);
    while (rows.next()) tasks_.push_back(task_from(rows));
  }

  Connection& connection_;
  const TaskQuery& query_;
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

Page<Task> list_tasks(Connection& connection, const TaskQuery& query) { return TaskList(connection, query).page(); }

}  // namespace punctual::sqlite
