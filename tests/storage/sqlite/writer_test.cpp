#include "writer.hpp"

#include <catch2/catch.hpp>

#include <future>
#include <thread>

#include "punctual/errors.hpp"
#include "support/temporary_folder.hpp"
#include "support/test_host.hpp"

using namespace punctual;
using namespace punctual::sqlite;
using namespace punctual::testing;

namespace {

struct WriterFixture {
  WriterFixture() {
    writer.write([](Connection& connection) { connection.run_script("create table numbers (n integer unique)"); });
  }
  void add(int number) {
    writer.write([&](Connection& connection) { Query(connection, "insert into numbers values (?1)", number).run(); });
  }
  int count() {
    return writer.write([](Connection& connection) {
      Query query(connection, "select count(*) from numbers");
      return query.next() ? query.get<int>(0) : -1;
    });
  }

  // Keeps the writer busy until `works` have been handed in, then gives what became of each: true, it was committed.
  template <class... Works>
  std::vector<bool> together(Works... works) {
    std::promise<void> go;
    std::promise<void> busy;
    auto blocker = std::async(std::launch::async, [&] {
      writer.write([&](Connection&) {
        busy.set_value();
        go.get_future().wait();
      });
    });
    busy.get_future().wait();
    std::vector<std::future<bool>> results;
    const auto hand_in = [&](auto work) {
      results.push_back(std::async(std::launch::async, [this, work] {
        try {
          writer.write(work);
          return true;
        } catch (const std::exception&) {
          return false;
        }
      }));
    };
    (hand_in(works), ...);
    while (writer.waiting() < sizeof...(works)) std::this_thread::yield();
    go.set_value();
    blocker.wait();
    std::vector<bool> out;
    for (auto& result : results) out.push_back(result.get());
    return out;
  }

  TemporaryFolder folder;
  TestHost host;
  ConnectionOptions options{folder.path() / "x.db", milliseconds{100}, 1024};
  Writer writer{options, host};
};

auto adding(int number) {
  return [number](Connection& connection) { Query(connection, "insert into numbers values (?1)", number).run(); };
}

}  // namespace

TEST_CASE_METHOD(WriterFixture, "writes that wait share one commit") {
  const auto before = host.observed("punctual_sqlite_commit_writes").size();
  CHECK(together(adding(1), adding(2), adding(3)) == std::vector{true, true, true});
  const auto commits = host.observed("punctual_sqlite_commit_writes");
  REQUIRE(commits.size() == before + 2);
  CHECK(commits.back() == 3);
  CHECK(count() == 3);
}

TEST_CASE_METHOD(WriterFixture, "a write that fails is rolled back alone") {
  const auto failing = [](Connection& connection) {
    Query(connection, "insert into numbers values (?1)", 7).run();
    throw std::runtime_error("no");
  };
  CHECK(together(adding(1), failing, adding(2)) == std::vector{true, false, true});
  CHECK(count() == 2);
}

TEST_CASE_METHOD(WriterFixture, "the exception of a write comes back to its caller") {
  CHECK_THROWS_WITH(writer.write([](Connection&) { throw std::runtime_error("mine"); }), "mine");
}

TEST_CASE_METHOD(WriterFixture, "a constraint that no contract names is a bug") {
  add(1);
  CHECK_THROWS_AS(add(1), std::logic_error);
  CHECK(count() == 1);
}

TEST_CASE_METHOD(WriterFixture, "a file that another process keeps locked is Unavailable, and free again afterwards") {
  Connection another(options, Connection::Access::read_write);
  another.run("begin immediate");
  CHECK_THROWS_AS(add(1), Unavailable);
  another.run("rollback");
  CHECK_NOTHROW(add(1));
}

TEST_CASE_METHOD(WriterFixture, "a transaction that is gone takes all of its writes with it") {
  const auto losing = [](Connection& connection) { connection.run_script("rollback"); };
  CHECK(together(adding(1), losing, adding(2)) == std::vector{false, false, false});
  CHECK(count() == 0);
}

TEST_CASE_METHOD(WriterFixture, "a full disk is Unavailable and leaves the store usable") {
  writer.write([](Connection& connection) { connection.run_script("create table blobs (b blob)"); });
  const int pages = writer.write([](Connection& connection) {
    Query query(connection, "pragma page_count");
    return query.next() ? query.get<int>(0) : 0;
  });
  writer.write([&](Connection& connection) {
    connection.run_script(("pragma max_page_count = " + std::to_string(pages + 1)).c_str());
  });
  CHECK_THROWS_AS(writer.write([](Connection& connection) {
    connection.run_script("insert into blobs values (zeroblob(1000000))");
  }),
                  Unavailable);
  CHECK_NOTHROW(add(1));
  CHECK(count() == 1);
}
