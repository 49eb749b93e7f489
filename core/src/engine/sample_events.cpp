#include "engine/sample_events.hpp"

#include <string_view>
#include <utility>

#include "engine/notice_events.hpp"

namespace punctual {
namespace {

constexpr std::string_view public_url = "https://punctual.example.com";
constexpr seconds while_ago = std::chrono::minutes{10};

// UUIDv7s that differ in their last byte.
Uuid sample_id(std::uint8_t number) {
  return {{0x01, 0x89, 0x0a, 0x5d, 0xac, 0x96, 0x77, 0x4b, 0xbc, 0xce, 0xb3, 0x02, 0x09, 0x9a, 0x80, number}};
}

ExecutionDetail execution(ExecutionStatus status, int status_code, int attempt, Time now) {
  ExecutionDetail out;
  out.execution.id.value = sample_id(1);
  out.execution.task_id.value = sample_id(2);
  out.execution.run_id.value = sample_id(1);
  out.execution.attempt = attempt;
  out.execution.status = status;
  out.execution.started_at = out.execution.finished_at = out.execution.scheduled_for = now;
  out.execution.status_code = status_code;
  if (status == ExecutionStatus::failed) out.execution.error_message = "HTTP " + std::to_string(status_code);
  out.request_url = "https://example.com/hook";
  return out;
}

class Samples {
 public:
  explicit Samples(Time now) : now_(now) {
    claimed_.channel.name = "sample-channel";
    claimed_.organization_name = "sample";
  }

  std::vector<NotifierEvent> all() {
    auto failed = execution(ExecutionStatus::failed, 500, 6, now_);
    failed.response_body = R"({"error": "the disk is full: \u00e4"})";
    add_of_task(NoticeEvent::task_failed, std::move(failed), now_ - while_ago, {});

    auto recovered = execution(ExecutionStatus::success, 200, 1, now_);
    recovered.response_body = "ok";
    add_of_task(NoticeEvent::task_recovered, std::move(recovered), now_ - while_ago, {});

    add_of_task(NoticeEvent::task_disabled, execution(ExecutionStatus::failed, 410, 1, now_), {},
                "its target answered 410");

    const Notice stalled = add(NoticeEvent::queue_stalled, "sample-queue", {}, now_ - while_ago);
    const Notice warning = add(NoticeEvent::quota_warning, {}, "8000 of 10000 executions of the month are used", {});
    add(NoticeEvent::quota_reached, {}, "all 10000 executions of the month are used", {});
    add(NoticeEvent::host_circuit_opened, "example.com:443", {}, {});
    tell({stalled, warning});
    out_.push_back(test_event(claimed_.channel, claimed_.organization_name, sample_id(next_id_++).text(), now_));
    return std::move(out_);
  }

 private:
  Notice notice(NoticeEvent event, std::optional<Time> since) {
    Notice out;
    out.id.value = sample_id(next_id_++);
    out.event = event;
    out.occurred_at = now_;
    out.since = since;
    return out;
  }

  void add_of_task(NoticeEvent event, ExecutionDetail execution, std::optional<Time> since, std::string detail) {
    Notice told = notice(event, since);
    told.detail = std::move(detail);
    told.task_id = execution.execution.task_id;
    told.task_name = "Sample task";
    told.execution = std::move(execution);
    tell({std::move(told)});
  }

  Notice add(NoticeEvent event, std::string subject, std::string detail, std::optional<Time> since) {
    Notice told = notice(event, since);
    told.subject = std::move(subject);
    told.detail = std::move(detail);
    tell({told});
    return told;
  }

  void tell(std::vector<Notice> notices) {
    claimed_.notices = std::move(notices);
    out_.push_back(event_of(claimed_, public_url));
  }

  Time now_;
  std::uint8_t next_id_ = 3;
  ClaimedNotices claimed_;  // the notices of the moment
  std::vector<NotifierEvent> out_;
};

}  // namespace

std::vector<NotifierEvent> sample_events(Time now) { return Samples(now).all(); }

}  // namespace punctual
