// POST /tasks/batch, PUT /sync.
#include "frontend/group_input.hpp"
#include "frontend/json_text.hpp"
#include "frontend/routes.hpp"
#include "frontend/task_input.hpp"

namespace punctual {

namespace {

// What all have in common; nullopt: they differ, or have none.
template <class Of>
auto common(std::span<const NewWork> works, Of of) {
  auto first = works.empty() ? decltype(of(works.front())){} : of(works.front());
  for (const NewWork& work : works) {
    if (of(work) != first) return decltype(first){};
  }
  return first;
}

StoredReply batch_reply(std::span<const NewWork> works) {
  StoredReply reply{201, {}};
  reply.body.reserve(256 + works.size() * 120);
  JsonText json(reply.body);
  json.begin_object().key("data").begin_object();
  json.key("queue").optional(common(works, [](const NewWork& work) { return work.task.spec.queue; }));
  json.key("created").number(static_cast<std::int64_t>(works.size()));
  json.key("scheduled_for").optional(common(works, [](const NewWork& work) { return work.task.spec.scheduled_at; }));
  json.key("tasks").begin_array();
  for (const NewWork& work : works) {
    json.begin_object().key("task_id").string(work.task.id.text()).key("execution_id");
    work.execution ? json.string(work.execution->id.text()) : json.null();
    json.end_object();
  }
  json.end_array().end_object();
  json.key("message").string(std::to_string(works.size()) + " tasks created").end_object();
  return reply;
}

void append_names(JsonText& json, std::string_view key, const std::vector<std::string>& names) {
  json.key(key).begin_array();
  for (const auto& name : names) json.string(name);
  json.end_array();
}

void append_counts(JsonText& json, const SyncedTasks& synced) {
  append_names(json, "created", synced.created);
  append_names(json, "updated", synced.updated);
  append_names(json, "deleted", synced.removed);
  json.key("created_count").number(static_cast<std::int64_t>(synced.created.size()));
  json.key("updated_count").number(static_cast<std::int64_t>(synced.updated.size()));
  json.key("deleted_count").number(static_cast<std::int64_t>(synced.removed.size()));
}

std::string sync_message(const SyncedTasks& synced) {
  if (synced.created.empty() && synced.updated.empty() && synced.removed.empty()) return "No changes";
  return "Sync complete: " + std::to_string(synced.created.size()) + " created, " +
         std::to_string(synced.updated.size()) + " updated, " + std::to_string(synced.removed.size()) + " deleted";
}

// What was done to the tasks stands at the top as well, where older clients read it.
StoredReply sync_reply(const SyncedTasks& synced) {
  StoredReply reply{200, {}};
  JsonText json(reply.body);
  json.begin_object().key("data").begin_object();
  json.key("tasks").begin_object();
  append_counts(json, synced);
  json.end_object();
  for (const auto* type : {"monitors", "endpoints"}) {
    json.key(type).begin_object();
    append_counts(json, {});
    json.end_object();
  }
  append_counts(json, synced);
  json.end_object();
  json.key("message").string(sync_message(synced)).end_object();
  return reply;
}

}  // namespace

Answer create_batch(const Call& call) {
  boost::json::monotonic_resource memory;
  const auto fields = read_object(call.body, &memory);
  return answer_of(call.engine.create_tasks(call.request(), read_batch(fields, call.body, call.engine), batch_reply));
}

Answer sync_tasks(const Call& call) {
  boost::json::monotonic_resource memory;
  const auto fields = read_object(call.body, &memory);
  return answer_of(call.engine.sync_tasks(call.request(), read_sync(fields, call.body, call.engine), sync_reply));
}

}  // namespace punctual
