#include <catch2/catch.hpp>

#include "support/process.hpp"

using namespace punctual;
using Catch::Contains;
using testing::lines_of;
using testing::TemporaryFolder;

namespace {

// Commands against one store, with the plugins of a server and one of the tests.
struct Channels {
  Channels() {
    for (const auto& file : {PUNCTUAL_PLUGINS "/storage-sqlite.so", PUNCTUAL_PLUGINS "/http.so",
                             PUNCTUAL_TEST_PLUGINS "/notifier_scripted.so"}) {
      const std::filesystem::path plugin(file);
      std::filesystem::create_symlink(plugin, plugins / plugin.filename().string());
    }
    REQUIRE(run({"org", "create", "acme"}).exit_code == 0);
  }

  testing::Ended run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--storage", sqlite_in(folder), "--plugins", plugins.path()});
    return testing::punctual(arguments);
  }
  testing::Ended add(const std::string& behaviour) const {
    return run({"channel", "add", "--org", "acme", "--plugin", "notifier-scripted", "--name", "ops", "--set",
                "behaviour=" + behaviour});
  }

  TemporaryFolder folder;
  TemporaryFolder plugins;
};

}  // namespace

TEST_CASE_METHOD(Channels, "a channel that works is added and tested without a word of warning") {
  const auto added = add("deliver");
  CHECK(added.exit_code == 0);
  CHECK(lines_of(added.out).size() == 1);
  CHECK(added.err.empty());
  const auto tested = run({"channel", "test", "--org", "acme", "ops"});
  CHECK(tested.exit_code == 0);
  CHECK_THAT(tested.out, Contains("channel 'ops' took a test event"));
  CHECK(tested.err.empty());
}

TEST_CASE_METHOD(Channels, "a channel that does not work is added with a warning, which a test repeats") {
  const auto added = add("create-refuse");
  CHECK(added.exit_code == 0);
  REQUIRE(lines_of(added.err).size() == 1);
  CHECK_THAT(added.err, Contains("the channel does not work") && Contains("as the script says"));
  CHECK_THAT(added.err, !Contains(".so"));
  const auto tested = run({"channel", "test", "--org", "acme", "ops"});
  CHECK(tested.exit_code == 1);
  REQUIRE(lines_of(tested.err).size() == 1);
  CHECK_THAT(tested.err, Contains("did not take a test event") && Contains("as the script says"));
}

TEST_CASE_METHOD(Channels, "a plugin that does not let its channel be ended keeps no command from its end") {
  const auto added = add("destroy-block");
  CHECK(added.exit_code == 0);
  CHECK_THAT(added.err, Contains("'notifier-scripted' has not come to its end in time"));
}
