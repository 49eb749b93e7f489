// What the other cases here and those of the API stand on.
#include <catch2/catch.hpp>
#include <exception>

#include "engine/engine_fixture.hpp"
#include "punctual/errors.hpp"

using namespace punctual;
using namespace punctual::testing;

TEST_CASE("what a storage plugin throws can be read after the case has cleaned up") {
  std::exception_ptr thrown;
  {
    const EngineFixture fixture;
    fixture.store.database().pretend_newer_schema();
    const auto storage = fixture.store.open();
    try {
      (void)storage->maintenance().migrate();
    } catch (...) {
      thrown = std::current_exception();
    }
  }
  REQUIRE(thrown);
  CHECK_THROWS_AS(std::rethrow_exception(thrown), Conflict);
}
