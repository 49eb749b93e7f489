#include "host/notifier_event.hpp"

namespace punctual {

punctual_event c_event(const NotifierEvent& event) {
  punctual_event out{};
  out.struct_size = sizeof out;
  out.id = event.id.c_str();
  out.kind = event.kind.c_str();
  out.organization = event.organization.c_str();
  out.task_id = event.task_id.c_str();
  out.task_name = event.task_name.c_str();
  out.task_url = event.task_url.c_str();
  out.execution_id = event.execution_id.c_str();
  out.message = event.message.c_str();
  out.occurred_at_ms = event.occurred_at_ms;
  out.json = event.json.c_str();
  out.channel = event.channel.c_str();
  out.subject = event.subject.c_str();
  out.detail = event.detail.c_str();
  out.since_ms = event.since_ms;
  out.task_method = event.task_method.c_str();
  out.execution_status = event.execution_status.c_str();
  out.status_code = event.status_code;
  out.attempt = event.attempt;
  out.error_message = event.error_message.c_str();
  out.response_body = event.response_body.c_str();
  out.link = event.link.c_str();
  out.count = event.count;
  return out;
}

}  // namespace punctual
