// Session: one connection to Postgres with the statements prepared on it. SOCI opens and closes it; statements run on its
// native connection, because only there whole arrays go in one round trip. Rows: what a statement gave.
//
// Used by one thread at a time. Errors are those of punctual/errors.hpp, and RowRefused; errors.hpp says which SQLSTATE is
// which.
#pragma once

#include <libpq-fe.h>
#include <soci/soci.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "wire.hpp"

namespace punctual::postgres {

struct SessionOptions {
  std::string conninfo;  // key=value, as libpq reads it
  std::string schema;    // where everything of Punctual is kept
  milliseconds statement_timeout{};
};

class Rows {
 public:
  explicit Rows(PGresult* result) : result_(result) {}

  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(PQntuples(result_.get())); }
  [[nodiscard]] bool empty() const { return size() == 0; }
  // How many rows a statement without RETURNING changed.
  [[nodiscard]] std::size_t changed() const;

  [[nodiscard]] bool is_null(std::size_t row, int column) const {
    return PQgetisnull(result_.get(), static_cast<int>(row), column) != 0;
  }
  // Valid as long as these Rows.
  [[nodiscard]] std::string_view bytes(std::size_t row, int column) const {
    const int at = static_cast<int>(row);
    return {PQgetvalue(result_.get(), at, column), static_cast<std::size_t>(PQgetlength(result_.get(), at, column))};
  }
  template <class T>
  [[nodiscard]] T get(std::size_t row, int column) const {
    if constexpr (is_optional<T>) {
      if (is_null(row, column)) return std::nullopt;
      return Wire<typename Unwrapped<T>::type>::read(bytes(row, column));
    } else {
      return Wire<T>::read(bytes(row, column));
    }
  }

 private:
  struct Clear {
    void operator()(PGresult* result) const { PQclear(result); }
  };
  std::unique_ptr<PGresult, Clear> result_;
};

// The columns of one row, read one after the other.
class RowReader {
 public:
  RowReader(const Rows& rows, std::size_t row) : rows_(rows), row_(row) {}

  template <class T>
  void read(T& value) {
    value = rows_.get<T>(row_, column_++);
  }
  template <class T>
  [[nodiscard]] T next() {
    return rows_.get<T>(row_, column_++);
  }
  [[nodiscard]] std::string_view next_bytes() { return rows_.bytes(row_, column_++); }
  [[nodiscard]] bool next_is_null() const { return rows_.is_null(row_, column_); }
  void skip() { ++column_; }

 private:
  const Rows& rows_;
  std::size_t row_;
  int column_ = 0;
};

class Session {
 public:
  // Throws Unavailable when there is no connection to be had.
  explicit Session(const SessionOptions& options);

  // Prepared at its first use under the address of its text, which must live as long as the program.
  Rows run(const std::string& sql, const Parameters& parameters);
  template <class... Values>
  requires(!(sizeof...(Values) == 1 && (std::is_same_v<Values, Parameters> && ...))) Rows
      run(const std::string& sql, const Values&... values) {
    return run(sql, Parameters(values...));
  }
  // One or more statements without values, not prepared.
  void script(const std::string& sql);

  [[nodiscard]] bool in_transaction() const;
  // False: it has ended, or somebody ended it while nobody looked. No round trip.
  [[nodiscard]] bool usable();
  // Makes it fit for the next user: false, it is not.
  [[nodiscard]] bool clean() noexcept;

  [[nodiscard]] PGconn* native() const { return native_; }

 private:
  const std::string& prepared(const std::string& sql, const Parameters& parameters);
  Rows checked(PGresult* result);

  soci::session session_;
  PGconn* native_ = nullptr;
  std::unordered_map<const std::string*, std::string> statements_;  // by text: their names
};

// One transaction. Without commit() it is rolled back.
class Transaction {
 public:
  explicit Transaction(Session& session);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  // Throws Timeout when nobody knows whether it took place.
  void commit();

 private:
  Session& session_;
  bool open_ = true;
};

}  // namespace punctual::postgres
