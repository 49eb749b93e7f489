// StorageFixture: a migrated store with two organisations and a lease, and short words for what most cases do.
#pragma once

#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "support/storage_site.hpp"

namespace punctual::testing {

using namespace std::chrono_literals;

// Instants of the tests: so long after a fixed moment.
[[nodiscard]] Time at(microseconds after);

// Ids that ascend in the order they are made. Any thread.
[[nodiscard]] Uuid next_uuid();
template <class IdType>
[[nodiscard]] IdType next_id() {
  return IdType{next_uuid()};
}
[[nodiscard]] ClaimToken next_token();

[[nodiscard]] Digest digest_of(char letter);
[[nodiscard]] IdempotencyRecord key_used(const std::string& key, char request, Time at,
                                         const std::string& reply = "{}");

// A one-time task due at `due` with its execution, inserted at `due`; with a queue before any time of the tests, so that its
// place in the line is that of its due time.
[[nodiscard]] NewWork once(OrganizationId organization, Time due, std::optional<std::string> queue = std::nullopt);
// An enabled cron task.
[[nodiscard]] NewWork cron(OrganizationId organization, Time next_run_at);
// A task with no field at its default.
[[nodiscard]] NewWork full_task(OrganizationId organization, Time due);

[[nodiscard]] Settlement settlement(const Claimed& claimed, ExecutionStatus status, Time finished_at);
[[nodiscard]] std::vector<ExecutionId> ids_of(const std::vector<Claimed>& claimed);
template <class Item>
[[nodiscard]] auto ids_of(const Page<Item>& page) {
  std::vector<decltype(Item::id)> out;
  for (const Item& item : page.items) out.push_back(item.id);
  return out;
}

// Makes a fresh store ready for the time of the tests.
void prepare(Storage& store);
// Takes a lease and returns what servers had claimed that are dead now, as it is done where one server is allowed and where
// there may be several.
RescueReport take_over(Storage& store, const StorageSite& site, NodeId node);

class StorageFixture {
 public:
  StorageFixture();

  [[nodiscard]] Storage& store() { return *store_; }
  [[nodiscard]] WorkStore& work() { return store_->work(); }
  [[nodiscard]] TaskStore& tasks() { return store_->tasks(); }

  // Destroys the instance and opens a new one: what is not on disk is gone. Nothing keeps the lease from now on.
  void reopen();
  [[nodiscard]] PluginLibrary::Instance open_another() { return site.open(); }
  void close() { store_.reset(); }

  // Takes a new lease under a new id.
  RescueReport take_lease();
  // The server dies and another one takes over; what that returned.
  RescueReport succeed();

  // Stores one task; fails the test when it is not applied. Gives the task's id.
  TaskId insert(const NewWork& work);
  // For what is due at `now`, or at the horizon.
  [[nodiscard]] ClaimRequest claim_request(Time now, std::size_t limit) const { return claim_request(now, now, limit); }
  [[nodiscard]] ClaimRequest claim_request(Time now, Time horizon, std::size_t limit) const;
  // Claims what is due at `now`, without claiming ahead.
  [[nodiscard]] std::vector<Claimed> claim(Time now, std::size_t limit = 100);
  // Claims exactly one.
  [[nodiscard]] Claimed claim_one(Time now);
  [[nodiscard]] SettleOutcome settle(const Settlement& item);

  [[nodiscard]] Task task(TaskId id);
  [[nodiscard]] Execution execution(ExecutionId id);
  [[nodiscard]] ExecutionStatus status(ExecutionId id) { return execution(id).status; }

  [[nodiscard]] TaskWrite write(TaskId id, Time now, std::span<const ExecutionId> sending = {}) const;
  // The change to `changed`, read just now.
  [[nodiscard]] TaskUpdate change_to(const Task& changed, PendingChange pending = PendingChange::keep);

  StorageSite site;
  OrganizationId acme = next_id<OrganizationId>();
  OrganizationId other = next_id<OrganizationId>();
  NodeId node;

 private:
  PluginLibrary::Instance store_;
};

}  // namespace punctual::testing
