#include "reader_pool.hpp"

#include <catch2/catch.hpp>

#include "punctual/errors.hpp"
#include "support/temporary_folder.hpp"
#include "support/test_host.hpp"
#include "writer.hpp"

using namespace punctual;
using namespace punctual::sqlite;
using namespace punctual::testing;

namespace {

struct ReaderFixture {
  TemporaryFolder folder;
  TestHost host;
  ConnectionOptions options{folder.path() / "x.db", milliseconds{20}, 1024};
  Writer writer{options, host};
  ReaderPool readers{options, 1};
};

int table_count(Connection& connection) {
  Query query(connection, "select count(*) from sqlite_schema");
  return query.next() ? query.get<int>(0) : -1;
}

}  // namespace

TEST_CASE_METHOD(ReaderFixture, "a read without a free reader is Unavailable after a while") {
  CHECK_THROWS_AS(readers.read([&](Connection&) { return readers.read(table_count); }), Unavailable);
  CHECK(readers.read(table_count) == 0);
}

TEST_CASE_METHOD(ReaderFixture, "a read sees one state of the database from its first row on") {
  const auto [before, after] = readers.read([&](Connection& connection) {
    const int first = table_count(connection);
    writer.write([](Connection& writing) { writing.run_script("create table t (a)"); });
    return std::pair(first, table_count(connection));
  });
  CHECK(before == after);
  CHECK(readers.read(table_count) == 1);
}

TEST_CASE_METHOD(ReaderFixture, "a reader cannot write") {
  CHECK_THROWS(readers.read([](Connection& connection) {
    connection.run_script("create table t (a)");
    return 0;
  }));
}
