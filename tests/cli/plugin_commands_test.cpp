#include <catch2/catch.hpp>

#include "support/http_target.hpp"
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

// `punctual plugin check` of notifier-scripted with these settings.
testing::Ended check_scripted(const std::vector<std::string>& settings) {
  std::vector<std::string> arguments{"plugin", "check", std::string(PUNCTUAL_TEST_PLUGINS) + "/notifier_scripted.so"};
  for (const auto& setting : settings) arguments.insert(arguments.end(), {"--set", setting});
  return testing::punctual(arguments);
}

TEST_CASE("plugin check tells a notifier one event of each kind") {
  const auto run = check_scripted({});
  INFO(run.err);
  CHECK(run.exit_code == 0);
  for (const auto* kind : {"task.failed", "task.recovered", "task.disabled", "queue.stalled", "quota.warning",
                           "quota.reached", "host.circuit_opened", "summary", "test"}) {
    CHECK_THAT(run.out, Contains("plugin 'notifier-scripted': " + std::string(kind) + ": delivered in "));
  }
  CHECK_THAT(run.out, Contains("and its memory does not grow"));
  CHECK(run.err.empty());
}

TEST_CASE("plugin check of a notifier that fails is exit code 1 and one line that says how") {
  const auto [behaviour, line] = GENERATE(table<std::string, std::string>({
      {"retry", "did not take task.failed: retry later, as the script says"},
      {"throw", "did not take task.failed: give up, notify threw: the script throws"},
      {"end-thread", "has ended the thread that called it, in notify of task.failed"},
      {"create-refuse", "could not be created: as the script says"},
      {"block", "hangs: notify of task.failed has not returned within 200ms"},
  }));
  const auto run = check_scripted({"scripted.behaviour=" + behaviour, "notify.timeout=200ms"});
  CHECK(run.exit_code == 1);
  REQUIRE(lines_of(run.err).size() == 1);
  CHECK_THAT(run.err, Catch::EndsWith("plugin 'notifier-scripted' " + line + "\n"));
  CHECK_THAT(run.out, Contains("descriptor is valid"));
}

// Allocators of sanitizers tell nothing of what is smaller than a page.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr const char* smallest_leak = "leak";
#else
constexpr const char* smallest_leak = "leak-little";
#endif

TEST_CASE("plugin check warns of a notifier that leaks") {
  const std::string behaviour = GENERATE(as<std::string>(), "leak", smallest_leak);
  const auto run = check_scripted({"scripted.behaviour=" + behaviour});
  CHECK(run.exit_code == 0);
  CHECK_THAT(run.out, Contains("WARNING: it seems to leak: with each event its memory grows by "));
}

TEST_CASE("in plugin check a notifier sends its requests, to internal addresses only when they are allowed") {
  testing::HttpTarget target;
  const std::vector<std::string> sends{"scripted.behaviour=send", "scripted.url=" + target.url("/hook")};
  const auto refused = check_scripted(sends);
  CHECK(refused.exit_code == 1);
  CHECK_THAT(refused.err, Contains("retry later, blocked address: 127.0.0.1"));
  CHECK(target.requests().empty());

  auto allowed = sends;
  allowed.push_back("delivery.allow_private_networks=true");
  const auto run = check_scripted(allowed);
  INFO(run.err);
  CHECK(run.exit_code == 0);
  REQUIRE(target.requests().size() >= 9);
  CHECK_THAT(target.requests().front().body, Contains(R"("event":"task.failed")"));
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
