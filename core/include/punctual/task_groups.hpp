// TaskGroups: the role of storage that writes many tasks at once, all of them or none. What storage.hpp says of all roles
// holds for it, too.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "punctual/storage.hpp"

namespace punctual {

struct GroupOutcome {
  // applied, replayed, key_reused, or, so that none of the items is stored: conflict, one of them cannot be (unknown
  // organisation, execution id in use); limit_exceeded, not all of them are within the limits of the organisation.
  WriteResult result = WriteResult::applied;
  std::optional<StoredReply> replay;
  std::vector<bool> claimed;  // applied: of each item, in order, what InsertOutcome::claimed says
  std::size_t refused = 0;    // limit_exceeded: the place of the first item that is beyond a limit
};

// Which cron tasks of an organisation a sync is about.
struct SyncScope {
  std::vector<std::string> names;  // none twice
  bool others = false;             // and those of all other names
};

// Those tasks as they are, in order of their ids. Nobody else changes them until the sync ends.
struct SyncBase {
  struct Other {
    TaskId id;
    std::string name;
    std::string url;
    std::string cron_expression;
    std::string timezone;
  };
  std::vector<Task> named;    // with one of the names, which may come more than once
  std::vector<Other> others;  // empty unless asked for
};

// What becomes of them.
struct SyncPlan {
  std::vector<NewWork> created;     // cron tasks, without execution
  std::vector<TaskUpdate> updated;  // of `named`, as TaskStore::update does it
  std::vector<TaskId> removed;      // of any, as TaskStore::remove does it
  std::vector<AuditEntry> audit;    // written with it: what is to be said of `updated` and `removed`
  StoredReply reply;                // what is stored for the idempotency key, in place of the reply of its record
};

class TaskGroups {
 public:
  virtual ~TaskGroups() = default;

  // Stores all items or none, in item order, one or more. They are of one organisation and have no idempotency records of
  // their own: `idempotency` is for all of them together. Else as WorkStore::insert: a group whose first task is stored
  // already is `applied` and changes nothing.
  [[nodiscard]] virtual GroupOutcome insert(NodeId node, std::span<const NewWork> items,
                                            const std::optional<IdempotencyRecord>& idempotency) = 0;

  // Changes the cron tasks of an organisation as `plan` says, which is called with the tasks of the scope while this is the
  // one sync of the organisation; perhaps on a thread of the backend, perhaps more than once, the last call counts. What it
  // throws is thrown, and nothing is written. write.task_id is not used.
  // applied, replayed, key_reused, held_elsewhere, limit_exceeded (max_tasks, when all is done) or not_found (the
  // organisation).
  [[nodiscard]] virtual TaskWriteOutcome sync(const TaskWrite& write, const SyncScope& scope,
                                              const std::function<SyncPlan(const SyncBase&)>& plan) = 0;
};

}  // namespace punctual
