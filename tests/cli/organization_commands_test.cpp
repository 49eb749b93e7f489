#include <regex>

#include <catch2/catch.hpp>

#include "punctual/ids.hpp"
#include "support/eventually.hpp"
#include "support/process.hpp"

using namespace punctual;
using Catch::Contains;
using Catch::Generators::as;
using testing::lines_of;
using testing::TemporaryFolder;

namespace {

// Commands against one store.
struct Commands {
  TemporaryFolder folder;

  testing::Ended run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--storage", sqlite_in(folder)});
    return testing::punctual(arguments);
  }
  [[nodiscard]] std::string make_key(const std::string& organization) const {
    return lines_of(run({"key", "create", "--org", organization}).out).at(0);
  }
};

std::string public_id(const std::string& key) { return key.substr(0, key.find('.')); }

}  // namespace

TEST_CASE_METHOD(Commands, "org create makes the store and prints the id alone") {
  const auto made = run({"org", "create", "acme"});
  CHECK(made.exit_code == 0);
  CHECK(made.err.empty());
  REQUIRE(lines_of(made.out).size() == 1);
  CHECK(OrganizationId::parse(lines_of(made.out)[0]));
}

TEST_CASE_METHOD(Commands, "org list shows what org create made") {
  const std::string id = lines_of(run({"org", "create", "acme & sons"}).out).at(0);
  const auto listed = lines_of(run({"org", "list"}).out);
  REQUIRE(listed.size() == 1);
  CHECK_THAT(listed[0], Catch::StartsWith(id) && Catch::EndsWith("  acme & sons"));
}

TEST_CASE_METHOD(Commands, "an organisation's name is taken once") {
  CHECK(run({"org", "create", "acme"}).exit_code == 0);
  const auto again = run({"org", "create", "acme"});
  CHECK(again.exit_code == 1);
  CHECK(again.out.empty());
  CHECK(again.err == "punctual: there is already an organisation named 'acme'\n");
}

TEST_CASE_METHOD(Commands, "an organisation's name has 1 to 255 bytes without control bytes") {
  const std::string bad = GENERATE(std::string{}, std::string(256, 'x'), std::string{"a\nb"}, std::string{"a\x7f"});
  const auto refused = run({"org", "create", bad});
  CHECK(refused.exit_code == 2);
  CHECK(lines_of(refused.err).size() == 1);
}

TEST_CASE_METHOD(Commands, "the longest name is accepted") {
  CHECK(run({"org", "create", std::string(255, 'x')}).exit_code == 0);
}

TEST_CASE_METHOD(Commands, "org secret prints the signing secret alone, the same each time") {
  (void)run({"org", "create", "acme"});
  const auto secret = run({"org", "secret", "acme"});
  CHECK(secret.exit_code == 0);
  CHECK(std::regex_match(secret.out, std::regex("whsec_[A-Za-z0-9+/]+=*\n")));
  CHECK(run({"org", "secret", "acme"}).out == secret.out);
}

TEST_CASE_METHOD(Commands, "an organisation that is not there is named in one line") {
  const std::vector<std::string> arguments = GENERATE(std::vector<std::string>{"org", "secret", "nobody"},
                                                      std::vector<std::string>{"key", "create", "--org", "nobody"},
                                                      std::vector<std::string>{"key", "list", "--org", "nobody"});
  const auto refused = run(arguments);
  CHECK(refused.exit_code == 1);
  CHECK(refused.out.empty());
  CHECK(refused.err == "punctual: there is no organisation named 'nobody'\n");
}

TEST_CASE_METHOD(Commands, "key create prints the key alone") {
  (void)run({"org", "create", "acme"});
  const auto made = run({"key", "create", "--org", "acme"});
  CHECK(made.exit_code == 0);
  CHECK(made.err.empty());
  CHECK(std::regex_match(made.out, std::regex("pk_live_[A-Za-z0-9_-]{24}\\.sk_live_[A-Za-z0-9_-]{43}\n")));
}

