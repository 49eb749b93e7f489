// A storage that passes everything on to a real one and fails when told to. Any thread.
#pragma once

#include <atomic>

#include "engine/guarded.hpp"
#include "punctual/channels.hpp"
#include "punctual/errors.hpp"
#include "punctual/storage.hpp"
#include "punctual/task_groups.hpp"

namespace punctual::testing {

// An outbox as FaultyStorage is a storage.
class FaultyOutbox final : public Outbox {
 public:
  explicit FaultyOutbox(Outbox& real) : real_(real) {}

  void fail_settle(int times) { settle_failures_ = times; }
  // The next results are stored, but whoever stores them is not told.
  void lose_settle_answers(int times) { lost_settle_answers_ = times; }
  // The next claims are stored, but whoever claims is not told.
  void lose_claim_answers(int times) { lost_claim_answers_ = times; }

  MessageClaims claim(const MessageRequest& request) override {
    auto claims = real_.claim(request);
    if (!claims.claimed.empty() && lost_claim_answers_ > 0 && lost_claim_answers_-- > 0) {
      throw Timeout("told to lose the answer");
    }
    return claims;
  }
  std::size_t settle(std::span<const MessageResult> results) override {
    if (settle_failures_ > 0 && settle_failures_-- > 0) throw Unavailable("told to fail");
    const auto settled = real_.settle(results);
    if (lost_settle_answers_ > 0 && lost_settle_answers_-- > 0) throw Timeout("told to lose the answer");
    return settled;
  }
  void release(std::span<const MessageClaim> claims) override { real_.release(claims); }
  std::vector<MessageClaim> held(NodeId node) override { return real_.held(node); }
  std::size_t size(std::size_t limit) override { return real_.size(limit); }

 private:
  Outbox& real_;
  std::atomic<int> settle_failures_{0};
  std::atomic<int> lost_settle_answers_{0};
  std::atomic<int> lost_claim_answers_{0};
};

// Channels as FaultyStorage is a storage.
class FaultyChannels final : public Channels {
 public:
  explicit FaultyChannels(Channels& real) : real_(real) {}

  void fail_settle(int times) { settle_failures_ = times; }
  // The next claims are stored, but whoever claims is not told.
  void lose_claim_answers(int times) { lost_claim_answers_ = times; }

  std::vector<Channel> list(OrganizationId organization) override { return real_.list(organization); }
  std::optional<Channel> find(OrganizationId organization, ChannelId id) override {
    return real_.find(organization, id);
  }
  ChannelWriteOutcome create(const ChannelWrite& write, const Channel& channel) override {
    return real_.create(write, channel);
  }
  ChannelWriteOutcome update(const ChannelWrite& write, const Channel& channel, Time version) override {
    return real_.update(write, channel, version);
  }
  ChannelWriteOutcome remove(const ChannelWrite& write, ChannelId id) override { return real_.remove(write, id); }
  Page<NoticeRecord> list_notices(const NoticeQuery& query) override { return real_.list_notices(query); }
  ChannelWriteOutcome revive(const ChannelWrite& write, ChannelId id,
                             const std::function<StoredReply(std::size_t)>& reply) override {
    return real_.revive(write, id, reply);
  }
  NoticeClaims claim(const NoticeRequest& request) override {
    auto claims = real_.claim(request);
    if (!claims.claimed.empty() && lost_claim_answers_ > 0 && lost_claim_answers_-- > 0) {
      throw Timeout("told to lose the answer");
    }
    return claims;
  }
  void settle(std::span<const NoticeResult> results) override {
    if (settle_failures_ > 0 && settle_failures_-- > 0) throw Unavailable("told to fail");
    real_.settle(results);
  }
  void release(std::span<const NoticeClaim> claims) override { real_.release(claims); }
  std::vector<NoticeClaim> held(NodeId node) override { return real_.held(node); }
  Sizes sizes(std::size_t limit) override { return real_.sizes(limit); }
  std::vector<std::string> waiting_plugins() override { return real_.waiting_plugins(); }
  std::size_t give_up(const std::string& plugin, Time now, seconds patience, const std::string& error,
                      std::size_t limit) override {
    return real_.give_up(plugin, now, patience, error, limit);
  }
  std::size_t expire(Time before, std::size_t limit) override { return real_.expire(before, limit); }
  std::vector<StalledQueue> note_stalled_queues(Time now, seconds patience) override {
    return real_.note_stalled_queues(now, patience);
  }

 private:
  Channels& real_;
  std::atomic<int> settle_failures_{0};
  std::atomic<int> lost_claim_answers_{0};
};

class FaultyStorage final : public Storage, private WorkStore, private TaskGroups, private Leases {
 public:
  explicit FaultyStorage(Storage& real) : real_(real), outbox_(real.outbox()), channels_(real.channels()) {}

  void fail_settle(int times) { settle_failures_ = times; }
  void fail_insert(int times) { insert_failures_ = times; }
  // The next inserts are stored, but their callers are not told.
  void lose_insert_answers(int times) { lost_answers_ = times; }
  // The next insert is stored, its caller is not told, and when it is repeated it finds its own key in use: as when the first call
  // is still committing while the second begins.
  void cross_insert() { crossing_ = crossed_ = 1; }
  // Heartbeats fail until told otherwise.
  void fail_heartbeats(bool fail) { heartbeats_fail_ = fail; }
  // Heartbeats are not answered until told otherwise.
  void hang_heartbeats(bool hang) {
    heartbeats_hang_ = hang;
    heartbeats_hang_.notify_all();
  }
  // What the database says of the time.
  void tell_time(std::function<Time()> time) { *database_time_.lock() = std::move(time); }
  [[nodiscard]] int heartbeats() const { return heartbeats_; }
  // How often it was looked for dead servers.
  [[nodiscard]] int looks() const { return looks_; }
  // The next heartbeat is answered with: you are dead.
  void lose_lease() { lose_lease_ = true; }
  // How often it was asked what a lease holds.
  [[nodiscard]] int times_asked_held() const { return asked_held_; }

