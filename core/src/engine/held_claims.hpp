// HeldClaims: every execution this node has claimed and not yet settled, and what may happen to it.
//
// A claim is `expected` (its insert is being committed), `waiting` (in the due wheel) or `sending` (its request is under
// way or its result is being stored). All functions may be called from any thread.
//
// Changes to a task must not race with its deliveries. A Hold stops the waiting executions of a task from being sent while
// storage is changed; expected and sending ones are named to storage as under way. Claims that storage revoked leave the
// wheel, also those that a claim in progress is only about to bring.
#pragma once

#include <condition_variable>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <unordered_map>
#include <vector>

#include "engine/clock.hpp"
#include "engine/due_wheel.hpp"
#include "engine/guarded.hpp"
#include "punctual/storage.hpp"

namespace punctual {

class HeldClaims {
 public:
  // `capacity`: how many claims this node may hold.
  explicit HeldClaims(std::size_t capacity) : capacity_(capacity) {}

  // ---- claim at insert

  // Takes a place for an execution that is about to be inserted as claimed. False: no room, or suspended.
  [[nodiscard]] bool expect(const ClaimRef& claim, OrganizationId organization, TaskId task);
  // The insert did not happen.
  void abandon(const ClaimRef& claim) { settled({&claim, 1}); }
  // The insert is durable: expected becomes sending. False: the claim is no longer wanted (suspended), do not send.
  [[nodiscard]] bool begin_sending(ExecutionId id);

  // ---- claim ahead

  [[nodiscard]] std::size_t room();
  // Brackets a claim: what is revoked from here on is dropped when the claim's result is absorbed.
  void begin_claim();
  // Puts claimed executions into the wheel. Without result (the claim failed): absorb({}).
  void absorb(std::vector<Claimed> claimed);
  // Blocks until executions are due (they become sending) or stop() was called (empty).
  [[nodiscard]] std::vector<Claimed> wait_due(Clock& clock);

  // ---- the end

  void sent(const ClaimRef& claim, Time at);
  void settled(std::span<const ClaimRef> claims);

  // ---- changes of tasks

  class Hold {
   public:
    // Of one task, or (nullopt) of all tasks of the organisation.
    Hold(HeldClaims& claims, OrganizationId organization, std::optional<TaskId> task);
    ~Hold();
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

    // What of it is under way here.
    [[nodiscard]] const std::vector<ExecutionId>& sending() const noexcept { return sending_; }
    // Storage has made these void.
    void revoke(std::span<const ClaimRef> claims);

   private:
    HeldClaims& claims_;
    OrganizationId organization_;
    std::optional<TaskId> task_;
    std::vector<ExecutionId> sending_;
  };

  // ---- questions

  [[nodiscard]] bool knows(const ClaimRef& claim);
  // When the request of an execution was sent, if it is under way here.
  [[nodiscard]] std::optional<Time> sent_at(ExecutionId id);

  struct Sizes {
    std::size_t waiting = 0;
    std::size_t sending = 0;
  };
  [[nodiscard]] Sizes sizes();

  // ---- the node's life

  // Empties the wheel and takes nothing more until resume(). Gives the claims that were waiting.
  [[nodiscard]] std::vector<ClaimRef> suspend();
  void resume();
  // Ends wait_due.
  void stop();
  // Waits until nothing is expected or sending, at most `limit` of real time; false: something still is.
  [[nodiscard]] bool wait_idle(milliseconds limit);

 private:
  enum class Stage : std::uint8_t { expected, waiting, sending };
  struct Entry {
    OrganizationId organization;
    TaskId task;
    ClaimToken token{};
    Stage stage = Stage::expected;
    std::optional<Time> sent_at;
  };
  struct State {
    std::unordered_map<ExecutionId, Entry> entries;
    DueWheel wheel;
    std::vector<Claimed> parked;  // due, but their task is held
    std::map<TaskId, int> held_tasks;
    std::map<OrganizationId, int> held_organizations;
    bool claiming = false;
    std::set<ClaimRef> revoked;  // while claiming
    bool suspended = false;
    bool stopped = false;

    [[nodiscard]] bool is_held(const Claimed& one) const {
      return held_tasks.contains(one.task_id) || held_organizations.contains(one.organization_id);
    }
    // Out of the wheel or the parked ones. False: it was in neither.
    bool drop_waiting(const ClaimRef& claim);
    [[nodiscard]] std::size_t busy() const { return entries.size() - wheel.size() - parked.size(); }
  };

  std::size_t capacity_;
  Guarded<State> state_;
  std::condition_variable due_changed_;
  std::condition_variable became_idle_;
};

}  // namespace punctual