TEST_CASE_METHOD(Commands, "key list shows the keys of one organisation without their secrets") {
  (void)run({"org", "create", "acme"});
  (void)run({"org", "create", "other"});
  const std::string key = make_key("acme");
  (void)make_key("other");
  const auto listed = run({"key", "list", "--org", "acme"});
  REQUIRE(lines_of(listed.out).size() == 1);
  CHECK_THAT(listed.out, Catch::StartsWith(public_id(key)) && Contains("never used"));
  CHECK_THAT(listed.out, !Contains("sk_live_"));
}

TEST_CASE_METHOD(Commands, "a revoked key is shown as revoked") {
  (void)run({"org", "create", "acme"});
  const std::string key = make_key("acme");
  CHECK(run({"key", "revoke", public_id(key)}).exit_code == 0);
  CHECK_THAT(run({"key", "list", "--org", "acme"}).out, Contains("revoked 20"));
}

TEST_CASE_METHOD(Commands, "a key that is not there cannot be revoked") {
  (void)run({"org", "create", "acme"});
  const auto refused = run({"key", "revoke", "pk_live_nobody"});
  CHECK(refused.exit_code == 1);
  CHECK_THAT(refused.err, Contains("there is no key 'pk_live_nobody'"));
}

TEST_CASE_METHOD(Commands, "a whole key given where its name is wanted is not repeated") {
  (void)run({"org", "create", "acme"});
  const std::string key = make_key("acme");
  const auto refused = run({"key", "revoke", key});
  CHECK(refused.exit_code == 1);
  CHECK_THAT(refused.err, !Contains(key.substr(key.find("sk_live_"))));
}

TEST_CASE_METHOD(Commands, "limits of an organisation are set, shown and taken away") {
  REQUIRE(run({"org", "create", "acme"}).exit_code == 0);
  const auto shown = [&] { return run({"org", "show", "acme"}).out; };
  CHECK_THAT(shown(), Contains("name  acme\n") && Contains("max_concurrent  none\n") &&
                          Contains("monthly_executions  none\n") && Contains("min_cron_interval  none\n") &&
                          Contains("max_tasks  none\n") && Contains("retention  none\n") &&
                          !Contains("executions_this_month") && !Contains("whsec_"));
  CHECK(run({"org", "set", "acme", "max_concurrent=3", "monthly_executions=100000", "min_cron_interval=5m",
             "max_tasks=50", "retention=7d"})
            .exit_code == 0);
  CHECK_THAT(shown(), Contains("max_concurrent  3\n") && Contains("monthly_executions  100000\n") &&
                          Contains("min_cron_interval  5m\n") && Contains("max_tasks  50\n") &&
                          Contains("retention  7d\n") && Contains("executions_this_month  0\n"));
  CHECK(run({"org", "set", "acme", "max_tasks=none", "retention=none"}).exit_code == 0);
  CHECK_THAT(shown(),
             Contains("max_concurrent  3\n") && Contains("max_tasks  none\n") && Contains("retention  none\n"));
}

TEST_CASE_METHOD(Commands, "a limit that makes no sense is refused, and none of its command is set") {
  REQUIRE(run({"org", "create", "acme"}).exit_code == 0);
  const std::string bad =
      GENERATE(as<std::string>{}, "max_concurrent=0", "max_concurrent=many", "max_concurrent=", "max_tasks=-1",
               "monthly_executions=1.5", "retention=10m", "retention=soon", "min_cron_interval=500ms", "colour=red",
               "max_tasks", "max_concurrent=none");
  const auto refused = run({"org", "set", "acme", "max_concurrent=3", bad});
  CHECK(refused.exit_code == 2);
  CHECK(lines_of(refused.err).size() == 1);
  CHECK_THAT(run({"org", "show", "acme"}).out, Contains("max_concurrent  none\n"));
}

TEST_CASE_METHOD(Commands, "limits of an organisation that is not there are not set") {
  CHECK(run({"org", "set", "nobody", "max_concurrent=3"}).exit_code == 1);
  CHECK(run({"org", "show", "nobody"}).exit_code == 1);
  CHECK(run({"org", "rotate-secret", "nobody"}).exit_code == 1);
}

