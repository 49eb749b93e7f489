// The role Leases on SQLite: one server a file. A locked file beside the database is the lease, so it ends with the process
// and needs no heartbeat.
#pragma once

#include <filesystem>
#include <mutex>
#include <optional>

#include "lock_file.hpp"
#include "punctual/storage.hpp"
#include "reader_pool.hpp"
#include "writer.hpp"

namespace punctual::sqlite {

class SqliteLeases final : public Leases {
 public:
  SqliteLeases(std::filesystem::path lock_path, Writer& writer, ReaderPool& readers)
      : lock_path_(std::move(lock_path)), writer_(writer), readers_(readers) {}

  // SQLite has none.
  [[nodiscard]] std::optional<Time> database_time() override;
  // A second call of the same store replaces its lease.
  [[nodiscard]] RescueReport acquire(const NodeInfo& node) override;
  // True while `node` has the lease.
  [[nodiscard]] bool heartbeat(NodeId node, Time now) override;
  // Nobody else can be dead: acquire has returned what former leases held.
  [[nodiscard]] RescueReport rescue(NodeId self, MonotonicTime now, milliseconds silence) override;
  [[nodiscard]] std::vector<ClaimRef> held(NodeId node) override;
  void end(NodeId node) override;
  // Who has the lock, whichever process asks. It is never silent: its lock ends with it.
  [[nodiscard]] std::vector<NodeStatus> list() override;

 private:
  struct Lease {
    NodeId node;
    LockFile lock;
  };

  const std::filesystem::path lock_path_;
  Writer& writer_;
  ReaderPool& readers_;
  std::mutex mutex_;
  std::optional<Lease> lease_;  // guarded by mutex_
};

}  // namespace punctual::sqlite
