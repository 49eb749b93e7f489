#include <catch2/catch.hpp>

#include "support/process.hpp"

using namespace punctual;
using Catch::Contains;
using testing::lines_of;
using testing::TemporaryFolder;

namespace {

const std::string plugins = PUNCTUAL_PLUGINS;

}  // namespace

TEST_CASE("plugin list names the plugins beside the executable") {
  const auto run = testing::punctual({"plugin", "list"});
  CHECK(run.exit_code == 0);
  CHECK_THAT(run.out, Contains("storage-sqlite  storage") && Contains("http-frontend  frontend"));
  CHECK(run.err.empty());
}

TEST_CASE("plugin list takes another folder") {
  const TemporaryFolder folder;
  std::filesystem::copy(plugins + "/storage-sqlite.so", folder.path());
  const auto run = testing::punctual({"plugin", "list", "--plugins", folder.path()});
  CHECK(run.exit_code == 0);
  CHECK(lines_of(run.out).size() == 1);
}

TEST_CASE("plugin list of a folder with a bad file names it and fails, and still lists the others") {
  const TemporaryFolder folder;
  std::filesystem::copy(plugins + "/storage-sqlite.so", folder.path());
  const auto bad = folder.write("bad.so", "this is no library");
  const auto run = testing::punctual({"plugin", "list", "--plugins", folder.path()});
  CHECK(run.exit_code == 1);
  CHECK_THAT(run.out, Contains("storage-sqlite"));
  REQUIRE(lines_of(run.err).size() == 1);
  CHECK_THAT(run.err, Catch::StartsWith("punctual: " + bad.string()));
}

TEST_CASE("a folder of plugins that is not there is one line") {
  const auto run = testing::punctual({"plugin", "list", "--plugins", "/nowhere/at/all"});
  CHECK(run.exit_code == 1);
  CHECK(lines_of(run.err).size() == 1);
}

TEST_CASE("plugin check passes the plugins that are shipped") {
  const std::string name = GENERATE("storage-sqlite.so", "http.so");
  const auto run = testing::punctual({"plugin", "check", plugins + "/" + name});
  INFO(run.err);
  CHECK(run.exit_code == 0);
  CHECK_FALSE(run.out.empty());
}

TEST_CASE("plugin check of a bad file is one line and exit code 1") {
  const TemporaryFolder folder;
  (void)folder.write("text.so", "this is no library");
  const std::string file = folder.path() / GENERATE("text.so", "missing.so");
  const auto run = testing::punctual({"plugin", "check", file});
  CHECK(run.exit_code == 1);
  REQUIRE(lines_of(run.err).size() == 1);
  CHECK_THAT(run.err, Catch::StartsWith("punctual: " + file));
}

TEST_CASE("plugin check refuses a setting that the plugin does not know") {
  const auto run = testing::punctual({"plugin", "check", plugins + "/storage-sqlite.so", "--set", "sqlite.redaers=2"});
  CHECK(run.exit_code == 1);
  CHECK_THAT(run.err, Contains("sqlite.readers"));
}

TEST_CASE("a refused plugin stops commands that need the store") {
  const TemporaryFolder folder;
  std::filesystem::copy(plugins + "/storage-sqlite.so", folder.path());
  const auto bad = folder.write("bad.so", "this is no library");
  const std::string command = GENERATE("serve", "migrate");
  const auto run = testing::punctual({command, "--plugins", folder.path(), "--storage", sqlite_in(folder)});
  CHECK(run.exit_code == 1);
  REQUIRE(lines_of(run.err).size() == 1);
  CHECK_THAT(run.err, Catch::StartsWith("punctual: " + bad.string()));
}
