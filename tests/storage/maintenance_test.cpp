#include <catch2/catch.hpp>

#include "punctual/errors.hpp"
#include "support/storage_fixture.hpp"

using namespace punctual;
using namespace punctual::testing;

TEST_CASE("a fresh database is migrated from nothing, once") {
  StorageSite site;
  auto store = site.open();
  const Migration first = store->maintenance().migrate();
  CHECK(first.from == 0);
  CHECK(first.to > 0);
  const Migration second = store->maintenance().migrate();
  CHECK(second.from == first.to);
  CHECK(second.to == first.to);
}

TEST_CASE_METHOD(StorageFixture, "migrating again keeps what is stored") {
  const TaskId id = insert(once(acme, at(1s)));
  reopen();
  store().maintenance().migrate();
  CHECK(task(id).id == id);
}

TEST_CASE("two instances may migrate at the same time") {
  StorageSite site;
  const auto first = site.open();
  const auto second = site.open();
  std::thread beside([&] { second->maintenance().migrate(); });
  first->maintenance().migrate();
  beside.join();
  CHECK(first->maintenance().migrate().from > 0);
}

TEST_CASE_METHOD(StorageFixture, "a newer schema is refused") {
  close();
  site.pretend_newer_schema();
  const auto store = open_another();
  CHECK_THROWS_AS(store->maintenance().migrate(), Conflict);
}

TEST_CASE_METHOD(StorageFixture, "a store in use is reachable") { CHECK(store().maintenance().reachable()); }
