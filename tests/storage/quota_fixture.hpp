// An organisation with limits, and what may be asked of a store that keeps them.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "support/storage_fixture.hpp"

namespace punctual::testing {

inline constexpr auto day = std::chrono::hours{24};

struct QuotaFixture : StorageFixture {
  void limit(const std::function<void(OrganizationLimits&)>& set) {
    REQUIRE(store().directory().change_organization(acme, [&](Organization& one) -> std::optional<AuditEntry> {
      set(one.limits);
      return std::nullopt;
    }));
  }
  void quota(std::optional<std::int64_t> most) {
    limit([&](OrganizationLimits& limits) { limits.monthly_executions = most; });
  }
  WriteResult offer(const NewWork& one) { return work().insert(node, {&one, 1}).at(0).result; }
  std::vector<WriteResult> offer(const std::vector<NewWork>& batch) {
    std::vector<WriteResult> out;
    for (const auto& outcome : work().insert(node, batch)) out.push_back(outcome.result);
    return out;
  }
  [[nodiscard]] std::int64_t used(Time when) {
    const auto use = store().quotas().find(acme, when);
    return use ? use->used : -1;
  }
  WriteResult run(TaskId id, Time when, std::optional<IdempotencyRecord> key = std::nullopt) {
    const auto execution = next_id<ExecutionId>();
    TaskWrite wish = write(id, when);
    wish.idempotency = std::move(key);
    return tasks().add_run(wish, {execution, execution, 1, when}).result;
  }
  std::size_t advance(const NewWork& task, std::vector<Time> occurrences, Time next) {
    ScheduleStep step{task.task.id, acme, *task.task.next_run_at, task.task.updated_at, {}, false, next, std::nullopt};
    for (const Time due : occurrences) {
      const auto id = next_id<ExecutionId>();
      step.executions.push_back({id, id, 1, due});
    }
    return store().schedules().advance({&step, 1}).at(0);
  }
  std::vector<QuotaNotice> notices(Time now = at(1s)) {
    return store().quotas().take_notices(now, [&](const QuotaNotice& notice) {
      return AuditEntry{notice.organization_id,
                        at(0s),
                        "system",
                        notice.level == QuotaNotice::Level::near ? "near" : "reached",
                        "x",
                        "y"};
    });
  }
  std::vector<std::string> logged() {
    AuditQuery query;
    query.organization_id = acme;
    std::vector<std::string> out;
    for (const auto& one : store().audit().list(query).items) out.push_back(one.entry.action);
    return out;
  }
  std::size_t stored() {
    TaskQuery query;
    query.organization_id = acme;
    query.limit = 10'000;
    return tasks().list(query).items.size();
  }
};

inline constexpr auto applied = WriteResult::applied;
inline constexpr auto exceeded = WriteResult::limit_exceeded;
using Results = std::vector<WriteResult>;

}  // namespace punctual::testing
