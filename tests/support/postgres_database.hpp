// PostgresDatabase: a database of its own in the throwaway cluster that tests/support/postgres-cluster has started.
// Test cases that use it are registered with the option POSTGRES (tests/CMakeLists.txt).
#pragma once

#include <libpq-fe.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

namespace punctual::testing {

// One session, for what must be seen or held from outside of the plugin under test. One thread at a time.
class PostgresSession {
 public:
  // Throws std::runtime_error when the server does not accept it.
  explicit PostgresSession(const std::string& url);

  // One statement, or several separated by semicolons. Throws std::runtime_error with the server's message.
  void execute(const std::string& sql);

  // The first column of the first row as text; null is empty. Throws std::runtime_error when there is no row.
  [[nodiscard]] std::string value(const std::string& sql);

 private:
  struct Finish {
    void operator()(PGconn* connection) const { PQfinish(connection); }
  };
  struct Clear {
    void operator()(PGresult* result) const { PQclear(result); }
  };
  using Result = std::unique_ptr<PGresult, Clear>;

  Result run(const std::string& sql);

  std::unique_ptr<PGconn, Finish> connection_;
};

class PostgresDatabase {
 public:
  // Empty but for the extension pg_stat_statements. In the cluster whose folder PUNCTUAL_TEST_POSTGRES names.
  PostgresDatabase();
  // In the cluster of this folder.
  explicit PostgresDatabase(const std::filesystem::path& cluster);
  // A copy of the database `model`, made from an empty one by `prepare` (which is given its URL and leaves no session
  // behind) when the cluster has none of this name. Several processes may ask for it at the same time.
  PostgresDatabase(const std::string& model, const std::function<void(const std::string& url)>& prepare);

  // Drops it, whoever is still connected. Leaves it behind when the cluster is down: that goes as a whole.
  ~PostgresDatabase();
  PostgresDatabase(const PostgresDatabase&) = delete;
  PostgresDatabase& operator=(const PostgresDatabase&) = delete;

  [[nodiscard]] const std::string& url() const noexcept { return url_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

  [[nodiscard]] PostgresSession connect() const { return PostgresSession(url_); }
  // As those of PostgresSession, each in a session of its own.
  void execute(const std::string& sql) const { connect().execute(sql); }
  [[nodiscard]] std::string value(const std::string& sql) const { return connect().value(sql); }

 private:
  std::string cluster_url_;
  std::string name_;
  std::string url_;
};

}  // namespace punctual::testing
