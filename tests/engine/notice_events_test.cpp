// What a channel is told, made of the notices that storage gives.
#include "engine/notice_events.hpp"

#include <boost/json.hpp>
#include <catch2/catch.hpp>

using namespace punctual;

namespace {

ClaimedNotices disabled_task() {
  ClaimedNotices out;
  out.channel.name = "ops";
  out.organization_name = "acme";
  Notice notice;
  notice.event = NoticeEvent::task_disabled;
  notice.detail = "its schedule cannot be followed";
  notice.task_id.emplace().value.bytes[0] = 1;
  notice.task_name = "nightly";
  notice.task_url = "https://example.com/hook?token=s3cret-value";
  notice.task_method = Method::put;
  out.notices.push_back(notice);
  return out;
}

}  // namespace

TEST_CASE("an event of a task without an attempt has the URL and the method of the task") {
  const auto event = event_of(disabled_task(), "");
  CHECK(event.task_url == "https://example.com/hook?token=***");
  CHECK(event.task_method == "PUT");
  CHECK(event.execution_id.empty());
  const auto json = boost::json::parse(event.json);
  CHECK(json.at("task").at("url") == "https://example.com/hook?token=***");
  CHECK(json.at("task").at("method") == "PUT");
  CHECK(json.at("execution").is_null());
}

TEST_CASE("an event of an attempt has what that was sent with, whatever the task says since") {
  auto claimed = disabled_task();
  auto& attempt = claimed.notices[0].execution.emplace();
  attempt.request_url = "https://old.example/hook";
  attempt.request_method = Method::post;
  const auto event = event_of(claimed, "");
  CHECK(event.task_url == "https://old.example/hook");
  CHECK(event.task_method == "POST");
}

TEST_CASE("an event of a task that is gone has its id alone") {
  auto claimed = disabled_task();
  claimed.notices[0].task_name.clear();
  claimed.notices[0].task_url.clear();
  claimed.notices[0].task_method.reset();
  const auto event = event_of(claimed, "");
  CHECK_FALSE(event.task_id.empty());
  CHECK(event.task_name.empty());
  CHECK(event.task_url.empty());
  CHECK(event.task_method.empty());
}
