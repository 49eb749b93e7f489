#include "location.hpp"

#include <catch2/catch.hpp>

#include "punctual/errors.hpp"
#include "support/temporary_folder.hpp"

using punctual::Invalid;
using punctual::sqlite::database_path;
using punctual::testing::TemporaryFolder;

TEST_CASE("an absolute path is written with one slash or three") {
  const TemporaryFolder folder;
  const auto file = folder.path() / "x.db";
  CHECK(database_path("sqlite:" + file.string()) == file);
  CHECK(database_path("sqlite://" + file.string()) == file);
}

TEST_CASE("a relative path is taken from the working folder") {
  CHECK(database_path("sqlite:x.db") == std::filesystem::current_path() / "x.db");
  CHECK(database_path("sqlite:./x.db") == std::filesystem::current_path() / "x.db");
}

TEST_CASE("other locations are refused without repeating them") {
  for (const auto* url : {"", "x.db", "postgresql://user:secret@host/x",
                          "sqlite:", "sqlite::memory:", "sqlite://host/x.db", "sqlite:x.db?mode=ro", "sqlite:/"}) {
    INFO(url);
    CHECK_THROWS_AS(database_path(url), Invalid);
  }
  CHECK_THROWS_WITH(database_path("postgresql://user:secret@host/x"), !Catch::Matchers::Contains("secret"));
}

TEST_CASE("a folder that does not exist is named") {
  CHECK_THROWS_WITH(database_path("sqlite:///no/such/folder/x.db"), Catch::Matchers::Contains("/no/such/folder"));
}
