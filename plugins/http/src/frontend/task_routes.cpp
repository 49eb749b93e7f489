// POST, GET, PUT, PATCH, DELETE of /tasks.
#include <array>

#include "frontend/api_error.hpp"
#include "frontend/execution_json.hpp"
#include "frontend/paging.hpp"
#include "frontend/routes.hpp"
#include "frontend/task_input.hpp"
#include "frontend/task_json.hpp"

namespace punctual {

namespace {

// Memory for one request's JSON: most fit into the stack's part.
class RequestMemory {
 public:
  [[nodiscard]] boost::json::storage_ptr pointer() { return &resource_; }

 private:
  std::array<unsigned char, 4096> first_;
  boost::json::monotonic_resource resource_{first_.data(), first_.size()};
};

StoredReply queued_reply(const CreatedTask& created) {
  StoredReply reply{202, {}};
  reply.body.reserve(256);
  JsonText json(reply.body);
  json.begin_object().key("data").begin_object();
  json.key("task_id").string(created.task.id.text());
  json.key("execution_id").string(created.execution_id->text());
  json.key("status").string(name_of(ExecutionStatus::pending));
  json.key("scheduled_for").time(created.scheduled_for).end_object();
  json.key("message").string("Task queued for execution").end_object();
  return reply;
}

StoredReply created_reply(const CreatedTask& created) {
  if (created.execution_id) return queued_reply(created);
  return {201, task_body(created.task, "Cron task created")};
}

StoredReply triggered_reply(const StartedRun& run) { return started_run_reply(run, "Task triggered successfully"); }

StoredReply cancelled_reply(std::size_t count) {
  StoredReply reply{200, {}};
  JsonText json(reply.body);
  json.begin_object().key("data").begin_object();
  json.key("cancelled").number(static_cast<std::int64_t>(count)).end_object();
  json.key("message").string(std::to_string(count) + " tasks cancelled").end_object();
  return reply;
}

}  // namespace

Answer create_task(const Call& call) {
  RequestMemory memory;
  const auto [fields, source] = read_task_object(call.body, memory.pointer());
  return answer_of(call.engine.create_task(call.request(), read_new_task(fields, source, call.engine), created_reply));
}

Answer list_tasks(const Call& call) {
  const auto wish = read_page_wish(call.query);
  TaskQuery query;
  query.organization_id = call.principal->organization_id;
  query.limit = wish.limit;
  query.offset = wish.offset;
  query.after = read_task_cursor(call.query);
  query.queue = call.query.text("queue");
  query.without_queue = query.queue == "none";
  if (query.without_queue) query.queue.reset();
  query.schedule_type = call.query.named<ScheduleType>("schedule_type", parse_name<ScheduleType>);
  query.status = call.query.named<ExecutionStatus>("status", parse_name<ExecutionStatus>);
  query.name_prefix = call.query.text("q");
  query.kept_since = call.engine.kept_since(*call.principal);
  const auto page = call.engine.list_tasks(std::move(query));
  return {.body = page_body(page, wish, append_task, [](const Task& last) {
            return TaskCursor{last.last_execution_at, last.inserted_at, last.id};
          })};
}

Answer show_task(const Call& call) {
  return {.body = task_body(call.engine.find_task(*call.principal, id_of<TaskId>(call.parameter)))};
}

Answer change_task(const Call& call) {
  RequestMemory memory;
  const auto id = id_of<TaskId>(call.parameter);
  auto [fields, source] = read_task_object(call.body, memory.pointer());
  const auto change = read_task_change(fields, source, call.engine.find_task(*call.principal, id), call.engine);
  return answer_of(call.engine.update_task(call.request(), id, change, [](const Task& task) {
    return StoredReply{200, task_body(task)};
  }));
}

Answer delete_task(const Call& call) {
  return answer_of(call.engine.delete_task(call.request(), id_of<TaskId>(call.parameter), StoredReply{204, {}}));
}

Answer delete_queue(const Call& call) {
  const auto queue = call.query.text("queue");
  if (!queue) throw ApiError(ErrorCode::invalid_params, "queue is required");
  return answer_of(call.engine.delete_queue(call.request(), *queue, cancelled_reply));
}

Answer trigger_task(const Call& call) {
  return answer_of(call.engine.trigger_task(call.request(), id_of<TaskId>(call.parameter), triggered_reply));
}

}  // namespace punctual
