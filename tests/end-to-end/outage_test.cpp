// Postgres crashes under load and comes back.
#include <catch2/catch.hpp>

#include "mixed_clients.hpp"
#include "support/eventually.hpp"
#include "support/postgres_cluster.hpp"
#include "support/postgres_database.hpp"

using namespace punctual;
using namespace punctual::testing;
using namespace std::chrono_literals;

namespace {

struct Outage {
  Outage() {
    (void)site.start();
    (void)site.start();
  }

  // Both servers have given up sending for want of a heartbeat.
  bool suspended() {
    return site.server(0).process().err().find("sending is suspended") != std::string::npos &&
           site.server(1).process().err().find("sending is suspended") != std::string::npos;
  }

  PostgresCluster cluster;
  PostgresDatabase database{cluster.folder()};
  Installation site{database.url()};
};

}  // namespace

TEST_CASE_METHOD(Outage, "while Postgres is down clients are told when to come again, and nothing accepted is lost") {
  const bool long_enough_to_suspend = GENERATE(false, true);
  SteadyLoad load(mixed_clients(site, 4), [this] { return site.addresses(); });
  REQUIRE(eventually([&] { return load.accepted() >= 300; }));
  cluster.kill();
  const std::size_t refused = load.answered(503);
  CHECK(eventually([&] { return load.answered(503) >= refused + 20; }));
  if (long_enough_to_suspend) CHECK(eventually([&] { return suspended(); }, 30s));
  cluster.restart();
  const std::size_t before = load.accepted();
  CHECK(eventually([&] { return load.accepted() >= before + 300; }));
  const auto account = load.finish();
  CHECK(account.unexpected.empty());
  CHECK(account.unhelpful == 0);
  CHECK(account.broken == 0);
  CHECK(site.arrivals().have(account.accepted, 40s));
  CHECK(site.arrivals().repeated().empty());
}
