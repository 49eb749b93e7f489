#include "support/postgres_cluster.hpp"

#include <cstdlib>
#include <stdexcept>

namespace punctual::testing {
namespace {

bool succeeds(const std::string& command, const TemporaryFolder& folder) {
  const std::string line =
      "'" PUNCTUAL_POSTGRES_CLUSTER "' " + command + " '" + folder.path().string() + "' >/dev/null </dev/null";
  return std::system(line.c_str()) == 0;
}

void run(const std::string& command, const TemporaryFolder& folder) {
  if (!succeeds(command, folder)) throw std::runtime_error("postgres-cluster " + command + " failed; it has said why");
}

}  // namespace

PostgresCluster::PostgresCluster() { run("start", folder_); }

PostgresCluster::~PostgresCluster() { (void)succeeds("stop", folder_); }

void PostgresCluster::kill() { run("kill", folder_); }

void PostgresCluster::restart() { run("restart", folder_); }

}  // namespace punctual::testing
