// HeldClaims: every execution this node has claimed and not yet settled, and what may happen to it.
//
// A claim is `expected` (its insert is being committed), `waiting` (in the due wheel) or `sending` (its request is under
// way or its result is being stored). All functions may be called from any thread.
//
// A tenth of the places is kept for organisations that have less than their equal share, so that one with slow targets
// cannot fill the server; all else goes to whoever comes.
//
// Changes to a task must not race with its deliveries. A Hold stops the waiting executions of a task from being sent while
// storage is changed; expected and sending ones are named to storage as under way. Claims that storage revoked leave the
// wheel, also those that a claim in progress is only about to bring.
#pragma once

#include <atomic>
#include <condition_variable>
#include <limits>
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

  // Takes a place for an execution that is about to be inserted as claimed. False: no room for it, or suspended.
  [[nodiscard]] bool expect(const ClaimRef& claim, OrganizationId organization, TaskId task);
  // The insert did not happen.
  void abandon(const ClaimRef& claim) { settled({&claim, 1}); }
  // The insert is durable: expected becomes sending. False: the claim is no longer wanted (suspended), do not send.
  [[nodiscard]] bool begin_sending(ExecutionId id);

  // ---- claim ahead

  [[nodiscard]] std::size_t room();
  // What a claim of up to `wanted` may bring: at most `limit` in all, of an organisation what `shares` says, else `share`.
  struct Allowance {
    std::size_t limit = 0;
    std::size_t share = std::numeric_limits<std::size_t>::max();
    std::vector<Share> shares;
  };
  // Brackets a claim: the places that it may fill are kept free, and what is revoked from here on is dropped when its result
  // is absorbed.
  [[nodiscard]] Allowance begin_claim(std::size_t wanted);
  // Puts claimed executions into the wheel. Without result (the claim failed): absorb({}).
  void absorb(std::vector<Claimed> claimed);
  // Blocks until executions are due (they become sending) or stop() was called (empty).
  [[nodiscard]] std::vector<Claimed> wait_due(Clock& clock);
  // The lease is good until then: what waits is not sent later, unless this is called again. Without it: for ever.
  void trust(MonotonicTime until);

  // ---- the end

  // Its request is about to be sent. False: it has been cancelled, do not send it.
  [[nodiscard]] bool sent(const ClaimRef& claim, Time at);
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

  // Another server asks for the claims of a task (nullopt: of all tasks of the organisation): those that wait are given up,
  // those under way are named with the instant of sending.
  struct Recalled {
    std::vector<ClaimRef> given_up;
    std::vector<StartedClaim> started;
  };
  [[nodiscard]] Recalled recall(OrganizationId organization, std::optional<TaskId> task, Time now);

  // ---- cancelled executions

  // An execution that is held here is not to be sent any more; if its request is under way already, the caller aborts it. False:
  // it is not held here.
  [[nodiscard]] bool cancel(ExecutionId id);
  [[nodiscard]] bool is_cancelled(const ClaimRef& claim);
  // How many have been cancelled so far. Who reads the same number before sent() and after the request is on its way has
  // missed none that could not have been aborted.
  [[nodiscard]] std::uint64_t cancellations() const noexcept { return cancellations_.load(std::memory_order_acquire); }

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
    bool cancelled = false;
  };
  using Entries = std::unordered_map<ExecutionId, Entry>;
  struct State {
    Entries entries;
    std::map<OrganizationId, std::size_t> held_by;  // how many entries of each
    DueWheel wheel;
    std::vector<Claimed> parked;  // due, but their task is held
    std::map<TaskId, int> held_tasks;
    std::map<OrganizationId, int> held_organizations;
    bool claiming = false;
    std::size_t reserved = 0;    // while claiming
    bool claim_void = false;     // suspended since the claim began: what it brings has been given back
    std::set<ClaimRef> revoked;  // while claiming
    MonotonicTime trusted_until = MonotonicTime::max();
    bool suspended = false;
    bool stopped = false;

    void add(ExecutionId id, const Entry& entry);
    void erase(Entries::iterator entry);
    void erase(ExecutionId id);
    [[nodiscard]] std::size_t of(OrganizationId organization) const;
    [[nodiscard]] std::size_t taken() const { return entries.size() + reserved; }

    [[nodiscard]] bool is_held(const Claimed& one) const {
      return held_tasks.contains(one.task_id) || held_organizations.contains(one.organization_id);
    }
    // Out of the wheel or the parked ones. False: it was in neither.
    bool drop_waiting(const ClaimRef& claim);
    [[nodiscard]] std::size_t busy() const { return entries.size() - wheel.size() - parked.size(); }
  };

  // How many may be taken by whoever comes, and what each organisation may have beyond that.
  [[nodiscard]] std::size_t open_places(const State& state) const;
  [[nodiscard]] std::size_t equal_share(const State& state) const;
  [[nodiscard]] Allowance allowance(const State& state, std::size_t wanted) const;

  std::size_t capacity_;
  std::atomic<std::uint64_t> cancellations_{0};
  Guarded<State> state_;
  std::condition_variable due_changed_;
  std::condition_variable became_idle_;
};

}  // namespace punctual