TEST_CASE_METHOD(Commands, "rotate-secret prints the new secret alone, and keeps the old one for its overlap") {
  (void)run({"org", "create", "acme"});
  const std::string before = run({"org", "secret", "acme"}).out;
  const auto rotated = run({"org", "rotate-secret", "acme", "--overlap", "2h"});
  CHECK(rotated.exit_code == 0);
  CHECK(std::regex_match(rotated.out, std::regex("whsec_[A-Za-z0-9+/]+=*\n")));
  CHECK(rotated.out != before);
  CHECK(run({"org", "secret", "acme"}).out == rotated.out);
  CHECK_THAT(run({"org", "show", "acme"}).out, Contains("old_secret_until  20"));
}

TEST_CASE_METHOD(Commands, "one rotation follows the other, not before it has ended") {
  (void)run({"org", "create", "acme"});
  CHECK(run({"org", "rotate-secret", "acme", "--finish"}).exit_code == 1);
  CHECK(run({"org", "rotate-secret", "acme"}).exit_code == 0);
  const auto again = run({"org", "rotate-secret", "acme"});
  CHECK(again.exit_code == 1);
  CHECK(again.out.empty());
  CHECK_THAT(again.err, Contains("an earlier rotation lasts until 20") && Contains("--finish"));
  const auto finished = run({"org", "rotate-secret", "acme", "--finish"});
  CHECK(finished.exit_code == 0);
  CHECK(finished.out.empty());
  CHECK_THAT(run({"org", "show", "acme"}).out, !Contains("old_secret_until"));
  CHECK(run({"org", "rotate-secret", "acme", "--overlap", "0"}).exit_code == 0);
  CHECK_THAT(run({"org", "show", "acme"}).out, !Contains("old_secret_until"));
  CHECK(run({"org", "rotate-secret", "acme", "--overlap", "long"}).exit_code == 2);
  CHECK(run({"org", "rotate-secret", "acme", "--overlap", "1h", "--finish"}).exit_code == 2);
}

TEST_CASE_METHOD(Commands,
                 "a rotation whose overlap is over has ended, whether a server has taken the old secret away or not") {
  (void)run({"org", "create", "acme"});
  CHECK(run({"org", "rotate-secret", "acme", "--overlap", "1ms"}).exit_code == 0);
  CHECK(testing::eventually([&] {
    return run({"org", "show", "acme"}).out.find("old_secret_until") == std::string::npos;
  }));
  CHECK_THAT(run({"org", "rotate-secret", "acme", "--finish"}).err, Contains("no rotation is under way"));
  const auto again = run({"org", "rotate-secret", "acme"});
  CHECK(again.exit_code == 0);
  CHECK_THAT(run({"org", "show", "acme"}).out, Contains("old_secret_until  20"));
  CHECK(run({"org", "secret", "acme"}).out == again.out);
}

TEST_CASE_METHOD(Commands, "a key has a name and expires where that was wished") {
  (void)run({"org", "create", "acme"});
  CHECK(run({"key", "create", "--org", "acme", "--name", "deploy robot", "--expires", "90d"}).exit_code == 0);
  CHECK(run({"key", "create", "--org", "acme"}).exit_code == 0);
  const auto listed = lines_of(run({"key", "list", "--org", "acme"}).out);
  REQUIRE(listed.size() == 2);
  CHECK_THAT(listed[0], Contains("  expires 20") && Catch::EndsWith("  deploy robot"));
  CHECK_THAT(listed[1], !Contains("expires"));
}

TEST_CASE_METHOD(Commands, "a key that has expired is shown as such") {
  (void)run({"org", "create", "acme"});
  CHECK(run({"key", "create", "--org", "acme", "--expires", "1s"}).exit_code == 0);
  CHECK(testing::eventually([&] {
    return run({"key", "list", "--org", "acme"}).out.find("  expired 20") != std::string::npos;
  }));
}

TEST_CASE_METHOD(Commands, "a key's name and time that make no sense are refused") {
  (void)run({"org", "create", "acme"});
  CHECK(run({"key", "create", "--org", "acme", "--name", "a\nb"}).exit_code == 2);
  CHECK(run({"key", "create", "--org", "acme", "--name", std::string(256, 'x')}).exit_code == 2);
  CHECK(run({"key", "create", "--org", "acme", "--expires", "soon"}).exit_code == 2);
  CHECK(run({"key", "create", "--org", "acme", "--expires", "0"}).exit_code == 2);
  CHECK(run({"key", "list", "--org", "acme"}).out.empty());
}
