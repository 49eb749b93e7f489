#include "sqlite_store.hpp"

#include <atomic>
#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <fstream>
#include <thread>

#include "punctual/errors.hpp"
#include "schema.hpp"
#include "support/temporary_folder.hpp"
#include "support/test_host.hpp"

using namespace punctual;
using namespace punctual::sqlite;
using namespace punctual::testing;

namespace {

Settings settings_for(const std::filesystem::path& file, int readers = 2) {
  return Settings(boost::json::serialize(boost::json::object{{"storage.url", "sqlite:" + file.string()},
                                                             {"sqlite.busy_timeout", 100},
                                                             {"sqlite.readers", readers},
                                                             {"sqlite.cache_size", 1024}}));
}

struct StoreFixture {
  TemporaryFolder folder;
  TestHost host;
};

}  // namespace

TEST_CASE_METHOD(StoreFixture, "a file that is no database is Corrupt") {
  const auto file = folder.path() / "x.db";
  std::ofstream(file) << std::string(10000, 'x');
  CHECK_THROWS_AS(SqliteStore(settings_for(file), host), Corrupt);
}

TEST_CASE_METHOD(StoreFixture, "a file that cannot be opened is Unavailable") {
  const auto file = folder.path() / "x.db";
  std::filesystem::create_symlink("/proc/no/such/file", file);
  CHECK_THROWS_AS(SqliteStore(settings_for(file), host), Unavailable);
}

TEST_CASE_METHOD(StoreFixture, "a setting out of range is named") {
  CHECK_THROWS_WITH(SqliteStore(settings_for(folder.path() / "x.db", 0), host),
                    Catch::Matchers::Contains("sqlite.readers"));
}

TEST_CASE_METHOD(StoreFixture, "commits are synchronous") {
  SqliteStore store(settings_for(folder.path() / "x.db"), host);
  const auto pragma = [&](const char* sql) {
    return store.writer().write([&](Connection& connection) {
      Query query(connection, sql);
      return query.next() ? query.get<std::string>(0) : std::string();
    });
  };
  CHECK(pragma("pragma journal_mode") == "wal");
  CHECK(pragma("pragma synchronous") == "2");
}

TEST_CASE_METHOD(StoreFixture, "a database of the first schema version is brought to this one with what is in it") {
  SqliteStore store(settings_for(folder.path() / "x.db"), host);
  store.writer().write([](Connection& connection) {
    (void)migrate_schema(connection, 1);
    connection.run_script(R"sql(
      insert into organizations (id, name, signing_secrets, inserted_at)
      values (x'00000000000000000000000000000007', 'acme', '["whsec_x"]', 42))sql");
  });
  const Migration migration = store.maintenance().migrate();
  CHECK(migration.from == 1);
  CHECK(migration.to == newest_schema);
  const auto found = store.directory().find_organization("acme");
  REQUIRE(found);
  CHECK(found->inserted_at == Time{microseconds{42}});
  CHECK_FALSE(found->max_concurrent);
}

TEST_CASE_METHOD(StoreFixture, "who has the lease can be asked for without disturbing who wants it") {
  const auto file = folder.path() / "x.db";
  SqliteStore server(settings_for(file), host);
  SqliteStore other(settings_for(file), host);
  server.maintenance().migrate();
  std::atomic<bool> done{false};
  std::thread asking([&] {
    while (!done) (void)other.leases().list();
  });
  NodeId node;
  for (int i = 0; i < 200; ++i) {
    ++node.value.bytes[0];
    CHECK_NOTHROW(server.leases().acquire({node, "host", 7, Time{}}));
    server.leases().end(node);
  }
  done = true;
  asking.join();
}

TEST_CASE_METHOD(StoreFixture, "one upkeep deletes a bounded number of executions") {
  SqliteStore store(settings_for(folder.path() / "x.db"), host);
  store.maintenance().migrate();
  store.writer().write([](Connection& connection) {
    connection.run_script(R"sql(
      insert into organizations (id, name, signing_secrets, inserted_at) values (zeroblob(16), 'acme', '[]', 0);
      with recursive number (n) as (
        select 1
        union all
        select n + 1
        from number
        where n < 10050)
      insert into executions (id, task_id, organization_id, run_id, attempt, status, scheduled_for, holds, by_schedule,
        finished_at)
      select cast(printf('%016d', n) as blob), zeroblob(16), zeroblob(16), zeroblob(16), 1, 'success', n, 0, 0, n
      from number)sql");
  });
  const auto left = [&] {
    return store.writer().write([](Connection& connection) {
      Query count(connection, "select count(*) from executions");
      return count.next() ? count.get<int>(0) : -1;
    });
  };
  (void)store.maintenance().upkeep({Time{std::chrono::hours{1}}, {}});
  CHECK(left() == 50);
  (void)store.maintenance().upkeep({Time{std::chrono::hours{1}}, {}});
  CHECK(left() == 0);
}
