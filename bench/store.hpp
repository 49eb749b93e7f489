// Store: a fresh database of one kind for one measurement, and rows in it without asking a server for each. For one thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "punctual/time.hpp"

namespace punctual::bench {

enum class StorageKind { sqlite, postgres };
[[nodiscard]] std::string_view name_of(StorageKind kind);

// Copies of a task and its execution that a server has stored: whatever columns there are, the rows are like its own.
struct Copies {
  std::string task_id;
  std::string execution_id;
  std::uint32_t count = 0;
  std::uint32_t first_number = 0;  // their URLs end in /n/NUMBER, as those of created tasks do
  std::string target;              // "http://127.0.0.1:9000"
  std::string query;               // of the URLs, e.g. "?delay=5000"
  Time from{};                     // when the first is made, ends and, if it is pending, is due …
  microseconds step{};             // … and each one after the one before
};

class PostgresStore;

class Store {
 public:
  virtual ~Store() = default;

  [[nodiscard]] virtual const std::string& url() const = 0;
  // No server may run on it.
  virtual void copy(const Copies& copies) = 0;
  // Brings it into the state of one that has been in use for long: statistics, nothing waiting to be written.
  virtual void settle_down() = 0;
  [[nodiscard]] virtual PostgresStore* postgres() { return nullptr; }
};

// `folder` takes what the store keeps in files.
[[nodiscard]] std::unique_ptr<Store> make_sqlite_store(const std::filesystem::path& folder);
// A database in the cluster that tests/support/postgres-cluster has made for `cluster`.
[[nodiscard]] std::unique_ptr<Store> make_postgres_store(const std::filesystem::path& cluster);

}  // namespace punctual::bench
