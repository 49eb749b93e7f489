#include "sqlite_store.hpp"

#include "errors.hpp"
#include "location.hpp"
#include "punctual/errors.hpp"
#include "replies.hpp"
#include "retention.hpp"
#include "schema.hpp"

namespace punctual::sqlite {
namespace {

// A reader asks for single rows and pages; the kernel keeps the rest.
constexpr std::int64_t reader_cache_kib = 4096;

// What one upkeep deletes: so many steps of so many rows. Every step is one write among others: a hundred responses are a
// few milliseconds.
constexpr int upkeep_steps = 100;
constexpr std::size_t upkeep_rows = 100;

std::filesystem::path lock_path(const ConnectionOptions& options) { return options.file.string() + ".lock"; }

ConnectionOptions with_cache(ConnectionOptions options, std::int64_t cache_kib) {
  options.cache_kib = cache_kib;
  return options;
}

}  // namespace

Migration SqliteMaintenance::migrate() {
  return writer_.write([](Connection& connection) { return migrate_schema(connection); });
}

bool SqliteMaintenance::reachable() noexcept {
  try {
    return readers_.read([](Connection& connection) {
      return Query(connection, R"sql(
        select count(*)
        from sqlite_schema)sql")
          .next();
    });
  } catch (const std::exception&) {
    return false;
  }
}

std::size_t SqliteMaintenance::expire_replies(Time before, std::size_t limit) {
  return writer_.write([&](Connection& connection) { return sqlite::expire_replies(connection, before, limit); });
}

UpkeepReport SqliteMaintenance::upkeep(const Upkeep& upkeep) {
  const auto overdue = readers_.read([&](Connection& connection) { return find_overdue(connection, upkeep); });
  Removed removed;
  auto next = overdue.begin();
  for (int step = 0; step < upkeep_steps && next != overdue.end(); ++step) {
    const Removed now = writer_.write([&](Connection& connection) {
      Removed out = remove_finished(connection, *next, upkeep_rows);
      out.tasks += remove_deleted_tasks(connection, *next, upkeep_rows);
      return out;
    });
    removed.executions += now.executions;
    removed.tasks += now.tasks;
    if (now.executions < upkeep_rows && now.tasks < upkeep_rows) ++next;
  }
  UpkeepReport report;
  if (removed.executions > 0 || removed.tasks > 0) {
    report.done.push_back("removed " + std::to_string(removed.executions) + " executions and " +
                          std::to_string(removed.tasks) + " tasks that have been kept for long enough");
  }
  return report;
}

SqliteStore::Options SqliteStore::read(const Settings& settings) {
  const auto readers = settings.integer("sqlite.readers");
  if (readers < 1 || readers > 64) throw Invalid("sqlite.readers", "must be between 1 and 64");
  const auto cache_kib = settings.integer("sqlite.cache_size");
  if (cache_kib < 64 || cache_kib > 1 << 24) throw Invalid("sqlite.cache_size", "must be between 64 and 16777216");
  const auto busy_timeout = settings.duration("sqlite.busy_timeout");
  if (busy_timeout < milliseconds{1} || busy_timeout > std::chrono::minutes{10}) {
    throw Invalid("sqlite.busy_timeout", "must be between 1ms and 10m");
  }
  return {{database_path(settings.string("storage.url")), busy_timeout, cache_kib}, static_cast<std::size_t>(readers)};
}

SqliteStore::SqliteStore(const Settings& settings, Host& host) : SqliteStore(read(settings), host) {}

SqliteStore::SqliteStore(const Options& options, Host& host) try
    : writer_(options.connection, host),
      readers_(with_cache(options.connection, reader_cache_kib), options.readers),
      page_readers_(with_cache(options.connection, reader_cache_kib), options.readers),
      work_(writer_),
      outbox_(writer_, readers_),
      leases_(lock_path(options.connection), writer_, readers_),
      tasks_(writer_, readers_, page_readers_),
      queues_(writer_, page_readers_),
      groups_(writer_),
      execution_changes_(writer_, readers_),
      schedules_(writer_, readers_),
      directory_(writer_, readers_),
      audit_(writer_, page_readers_),
      quotas_(writer_, readers_),
      maintenance_(writer_, readers_),
      hosts_(writer_, readers_),
      channels_(writer_, readers_, page_readers_) {
} catch (const SQLite::Exception& problem) {
  throw_translated(problem);
}

}  // namespace punctual::sqlite
