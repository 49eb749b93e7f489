// What tests on Postgres stand on: databases of their own, in a cluster whose durability is that of production.
#include <atomic>
#include <catch2/catch.hpp>
#include <future>
#include <memory>
#include <optional>
#include <vector>

#include "support/postgres_cluster.hpp"
#include "support/postgres_database.hpp"

using namespace punctual::testing;

TEST_CASE("a Postgres database is its test's own and gone afterwards, whoever is connected") {
  const PostgresDatabase other;
  std::optional<PostgresDatabase> database(std::in_place);
  database->execute("create table things (name text); insert into things values ('one')");
  CHECK(database->value("select name from things") == "one");
  CHECK_THROWS_AS(other.value("select name from things"), std::runtime_error);
  const std::string still_there = "select count(*) from pg_database where datname = '" + database->name() + "'";
  CHECK(other.value(still_there) == "1");
  PostgresSession connected = database->connect();
  database.reset();
  CHECK(other.value(still_there) == "0");
  CHECK_THROWS_AS(connected.execute("select 1"), std::runtime_error);
}

TEST_CASE("a model is made once, whoever asks first, and copies do not see each other") {
  const PostgresDatabase other;
  const std::string model = "model_of_" + other.name();
  std::atomic<int> made = 0;
  const auto prepare = [&](const std::string& url) {
    ++made;
    PostgresSession(url).execute("create table things (name text); insert into things values ('one')");
  };
  std::vector<std::future<std::unique_ptr<PostgresDatabase>>> askers;
  for (int i = 0; i < 4; ++i) {
    askers.push_back(
        std::async(std::launch::async, [&] { return std::make_unique<PostgresDatabase>(model, prepare); }));
  }
  for (auto& asker : askers) {
    const auto copy = asker.get();
    CHECK(copy->value("select string_agg(name, ',') from things") == "one");
    copy->execute("insert into things values ('two')");
  }
  CHECK(made == 1);
  other.execute("drop database " + model);
}

TEST_CASE("what could not be made a model is tried again") {
  const PostgresDatabase other;
  const std::string model = "model_of_" + other.name();
  const auto fail = [](const std::string&) { throw std::runtime_error("not this time"); };
  CHECK_THROWS_WITH(PostgresDatabase(model, fail), "not this time");
  const PostgresDatabase copy(
      model, [](const std::string& url) { PostgresSession(url).execute("create table things (name text)"); });
  CHECK(copy.value("select count(*) from things") == "0");
  other.execute("drop database " + model);
}

TEST_CASE("the cluster of the tests gives up no durability and counts statements") {
  const PostgresDatabase database;
  for (const char* setting : {"fsync", "synchronous_commit", "full_page_writes", "track_io_timing"}) {
    CAPTURE(setting);
    CHECK(database.value(std::string("show ") + setting) == "on");
  }
  CHECK(database.value("show listen_addresses").empty());
  CHECK(std::stoi(database.value("select count(*) from pg_stat_statements")) > 0);
}

TEST_CASE("a crashed cluster comes back with what was committed") {
  PostgresCluster cluster;
  const PostgresDatabase database(cluster.folder());
  database.execute("create table things (name text)");
  PostgresSession session = database.connect();
  session.execute("insert into things values ('committed')");
  session.execute("begin");
  session.execute("insert into things values ('not committed')");
  cluster.kill();
  CHECK_THROWS_AS(session.execute("commit"), std::runtime_error);
  CHECK_THROWS_AS(database.connect(), std::runtime_error);
  cluster.restart();
  CHECK(database.value("select string_agg(name, ',') from things") == "committed");
}
