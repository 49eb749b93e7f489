#include <catch2/catch.hpp>

#include "support/process.hpp"

using namespace punctual;
using Catch::Contains;
using testing::TemporaryFolder;

TEST_CASE("node list names the server that works on the store, and nobody after it has stopped") {
  const TemporaryFolder folder;
  testing::RunningServer server(testing::sqlite_in(folder), {});
  const auto list = [&] { return testing::punctual({"node", "list", "--storage", testing::sqlite_in(folder)}); };
  const auto while_running = list();
  CHECK(while_running.exit_code == 0);
  CHECK_THAT(while_running.out, Contains(":" + std::to_string(server.process().id())) && Contains("0 claims"));
  (void)server.stop();
  const auto afterwards = list();
  CHECK(afterwards.exit_code == 0);
  CHECK(afterwards.out.empty());
}
