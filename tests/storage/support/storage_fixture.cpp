#include "support/storage_fixture.hpp"

#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>

namespace punctual::testing {

Time at(microseconds after) {
  using namespace std::chrono;
  return Time{sys_days{year{2026} / 3 / 1}} + after;
}

Uuid next_uuid() {
  static std::atomic<std::uint64_t> last{0};
  const std::uint64_t number = ++last;
  Uuid id{{0x01, 0x9c, 0xa0, 0x00, 0x00, 0x00, 0x70, 0x00, 0x80}};
  for (std::size_t i = 0; i < 7; ++i) id.bytes[15 - i] = static_cast<std::uint8_t>(number >> (8 * i));
  return id;
}

ClaimToken next_token() {
  static std::atomic<std::int64_t> last{1000};
  return ClaimToken{++last};
}

Digest digest_of(char letter) {
  Digest digest{};
  digest.fill(static_cast<std::uint8_t>(letter));
  return digest;
}

IdempotencyRecord key_used(const std::string& key, char request, Time at, const std::string& reply) {
  return {key, digest_of(request), at, {202, reply}};
}

NewWork once(OrganizationId organization, Time due, std::optional<std::string> queue) {
  NewWork work;
  work.task.id = next_id<TaskId>();
  work.task.organization_id = organization;
  work.task.spec.name = "once";
  work.task.spec.url = "https://example.com/hook";
  work.task.spec.scheduled_at = due;
  work.task.spec.queue = std::move(queue);
  work.task.next_run_at = due;
  work.task.inserted_at = work.task.updated_at = work.task.spec.queue ? at(-1s) : due;
  const auto id = next_id<ExecutionId>();
  work.execution = NewExecution{id, id, 1, due};
  return work;
}

NewWork cron(OrganizationId organization, Time next_run_at) {
  NewWork work;
  work.task.id = next_id<TaskId>();
  work.task.organization_id = organization;
  work.task.spec.name = "cron";
  work.task.spec.url = "https://example.com/tick";
  work.task.spec.method = Method::get;
  work.task.spec.schedule_type = ScheduleType::cron;
  work.task.spec.cron_expression = "* * * * *";
  work.task.spec.retry_attempts = 0;
  work.task.next_run_at = next_run_at;
  work.task.inserted_at = work.task.updated_at = at(0s);
  return work;
}

NewWork full_task(OrganizationId organization, Time due) {
  NewWork work = once(organization, due, "mail");
  TaskSpec& spec = work.task.spec;
  spec.name = "Größe · 100 %";
  spec.method = Method::patch;
  spec.headers = {{"X-One", "a \"quoted\" value"}, {"x-one", "again"}, {"Accept", "text/plain"}};
  spec.body = std::string("{\"a\":1}\0tail", 12);
  spec.timezone = "Europe/Berlin";
  spec.timeout = 1234ms;
  spec.retry_attempts = 3;
  spec.callback_url = "https://example.com/callback";
  spec.on_failure_url = "https://example.com/failed";
  spec.on_recovery_url = "https://example.com/recovered";
  spec.expected_status_codes = "200,204";
  spec.expected_body_pattern = "ok";
  spec.notify_on_failure = true;
  spec.notify_on_recovery = false;
  spec.misfire = Misfire::all;
  spec.overlap = Overlap::skip;
  spec.retry_delay = 7s;
  spec.retry_max_delay = 70s;
  spec.expires_in = 700s;
  work.task.inserted_at = due + 1us;
  work.task.updated_at = due + 2us;
  return work;
}

Settlement settlement(const Claimed& claimed, ExecutionStatus status, Time finished_at) {
  Settlement item;
  item.id = claimed.id;
  item.token = claimed.token;
  item.task_id = claimed.task_id;
  item.status = status;
  item.started_at = finished_at - 5ms;
  item.finished_at = finished_at;
  item.duration = 5ms;
  item.request_method = claimed.method;
  item.request_url = claimed.url;
  return item;
}

std::vector<ExecutionId> ids_of(const std::vector<Claimed>& claimed) {
  std::vector<ExecutionId> out;
  for (const Claimed& one : claimed) out.push_back(one.id);
  return out;
}

void prepare(Storage& store) {
  store.maintenance().migrate();
  (void)store.maintenance().upkeep({at(0s), 30 * 24h});
}

RescueReport take_over(Storage& store, const StorageSite& site, NodeId node) {
  RescueReport all = store.leases().acquire({node, "test-host", ::getpid(), at(0s)});
  if (!site.allows_several_servers()) return all;
  // The first look finds when the others were last alive, the second that they have not been since.
  for (const MonotonicTime now : {MonotonicTime{100s}, MonotonicTime{111s}}) {
    const RescueReport report = store.leases().rescue(node, now, 10s);
    all.executions += report.executions;
    all.nodes += report.nodes;
    all.messages += report.messages;
    all.notices += report.notices;
  }
  return all;
}

StorageFixture::StorageFixture() : store_(site.open()) {
  prepare(*store_);
  store_->directory().create_organization({acme, "acme", {"whsec_new", "whsec_old"}, at(0s), std::nullopt});
  store_->directory().create_organization({other, "other", {"whsec_other"}, at(1s), std::nullopt});
  take_lease();
}

void StorageFixture::reopen() {
  store_.reset();
  store_ = site.open();
}

RescueReport StorageFixture::take_lease() {
  node = next_id<NodeId>();
  return store_->leases().acquire({node, "test-host", ::getpid(), at(0s)});
}

RescueReport StorageFixture::succeed() {
  reopen();
  node = next_id<NodeId>();
  return take_over(*store_, site, node);
}

TaskId StorageFixture::insert(const NewWork& work) {
  const auto outcomes = store_->work().insert(node, {&work, 1});
  REQUIRE(outcomes.size() == 1);
  REQUIRE(outcomes[0].result == WriteResult::applied);
  return work.task.id;
}

ClaimRequest StorageFixture::claim_request(Time now, Time horizon, std::size_t limit) const {
  ClaimRequest request;
  request.node = node;
  request.token = next_token();
  request.now = now;
  request.horizon = horizon;
  request.limit = limit;
  return request;
}

std::vector<Claimed> StorageFixture::claim(Time now, std::size_t limit) {
  return store_->work().claim(claim_request(now, limit)).claimed;
}

Claimed StorageFixture::claim_one(Time now) {
  auto claimed = claim(now);
  REQUIRE(claimed.size() == 1);
  return claimed[0];
}

SettleOutcome StorageFixture::settle(const Settlement& item) {
  const auto outcomes = store_->work().settle({&item, 1});
  REQUIRE(outcomes.size() == 1);
  return outcomes[0];
}

Task StorageFixture::task(TaskId id) {
  const auto found = store_->tasks().find(acme, id);
  REQUIRE(found);
  return *found;
}

Execution StorageFixture::execution(ExecutionId id) {
  const auto found = store_->tasks().find_execution(acme, id);
  REQUIRE(found);
  return found->execution;
}

TaskWrite StorageFixture::write(TaskId id, Time now, std::span<const ExecutionId> sending) const {
  return {acme, id, node, now, sending, std::nullopt};
}

TaskUpdate StorageFixture::change_to(const Task& changed, PendingChange pending) {
  const Time version = task(changed.id).updated_at;
  TaskUpdate update{changed, version, pending, {}};
  update.task.updated_at = version + 1s;
  return update;
}

}  // namespace punctual::testing
