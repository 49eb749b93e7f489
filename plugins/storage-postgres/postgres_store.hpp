// Storage on Postgres: one instance with its connections. See punctual/storage.hpp for what each role does.
#pragma once

#include "audit_log.hpp"
#include "channel_store.hpp"
#include "directory.hpp"
#include "execution_changes.hpp"
#include "host_states.hpp"
#include "leases.hpp"
#include "monthly_quotas.hpp"
#include "outbox.hpp"
#include "punctual/host.hpp"
#include "queue_store.hpp"
#include "schedules.hpp"
#include "signals.hpp"
#include "task_groups.hpp"
#include "task_store.hpp"
#include "work_store.hpp"

namespace punctual::postgres {

class PostgresMaintenance final : public Maintenance {
 public:
  PostgresMaintenance(SessionPool& pool, SessionOptions options) : pool_(pool), options_(std::move(options)) {}

  Migration migrate() override;
  [[nodiscard]] bool reachable() noexcept override;
  [[nodiscard]] std::size_t expire_replies(Time before, std::size_t limit) override;
  [[nodiscard]] UpkeepReport upkeep(const Upkeep& upkeep) override;

 private:
  SessionPool& pool_;
  const SessionOptions options_;
};

class PostgresStore final : public Storage {
 public:
  PostgresStore(const Settings& settings, Host& host);

  [[nodiscard]] WorkStore& work() noexcept override { return work_; }
  [[nodiscard]] Outbox& outbox() noexcept override { return outbox_; }
  [[nodiscard]] Leases& leases() noexcept override { return leases_; }
  [[nodiscard]] Signals& signals() noexcept override { return signals_; }
  [[nodiscard]] TaskStore& tasks() noexcept override { return tasks_; }
  [[nodiscard]] QueueStore& queues() noexcept override { return queues_; }
  [[nodiscard]] TaskGroups& groups() noexcept override { return groups_; }
  [[nodiscard]] ExecutionChanges& execution_changes() noexcept override { return execution_changes_; }
  [[nodiscard]] Schedules& schedules() noexcept override { return schedules_; }
  [[nodiscard]] Directory& directory() noexcept override { return directory_; }
  [[nodiscard]] AuditLog& audit() noexcept override { return audit_; }
  [[nodiscard]] Quotas& quotas() noexcept override { return quotas_; }
  [[nodiscard]] Maintenance& maintenance() noexcept override { return maintenance_; }
  [[nodiscard]] HostStates& hosts() noexcept override { return hosts_; }
  [[nodiscard]] Channels& channels() noexcept override { return channels_; }

 private:
  struct Options {
    SessionOptions session;
    std::size_t pool_size = 0;
    milliseconds patience{};
  };
  static Options read(const Settings& settings);
  PostgresStore(const Options& options, Host& host);

  SessionPool work_pool_;
  SessionPool page_pool_;
  SessionPool lease_pool_;  // heartbeats never wait for anybody
  SessionPool upkeep_pool_;
  ClaimFloor floor_;
  ClaimFloor message_floor_;
  PostgresWorkStore work_;
  PostgresOutbox outbox_;
  PostgresLeases leases_;
  PostgresSignals signals_;
  PostgresTaskStore tasks_;
  PostgresQueueStore queues_;
  PostgresTaskGroups groups_;
  PostgresExecutionChanges execution_changes_;
  PostgresSchedules schedules_;
  PostgresDirectory directory_;
  PostgresAuditLog audit_;
  PostgresQuotas quotas_;
  PostgresMaintenance maintenance_;
  PostgresHostStates hosts_;
  PostgresChannels channels_;
};

}  // namespace punctual::postgres
