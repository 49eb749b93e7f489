#include "task_pages.hpp"

#include <array>

#include "rows.hpp"
#include "stored_text.hpp"

namespace punctual::postgres {
namespace {

// Which index a list is read from: that of all tasks, or one that knows only those a filter lets through.
enum class Way : std::uint8_t { all, cron, queue, unsuccessful };
constexpr std::size_t ways = 4;

// Where a page begins in a list, which is first all tasks that have run and then all that have not.
enum class Start : std::uint8_t { top, after_one_that_ran, top_of_those_that_did_not, after_one_that_did_not };
constexpr std::size_t starts = 4;

// Whether one-time tasks that were over long ago are left out: of an organisation that keeps for less time than lies in the
// leaves.
enum class Age : std::uint8_t { any, kept };
constexpr std::size_t ages = 2;

// What a list may have that is not kept: one-time tasks that have run.
bool has_what_is_over(Way way, Start start) {
  return way != Way::cron && (start == Start::top || start == Start::after_one_that_ran);
}

// $1 to $6 are the organisation and the filters, $7 and $8 how many rows and how many to leave out; behind these come the
// cursor, and for Age::kept since when.
std::string list_statement(Way way, Start start, Age age) {
  // Cron tasks are kept in one place.
  std::string sql = task_columns +
                    (way == Way::cron ? R"sql(
    from tasks_keep tasks)sql"
                                      : R"sql(
    from tasks)sql") +
                    R"sql(
    where organization_id = $1
      and deleted_at is null
      and (not $3::boolean or queue is null))sql";
  sql += way == Way::queue ? R"sql(
      and queue = $2)sql"
                           : R"sql(
      and ($2::text is null or queue = $2))sql";
  sql += way == Way::cron ? R"sql(
      and schedule_type = 'cron')sql"
                          : R"sql(
      and ($4::text is null or schedule_type = $4))sql";
  sql += way == Way::unsuccessful ? R"sql(
      and last_execution_status = $5::execution_status
      and last_execution_status in ('failed', 'timeout', 'missed', 'cancelled'))sql"
                                  : R"sql(
      and ($5::text is null or case $5 when 'pending' then last_execution_status is null
        else last_execution_status = $5::execution_status end))sql";
  sql += R"sql(
      and ($6::text is null or starts_with(name, $6)))sql";
  switch (start) {
    case Start::top:
      break;
    case Start::after_one_that_ran:
      sql += R"sql(
      and (last_execution_at, inserted_at, id) < ($9, $10, $11))sql";
      break;
    case Start::top_of_those_that_did_not:
      sql += R"sql(
      and last_execution_at is null)sql";
      break;
    case Start::after_one_that_did_not:
      sql += R"sql(
      and last_execution_at is null
      and (inserted_at, id) < ($9, $10))sql";
      break;
  }
  if (age == Age::kept) {
    sql += R"sql(
      and (schedule_type = 'cron' or next_run_at is not null or last_execution_at is null or last_execution_at >= )sql";
    sql += start == Start::top ? "$9)" : "$12)";
  }
  return sql + R"sql(
    order by last_execution_at desc nulls last, inserted_at desc, id desc
    limit $7
    offset $8)sql";
}

// A statement is known by the address of its text.
const std::string& list_sql(Way way, Start start, Age age) {
  static const auto all = [] {
    std::array<std::array<std::array<std::string, ages>, starts>, ways> out;
    for (std::size_t w = 0; w < ways; ++w) {
      for (std::size_t s = 0; s < starts; ++s) {
        for (std::size_t a = 0; a < ages; ++a) {
          out[w][s][a] = list_statement(static_cast<Way>(w), static_cast<Start>(s), static_cast<Age>(a));
        }
      }
    }
    return out;
  }();
  return all[static_cast<std::size_t>(way)][static_cast<std::size_t>(start)][static_cast<std::size_t>(age)];
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
  TaskList(Session& session, const TaskQuery& query) : session_(session), query_(query), way_(way_for(query)) {}

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
  [[nodiscard]] std::size_t wanted() const { return query_.limit + 1 - tasks_.size(); }

  template <class... Cursor>
  void collect(Start start, std::size_t offset, const Cursor&... cursor) {
    if (query_.kept_since && has_what_is_over(way_, start)) {
      collect_from(list_sql(way_, start, Age::kept), offset, cursor..., *query_.kept_since);
    } else {
      collect_from(list_sql(way_, start, Age::any), offset, cursor...);
    }
  }

  template <class... Further>
  void collect_from(const std::string& sql, std::size_t offset, const Further&... further) {
    const Rows rows =
        session_.run(sql, query_.organization_id, query_.queue, query_.without_queue, query_.schedule_type,
                     query_.status, query_.name_prefix, wanted(), offset, further...);
    for (std::size_t row = 0; row < rows.size(); ++row) tasks_.push_back(task_from(rows, row));
  }

  Session& session_;
  const TaskQuery& query_;
  Way way_;
  std::vector<Task> tasks_;
};

// Looked for by the id alone: a plan made while a leaf was empty would as well walk all of the organisation in its list.
const std::string one_task = task_columns + R"sql(
    from (select * from tasks where id = $1 limit 1) tasks
    where organization_id = $2
      and deleted_at is null)sql";

std::optional<Task> only(const Rows& rows) { return rows.empty() ? std::nullopt : std::optional(task_from(rows, 0)); }

}  // namespace

const std::string& first_page_of_tasks(const TaskQuery& query) {
  return list_sql(way_for(query), Start::top, Age::any);
}

std::optional<Task> find_task(Session& session, OrganizationId organization, TaskId id) {
  return only(session.run(one_task, id, organization));
}

std::optional<Task> lock_task(Session& session, OrganizationId organization, TaskId id) {
  static const std::string sql = task_columns + R"sql(
    from (select * from tasks where id = $1 limit 1 for no key update) tasks
    where organization_id = $2
      and deleted_at is null)sql";
  return only(session.run(sql, id, organization));
}

Page<Task> list_tasks(Session& session, const TaskQuery& query) {
  if (!is_storable(query.queue.value_or("")) || !is_storable(query.name_prefix.value_or(""))) return {};
  // The last execution of a task has always ended.
  if (query.status == ExecutionStatus::running) return {};
  return TaskList(session, query).page();
}

}  // namespace punctual::postgres
