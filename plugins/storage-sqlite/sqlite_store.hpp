// SqliteStore: the Storage of this plugin. One file, one writer, a few readers; the roles share them.
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
#include "punctual/storage.hpp"
#include "queue_store.hpp"
#include "reader_pool.hpp"
#include "schedules.hpp"
#include "signals.hpp"
#include "task_groups.hpp"
#include "task_store.hpp"
#include "work_store.hpp"
#include "writer.hpp"

namespace punctual::sqlite {

class SqliteMaintenance final : public Maintenance {
 public:
  SqliteMaintenance(Writer& writer, ReaderPool& readers) : writer_(writer), readers_(readers) {}

  [[nodiscard]] Migration migrate() override;
  [[nodiscard]] bool reachable() noexcept override;
  [[nodiscard]] std::size_t expire_replies(Time before, std::size_t limit) override;
  // A hundred writes at most, each of a hundred executions and as many deleted tasks.
  [[nodiscard]] UpkeepReport upkeep(const Upkeep& upkeep) override;

 private:
  Writer& writer_;
  ReaderPool& readers_;
};

class SqliteStore final : public Storage {
 public:
  // Reads the settings that plugin.cpp declares and opens the file, making it when it is not there. Throws Invalid when a
  // setting is, Unavailable or Corrupt when the file cannot be opened.
  SqliteStore(const Settings& settings, Host& host);

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

  // For tests of this backend alone.
  [[nodiscard]] Writer& writer() noexcept { return writer_; }
  [[nodiscard]] ReaderPool& readers() noexcept { return readers_; }
  [[nodiscard]] ReaderPool& page_readers() noexcept { return page_readers_; }

 private:
  struct Options {
    ConnectionOptions connection;
    std::size_t readers = 0;
  };
  [[nodiscard]] static Options read(const Settings& settings);
  SqliteStore(const Options& options, Host& host);

  Writer writer_;
  ReaderPool readers_;       // single rows
  ReaderPool page_readers_;  // lists, which may take long
  SqliteWorkStore work_;
  SqliteOutbox outbox_;
  SqliteLeases leases_;
  SqliteSignals signals_;
  SqliteTaskStore tasks_;
  SqliteQueueStore queues_;
  SqliteTaskGroups groups_;
  SqliteExecutionChanges execution_changes_;
  SqliteSchedules schedules_;
  SqliteDirectory directory_;
  SqliteAuditLog audit_;
  SqliteQuotas quotas_;
  SqliteMaintenance maintenance_;
  SqliteHostStates hosts_;
  SqliteChannels channels_;
};

}  // namespace punctual::sqlite
