#include <catch2/catch.hpp>

#include "punctual/version.h"
#include "support/process.hpp"

using namespace punctual;
using Catch::Contains;
using testing::lines_of;

TEST_CASE("the option --version prints the version alone") {
  const auto run = testing::punctual({"--version"});
  CHECK(run.exit_code == 0);
  CHECK(run.out == "punctual " PUNCTUAL_VERSION "\n");
  CHECK(run.err.empty());
}

TEST_CASE("the help names every command") {
  const auto run = testing::punctual({"--help"});
  CHECK(run.exit_code == 0);
  for (const std::string command : {"serve", "migrate", "org", "key", "cron", "plugin"})
    CHECK_THAT(run.out, Contains(command));
}

TEST_CASE("the help of every command names the common options") {
  const std::vector<std::string> command = GENERATE(
      std::vector<std::string>{"serve"}, std::vector<std::string>{"migrate"}, std::vector<std::string>{"org", "create"},
      std::vector<std::string>{"org", "list"}, std::vector<std::string>{"org", "secret"},
      std::vector<std::string>{"key", "create"}, std::vector<std::string>{"key", "list"},
      std::vector<std::string>{"key", "revoke"}, std::vector<std::string>{"cron", "next"},
      std::vector<std::string>{"plugin", "list"}, std::vector<std::string>{"plugin", "check"});
  auto arguments = command;
  arguments.push_back("--help");
  const auto run = testing::punctual(arguments);
  CHECK(run.exit_code == 0);
  for (const std::string option : {"--config", "--storage", "--plugins", "--set"})
    CHECK_THAT(run.out, Contains(option));
}

TEST_CASE("arguments that make no sense are one line and exit code 2") {
  const std::vector<std::string> arguments =
      GENERATE(std::vector<std::string>{}, std::vector<std::string>{"frobnicate"}, std::vector<std::string>{"org"},
               std::vector<std::string>{"org", "create"}, std::vector<std::string>{"key", "create"},
               std::vector<std::string>{"serve", "--bogus"}, std::vector<std::string>{"org", "list", "extra"},
               std::vector<std::string>{"migrate", "--set"}, std::vector<std::string>{"cron", "next"});
  const auto run = testing::punctual(arguments);
  CHECK(run.exit_code == 2);
  CHECK(run.out.empty());
  REQUIRE(lines_of(run.err).size() == 1);
  CHECK_THAT(run.err, Catch::StartsWith("punctual: "));
}

TEST_CASE("what follows one --set is an argument of the command again") {
  const testing::TemporaryFolder folder;
  const auto run =
      testing::punctual({"org", "create", "--set", "log.level=error", "acme", "--storage", sqlite_in(folder)});
  CHECK(run.exit_code == 0);
}

TEST_CASE("an unknown setting is refused with the near one") {
  const testing::TemporaryFolder folder;
  const auto run = testing::punctual({"org", "list", "--storage", sqlite_in(folder), "--set", "storage.ulr=x"});
  CHECK(run.exit_code == 2);
  CHECK_THAT(run.err, Contains("storage.ulr") && Contains("storage.url"));
  CHECK(lines_of(run.err).size() == 1);
}

TEST_CASE("an unknown setting in the file is refused") {
  const testing::TemporaryFolder folder;
  const auto file = folder.write("punctual.toml", "[server]\nshutdown_dedline = \"5s\"\n");
  const auto run = testing::punctual({"org", "list", "--storage", sqlite_in(folder), "--config", file});
  CHECK(run.exit_code == 2);
  CHECK_THAT(run.err, Contains("server.shutdown_deadline") && Contains("punctual.toml"));
}

TEST_CASE("the store is named by file, environment and option, the later winning") {
  const testing::TemporaryFolder folder;
  const testing::TemporaryFolder other;
  const auto file = folder.write("punctual.toml", "[storage]\nurl = \"" + sqlite_in(folder) + "\"\n");
  const std::string variable = "PUNCTUAL_STORAGE__URL=" + sqlite_in(other);

  CHECK(testing::punctual({"org", "create", "from-file", "--config", file}).exit_code == 0);
  CHECK(testing::punctual({"org", "create", "from-environment", "--config", file}, {variable}).exit_code == 0);
  const auto listed = testing::punctual({"org", "list", "--config", file, "--storage", sqlite_in(other)});
  CHECK_THAT(listed.out, Contains("from-environment") && !Contains("from-file"));
}

TEST_CASE("a storage scheme without a plugin is refused with what is loaded") {
  const auto run = testing::punctual({"org", "list", "--storage", "mysql://user:hunter2@host/db"});
  CHECK(run.exit_code == 1);
  CHECK(run.err ==
        "punctual: storage.url 'mysql:' needs the plugin 'storage-mysql', which is not there; storage plugins loaded: "
        "storage-postgres, storage-sqlite\n");
}

TEST_CASE("a storage URL without a scheme is refused") {
  const auto run = testing::punctual({"org", "list", "--storage", "punctual.db"});
  CHECK(run.exit_code == 2);
  CHECK_THAT(run.err, Contains("must begin with a scheme"));
}

TEST_CASE("a store that cannot be opened is one line and exit code 1") {
  const auto run = testing::punctual({"org", "list", "--storage", "sqlite:///nowhere/at/all.db"});
  CHECK(run.exit_code == 1);
  CHECK(lines_of(run.err).size() == 1);
  CHECK_THAT(run.err, Catch::StartsWith("punctual: "));
}

TEST_CASE("a secret in an argument that is not understood is not repeated") {
  const auto run = testing::punctual({"org", "list", "postgresql://user:hunter2@host/db"});
  CHECK(run.exit_code == 2);
  CHECK_THAT(run.err, !Contains("hunter2"));
}

TEST_CASE("migrate says what it did") {
  const testing::TemporaryFolder folder;
  const auto first = testing::punctual({"migrate", "--storage", sqlite_in(folder)});
  CHECK(first.exit_code == 0);
  CHECK_THAT(first.out, Catch::StartsWith("schema brought from version 0 to "));
  const auto second = testing::punctual({"migrate", "--storage", sqlite_in(folder)});
  CHECK(second.exit_code == 0);
  CHECK_THAT(second.out, Catch::StartsWith("schema is at version "));
}