  FaultyOutbox& faulty_outbox() { return outbox_; }
  FaultyChannels& faulty_channels() { return channels_; }

  WorkStore& work() noexcept override { return *this; }
  Outbox& outbox() noexcept override { return outbox_; }
  Leases& leases() noexcept override { return *this; }
  Signals& signals() noexcept override { return real_.signals(); }
  TaskStore& tasks() noexcept override { return real_.tasks(); }
  QueueStore& queues() noexcept override { return real_.queues(); }
  TaskGroups& groups() noexcept override { return *this; }
  ExecutionChanges& execution_changes() noexcept override { return real_.execution_changes(); }
  Schedules& schedules() noexcept override { return real_.schedules(); }
  Directory& directory() noexcept override { return real_.directory(); }
  AuditLog& audit() noexcept override { return real_.audit(); }
  Quotas& quotas() noexcept override { return real_.quotas(); }
  Maintenance& maintenance() noexcept override { return real_.maintenance(); }
  HostStates& hosts() noexcept override { return real_.hosts(); }
  Channels& channels() noexcept override { return channels_; }

 private:
  std::vector<InsertOutcome> insert(NodeId node, std::span<const NewWork> batch) override {
    if (insert_failures_ > 0 && insert_failures_-- > 0) throw Unavailable("told to fail");
    if (crossing_ == 0 && crossed_ > 0 && crossed_-- > 0) {
      std::vector<InsertOutcome> outcomes;
      for (const NewWork& one : batch) outcomes.push_back({WriteResult::replayed, one.idempotency.value().reply});
      return outcomes;
    }
    auto outcomes = real_.work().insert(node, batch);
    if (crossing_ > 0 && crossing_-- > 0) throw Timeout("told to lose the answer");
    if (lost_answers_ > 0 && lost_answers_-- > 0) throw Timeout("told to lose the answer");
    return outcomes;
  }
  ClaimResult claim(const ClaimRequest& request) override { return real_.work().claim(request); }
  std::vector<SettleOutcome> settle(std::span<const Settlement> batch) override {
    if (settle_failures_ > 0 && settle_failures_-- > 0) throw Unavailable("told to fail");
    return real_.work().settle(batch);
  }
  void release(std::span<const ClaimRef> claims) override { real_.work().release(claims); }
  void mark_started(std::span<const StartedClaim> claims) override { real_.work().mark_started(claims); }

  GroupOutcome insert(NodeId node, std::span<const NewWork> items,
                      const std::optional<IdempotencyRecord>& idempotency) override {
    if (insert_failures_ > 0 && insert_failures_-- > 0) throw Unavailable("told to fail");
    if (crossing_ == 0 && crossed_ > 0 && crossed_-- > 0) return {WriteResult::replayed, idempotency.value().reply, {}};
    auto outcome = real_.groups().insert(node, items, idempotency);
    if (crossing_ > 0 && crossing_-- > 0) throw Timeout("told to lose the answer");
    if (lost_answers_ > 0 && lost_answers_-- > 0) throw Timeout("told to lose the answer");
    return outcome;
  }
  TaskWriteOutcome sync(const TaskWrite& write, const SyncScope& scope,
                        const std::function<SyncPlan(const SyncBase&)>& plan) override {
    return real_.groups().sync(write, scope, plan);
  }

  std::optional<Time> database_time() override {
    const auto told = database_time_.lock();
    return *told ? (*told)() : real_.leases().database_time();
  }
  RescueReport acquire(const NodeInfo& node) override { return real_.leases().acquire(node); }
  bool heartbeat(NodeId node, Time now) override {
    ++heartbeats_;
    heartbeats_hang_.wait(true);
    if (heartbeats_fail_) throw Unavailable("told to fail");
    return !lose_lease_.exchange(false) && real_.leases().heartbeat(node, now);
  }
  RescueReport rescue(NodeId self, MonotonicTime now, milliseconds silence) override {
    try {
      const RescueReport report = real_.leases().rescue(self, now, silence);
      ++looks_;
      return report;
    } catch (...) {
      ++looks_;
      throw;
    }
  }
  std::vector<ClaimRef> held(NodeId node) override {
    auto claims = real_.leases().held(node);
    ++asked_held_;
    return claims;
  }
  void end(NodeId node) override { real_.leases().end(node); }
  std::vector<NodeStatus> list() override { return real_.leases().list(); }

  Storage& real_;
  FaultyOutbox outbox_;
  FaultyChannels channels_;
  std::atomic<int> settle_failures_{0};
  std::atomic<int> insert_failures_{0};
  std::atomic<int> lost_answers_{0};
  std::atomic<int> crossing_{0};
  std::atomic<int> crossed_{0};
  std::atomic<int> asked_held_{0};
  std::atomic<bool> lose_lease_{false};
  std::atomic<bool> heartbeats_fail_{false};
  std::atomic<bool> heartbeats_hang_{false};
  std::atomic<int> heartbeats_{0};
  std::atomic<int> looks_{0};
  Guarded<std::function<Time()>> database_time_;
};

}  // namespace punctual::testing
