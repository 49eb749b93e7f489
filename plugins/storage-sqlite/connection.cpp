#include "connection.hpp"

#include <sqlite3.h>

#include <chrono>
#include <thread>

#include "punctual/errors.hpp"

namespace punctual::sqlite {
namespace {

int flags_of(Connection::Access access) {
  const int common = SQLite::OPEN_NOMUTEX;
  return access == Connection::Access::read_only ? common | SQLite::OPEN_READONLY
                                                 : common | SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE;
}

}  // namespace

Connection::Connection(const ConnectionOptions& options, Access access)
    : database_(options.file.string(), flags_of(access), static_cast<int>(options.busy_timeout.count())) {
  database_.exec("pragma cache_size = -" + std::to_string(options.cache_kib));
  database_.exec("pragma temp_store = memory");
  if (access == Access::read_only) return;
  use_wal(options.busy_timeout);
  database_.exec("pragma synchronous = full");
  database_.exec("pragma foreign_keys = on");
  // Debian builds SQLite to overwrite freed space with zeros, which doubles what a settle writes.
  database_.exec("pragma secure_delete = off");
  // 16 MiB: a checkpoint costs two syncs, so it should move more than a few commits.
  database_.exec("pragma wal_autocheckpoint = 4000");
  database_.exec("pragma journal_size_limit = 67108864");
}

// Changing the mode of a new file needs it alone, and SQLite does not wait for that by itself.
void Connection::use_wal(milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  for (;;) {
    try {
      if (database_.execAndGet("pragma journal_mode = wal").getString() == "wal") return;
      throw Unavailable("the database file cannot be put into WAL mode; is it on a network file system?");
    } catch (const SQLite::Exception& problem) {
      if (problem.getErrorCode() != SQLITE_BUSY || std::chrono::steady_clock::now() >= deadline) throw;
    }
    std::this_thread::sleep_for(milliseconds{2});
  }
}

SQLite::Statement& Connection::statement(std::string_view sql) {
  if (const auto found = statements_.find(sql); found != statements_.end()) return found->second;
  std::string text(sql);
  SQLite::Statement prepared(database_, text);
  return statements_.emplace(std::move(text), std::move(prepared)).first->second;
}

void Connection::run(std::string_view sql) {
  Query query(*this, sql);
  query.run();
}

void Connection::run_script(const char* sql) { database_.exec(sql); }

bool Connection::in_transaction() const noexcept { return sqlite3_get_autocommit(database_.getHandle()) == 0; }

std::vector<std::string> Connection::statement_texts() const {
  std::vector<std::string> out;
  for (const auto& [text, prepared] : statements_) out.push_back(text);
  return out;
}

}  // namespace punctual::sqlite
