#include "engine/new_task.hpp"

#include <catch2/catch.hpp>

#include "punctual/errors.hpp"

using namespace punctual;
using namespace std::chrono_literals;

namespace {

const Time due = parse_rfc3339("2026-03-07T09:05:59Z").value();

Principal someone() {
  Principal by;
  by.organization_id.value.bytes[0] = 7;
  by.key_public_id = "pk_live_x";
  return by;
}
const Principal by = someone();

TaskSpec once(std::string url) {
  TaskSpec spec;
  spec.url = std::move(url);
  return spec;
}

TaskSpec cron(const char* expression, const char* timezone = "UTC") {
  TaskSpec spec = once("https://example.com/hook");
  spec.schedule_type = ScheduleType::cron;
  spec.cron_expression = expression;
  spec.timezone = timezone;
  return spec;
}

}  // namespace

TEST_CASE("a one-time task is named after its URL and its due time") {
  CHECK(default_name(once("https://example.com/hook"), due) == "https://example.com/hook · 07 Mar, 09:05");
}

TEST_CASE("a cron task is named after its URL") {
  CHECK(default_name(cron("* * * * *"), due) == "Cron: https://example.com/hook");
}

TEST_CASE("a default name is cut to 255 bytes between characters") {
  const std::string wide(200, 'x');
  std::string url = "https://example.com/" + wide;
  for (int i = 0; i < 40; ++i) url += "é";
  const auto name = default_name(once(url), due);
  CHECK(name.size() <= 255);
  CHECK(name.size() >= 254);
  CHECK(name.ends_with("é · 07 Mar, 09:05"));
}

TEST_CASE("a delay is never shortened by rounding to milliseconds") {
  CHECK(due_after(Time{microseconds{1'000'001}}, 2s) == Time{microseconds{3'001'000}});
  CHECK(due_after(Time{microseconds{1'000'000}}, 2s) == Time{microseconds{3'000'000}});
}

TEST_CASE("a disabled cron task has no next run") {
  auto spec = cron("* * * * *");
  CHECK(next_run(spec, due) == parse_rfc3339("2026-03-07T09:06:00Z"));
  spec.enabled = false;
  CHECK_FALSE(next_run(spec, due));
}

TEST_CASE("a schedule that cannot be read is refused by field") {
  CHECK_THROWS_AS(next_run(cron("61 * * * *"), due), Invalid);
  CHECK_THROWS_AS(next_run(cron("* * * * *", "Mars/Olympus"), due), Invalid);
}

TEST_CASE("a new one-time task is due after its delay, at its time, or now") {
  IdGenerator ids;
  const auto now = due + 300us;
  NewTask draft{once("https://example.com/hook"), std::nullopt};
  CHECK(new_work(draft, by, now, ids).execution->scheduled_for == due);
  draft.spec.scheduled_at = due + 1h;
  CHECK(new_work(draft, by, now, ids).execution->scheduled_for == due + 1h);
  const auto work = new_work({once("https://example.com/hook"), 5s}, by, now, ids);
  CHECK(work.execution->scheduled_for == due + 5s + 1ms);
  CHECK(work.task.spec.scheduled_at == work.execution->scheduled_for);
  CHECK(work.task.next_run_at == work.execution->scheduled_for);
  CHECK(work.task.spec.name == "https://example.com/hook · 07 Mar, 09:06");
  CHECK(work.execution->run_id == work.execution->id);
  CHECK_FALSE(work.audit);
}

TEST_CASE("a new cron task has a next run and no execution") {
  IdGenerator ids;
  const auto work = new_work({cron("* * * * *"), std::nullopt}, by, due, ids);
  CHECK_FALSE(work.execution);
  CHECK(work.task.organization_id == by.organization_id);
  CHECK(work.audit.value().action == "task.created");
  CHECK(work.audit->subject == work.task.id.text());
  CHECK(work.task.next_run_at == parse_rfc3339("2026-03-07T09:06:00Z"));
}

TEST_CASE("only another schedule makes a change forget what is to come") {
  Task before;
  before.spec = cron("* * * * *");
  before.next_run_at = due - 1h;
  before.updated_at = due - 2h;
  TaskSpec spec = before.spec;
  const auto nothing = changed_task(before, spec, {}, due);
  CHECK(nothing.task.updated_at == before.updated_at);
  CHECK(nothing.expected_version == before.updated_at);
  spec.url = "https://example.com/other";
  const auto url = changed_task(before, spec, {}, due);
  CHECK(url.pending == PendingChange::keep);
  CHECK(url.task.next_run_at == before.next_run_at);
  CHECK(url.task.updated_at == due);
  spec.timezone = "Europe/Berlin";
  const auto zone = changed_task(before, spec, {}, due);
  CHECK(zone.pending == PendingChange::forget);
  CHECK(zone.task.next_run_at == parse_rfc3339("2026-03-07T09:06:00Z"));
  before.updated_at = due + 1h;
  CHECK(changed_task(before, spec, {}, due).task.updated_at == before.updated_at + 1us);
}

TEST_CASE("a schedule that comes more often than its organisation may is neither made nor switched on") {
  IdGenerator ids;
  Principal limited = by;
  limited.limits.min_cron_interval = 5min;
  CHECK_THROWS_AS(new_work({cron("* * * * *"), std::nullopt}, limited, due, ids), Invalid);
  CHECK(new_work({cron("*/5 * * * *"), std::nullopt}, limited, due, ids).task.next_run_at);
  Task before;
  before.spec = cron("* * * * *");
  TaskSpec spec = before.spec;
  spec.url = "https://example.com/other";
  CHECK(changed_task(before, spec, limited.limits, due).pending == PendingChange::keep);
  spec.timezone = "Europe/Berlin";
  CHECK_THROWS_AS(changed_task(before, spec, limited.limits, due), Invalid);
  spec = before.spec;
  spec.enabled = false;
  CHECK(changed_task(before, spec, limited.limits, due).pending == PendingChange::forget);
  before.spec.enabled = false;
  spec.enabled = true;
  CHECK_THROWS_AS(changed_task(before, spec, limited.limits, due), Invalid);
}
