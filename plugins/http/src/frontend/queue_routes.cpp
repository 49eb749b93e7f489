// /queues, and what is done to one of them.
#include "frontend/field_checks.hpp"
#include "frontend/queue_json.hpp"
#include "frontend/routes.hpp"
#include "frontend/task_fields.hpp"
#include "frontend/task_input.hpp"

namespace punctual {

namespace {

// No task is in a queue with a longer name.
std::string_view name_of_queue(const Call& call) {
  if (code_points(call.parameter) > max_queue_name) throw NotFound();
  return call.parameter;
}

StoredReply paused_reply(std::string_view name, bool paused) {
  StoredReply reply{200, {}};
  JsonText json(reply.body);
  json.begin_object().key("data").begin_object();
  json.key("name").string(name);
  json.key("paused").boolean(paused).end_object();
  json.key("message").string("Queue \"" + std::string(name) + (paused ? "\" paused" : "\" resumed")).end_object();
  return reply;
}

}  // namespace

Answer list_queues(const Call& call) {
  Answer answer;
  JsonText json(answer.body);
  json.begin_object().key("data").begin_array();
  for (const Queue& queue : call.engine.list_queues(*call.principal)) append_queue(json, queue);
  json.end_array().end_object();
  return answer;
}

Answer show_queue(const Call& call) {
  return {.body = queue_body(call.engine.find_queue(*call.principal, name_of_queue(call)))};
}

Answer change_queue(const Call& call) {
  const auto change = read_queue_change(read_object(call.body, {}));
  return answer_of(call.engine.change_queue(call.request(), name_of_queue(call), change, [](const Queue& queue) {
    return StoredReply{200, queue_body(queue)};
  }));
}

Answer forget_queue(const Call& call) {
  return answer_of(call.engine.forget_queue(call.request(), name_of_queue(call), StoredReply{204, {}}));
}

Answer pause_queue(const Call& call) {
  const auto name = name_of_queue(call);
  return answer_of(call.engine.pause_queue(call.request(), name, paused_reply(name, true)));
}

Answer resume_queue(const Call& call) {
  const auto name = name_of_queue(call);
  return answer_of(call.engine.resume_queue(call.request(), name, paused_reply(name, false)));
}

}  // namespace punctual
