#include "support/postgres_database.hpp"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <stdexcept>

namespace punctual::testing {
namespace {

std::filesystem::path cluster_of_environment() {
  const char* folder = std::getenv("PUNCTUAL_TEST_POSTGRES");
  if (folder == nullptr) {
    throw std::runtime_error(
        "PUNCTUAL_TEST_POSTGRES is not set; it names the folder that was given to tests/support/postgres-cluster");
  }
  return folder;
}

std::string url_of(const std::filesystem::path& cluster) {
  std::string url;
  if (!std::getline(std::ifstream(cluster / "url"), url)) {
    throw std::runtime_error("no Postgres runs for " + cluster.string() + ": tests/support/postgres-cluster start " +
                             cluster.string());
  }
  return url;
}

// Several processes make databases at the same time, and those of a killed one stay until the cluster goes.
std::string unique_name() {
  static std::atomic<int> made = 0;
  const auto now = std::chrono::system_clock::now().time_since_epoch() / std::chrono::microseconds{1};
  return "test_" + std::to_string(now) + "_" + std::to_string(getpid()) + "_" + std::to_string(++made);
}

// The URL with another database: "postgresql:///postgres?host=…".
std::string with_database(const std::string& url, const std::string& name) {
  const auto authority = url.find("//") + 2;
  const auto begin = url.find('/', authority) + 1;
  return url.substr(0, begin) + name + url.substr(url.find('?', begin));
}

// Under a lock, so that it is prepared once; under its name only when it is ready.
void make_model(const std::string& cluster_url, const std::string& model,
                const std::function<void(const std::string& url)>& prepare) {
  PostgresSession session(cluster_url);
  session.execute("select pg_advisory_lock(hashtext('" + model + "'))");  // until the session ends
  if (session.value("select count(*) from pg_database where datname = '" + model + "'") != "0") return;
  const std::string draft = model + "_draft";
  session.execute("drop database if exists " + draft);
  session.execute("create database " + draft);
  prepare(with_database(cluster_url, draft));
  session.execute("alter database " + draft + " rename to " + model);
}

}  // namespace

PostgresSession::PostgresSession(const std::string& url) : connection_(PQconnectdb(url.c_str())) {
  if (PQstatus(connection_.get()) != CONNECTION_OK) throw std::runtime_error(PQerrorMessage(connection_.get()));
  PQsetNoticeProcessor(
      connection_.get(), [](void*, const char*) {}, nullptr);
}

PostgresSession::Result PostgresSession::run(const std::string& sql) {
  Result result(PQexec(connection_.get(), sql.c_str()));
  const auto status = PQresultStatus(result.get());
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY) {
    throw std::runtime_error(PQerrorMessage(connection_.get()) + ("in: " + sql));
  }
  return result;
}

void PostgresSession::execute(const std::string& sql) { (void)run(sql); }

std::string PostgresSession::value(const std::string& sql) {
  const Result result = run(sql);
  if (PQntuples(result.get()) == 0 || PQnfields(result.get()) == 0) throw std::runtime_error("no row from: " + sql);
  return {PQgetvalue(result.get(), 0, 0), static_cast<std::size_t>(PQgetlength(result.get(), 0, 0))};
}

PostgresDatabase::PostgresDatabase() : PostgresDatabase(cluster_of_environment()) {}

PostgresDatabase::PostgresDatabase(const std::filesystem::path& cluster)
    : cluster_url_(url_of(cluster)), name_(unique_name()), url_(with_database(cluster_url_, name_)) {
  PostgresSession(cluster_url_).execute("create database " + name_);
}

PostgresDatabase::PostgresDatabase(const std::string& model, const std::function<void(const std::string& url)>& prepare)
    : cluster_url_(url_of(cluster_of_environment())), name_(unique_name()), url_(with_database(cluster_url_, name_)) {
  make_model(cluster_url_, model, prepare);
  PostgresSession(cluster_url_).execute("create database " + name_ + " template " + model);
}

PostgresDatabase::~PostgresDatabase() {
  try {
    PostgresSession(cluster_url_).execute("drop database " + name_ + " with (force)");
  } catch (const std::exception&) {
    // Nobody waits for it.
  }
}

}  // namespace punctual::testing
