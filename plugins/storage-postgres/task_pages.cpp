#include "task_pages.hpp"

#include "rows.hpp"
#include "stored_text.hpp"

namespace punctual::postgres {
namespace {

// $1 to $6 are the organisation and the filters, $7 and $8 how many rows and how many to leave out, $9 to $11 the cursor.
const std::string filters = R"sql(
    from tasks
    where organization_id = $1
      and deleted_at is null
      and ($2::text is null or queue = $2)
      and (not $3::boolean or queue is null)
      and ($4::text is null or schedule_type = $4)
      and ($5::text is null or case $5 when 'pending' then last_execution_status is null
        else last_execution_status = $5::execution_status end)
      and ($6::text is null or starts_with(name, $6)))sql";

const std::string in_order = R"sql(
    order by last_execution_at desc nulls last, inserted_at desc, id desc
    limit $7
    offset $8)sql";

const std::string after_one_that_ran = task_columns + filters + R"sql(
      and (last_execution_at, inserted_at, id) < ($9, $10, $11))sql" +
                                       in_order;

const std::string of_those_that_did_not_run = task_columns + filters + R"sql(
      and last_execution_at is null)sql" + in_order;

const std::string after_one_that_did_not_run = task_columns + filters + R"sql(
      and last_execution_at is null
      and (inserted_at, id) < ($9, $10))sql" + in_order;

// Of an organisation that keeps for less time than lies in the leaves; `place` is that of the instant, behind the cursor.
std::string kept(std::string_view place) {
  std::string sql = R"sql(
      and (schedule_type = 'cron' or next_run_at is not null or last_execution_at is null or last_execution_at >= )sql";
  return sql.append(place).append(")");
}

const std::string first_page_of_kept = task_columns + filters + kept("$9") + in_order;

const std::string kept_after_one_that_ran = task_columns + filters + R"sql(
      and (last_execution_at, inserted_at, id) < ($9, $10, $11))sql" + kept("$12") +
                                            in_order;

class TaskList {
 public:
  TaskList(Session& session, const TaskQuery& query) : session_(session), query_(query) {}

  Page<Task> page() {
    if (!query_.after && query_.kept_since) {
      collect(first_page_of_kept, query_.offset, *query_.kept_since);
    } else if (!query_.after) {
      collect(first_page_of_tasks, query_.offset);
    } else if (query_.after->last_execution_at) {
      const TaskCursor& after = *query_.after;
      if (query_.kept_since) {
        collect(kept_after_one_that_ran, 0, *after.last_execution_at, after.inserted_at, after.id, *query_.kept_since);
      } else {
        collect(after_one_that_ran, 0, *after.last_execution_at, after.inserted_at, after.id);
      }
      if (wanted() > 0) collect(of_those_that_did_not_run, 0);
    } else {
      collect(after_one_that_did_not_run, 0, query_.after->inserted_at, query_.after->id);
    }
    Page<Task> page{std::move(tasks_), false};
    page.has_more = page.items.size() > query_.limit;
    if (page.has_more) page.items.resize(query_.limit);
    return page;
  }

 private:
  [[nodiscard]] std::size_t wanted() const { return query_.limit + 1 - tasks_.size(); }

  template <class... Cursor>
  void collect(const std::string& sql, std::size_t offset, const Cursor&... cursor) {
    const Rows rows =
        session_.run(sql, query_.organization_id, query_.queue, query_.without_queue, query_.schedule_type,
                     query_.status, query_.name_prefix, wanted(), offset, cursor...);
    for (std::size_t row = 0; row < rows.size(); ++row) tasks_.push_back(task_from(rows, row));
  }

  Session& session_;
  const TaskQuery& query_;
  std::vector<Task> tasks_;
};

// Looked for by the id alone: a plan made while a leaf was empty would as well walk all of the organisation in its list.
const std::string one_task = task_columns + R"sql(
    from (select * from tasks where id = $1 limit 1) tasks
    where organization_id = $2
      and deleted_at is null)sql";

std::optional<Task> only(const Rows& rows) { return rows.empty() ? std::nullopt : std::optional(task_from(rows, 0)); }

}  // namespace

const std::string first_page_of_tasks = task_columns + filters + in_order;

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
  return TaskList(session, query).page();
}

}  // namespace punctual::postgres
