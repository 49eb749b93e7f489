// Connection: one SQLite connection with the statements prepared on it. Query: one use of one of them.
// Both are used by one thread at a time. Errors are SQLite::Exception; whoever lends connections translates them.
#pragma once

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "punctual/time.hpp"
#include "values.hpp"

namespace punctual::sqlite {

struct ConnectionOptions {
  std::filesystem::path file;
  milliseconds busy_timeout{};
  std::int64_t cache_kib = 0;
};

class Connection {
 public:
  enum class Access : std::uint8_t { read_write, read_only };

  // read_write creates the file when it is not there and puts it into WAL mode.
  Connection(const ConnectionOptions& options, Access access);

  // Prepared at its first use, kept until the connection closes.
  [[nodiscard]] SQLite::Statement& statement(std::string_view sql);

  // A statement without values and rows.
  void run(std::string_view sql);
  // Several statements at once, not kept.
  void run_script(const char* sql);

  [[nodiscard]] bool in_transaction() const noexcept;

  // The text of every statement prepared so far.
  [[nodiscard]] std::vector<std::string> statement_texts() const;

 private:
  struct TextHash : std::hash<std::string_view> {
    using is_transparent = void;
  };

  void use_wal(milliseconds patience);

  SQLite::Database database_;
  std::unordered_map<std::string, SQLite::Statement, TextHash, std::equal_to<>> statements_;
};

// Binds `values` to ?1, ?2, … in order; the statement is free for its next use when the Query ends. Values passed by name
// are not copied: they outlive the Query. Never two at once of the same text on one connection.
class Query {
 public:
  template <class... Values>
  Query(Connection& connection, std::string_view sql, Values&&... values) : statement_(connection.statement(sql)) {
    int index = 0;
    (bind_value(statement_, ++index, std::forward<Values>(values)), ...);
  }
  ~Query() { statement_.tryReset(); }
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  // Goes to the next row; false: there is none.
  [[nodiscard]] bool next() { return statement_.executeStep(); }

  // Executes a statement that gives no rows; how many rows it changed.
  std::size_t run() { return static_cast<std::size_t>(statement_.exec()); }

  // The value of a column of the current row, counted from 0.
  template <class T>
  [[nodiscard]] T get(int column) const {
    return ColumnValue<T>::read(statement_.getColumn(column));
  }

 private:
  SQLite::Statement& statement_;
};

}  // namespace punctual::sqlite
