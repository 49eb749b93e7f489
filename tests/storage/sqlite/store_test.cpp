#include "sqlite_store.hpp"

#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <fstream>

#include "punctual/errors.hpp"
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
