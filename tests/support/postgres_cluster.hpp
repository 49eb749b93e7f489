// PostgresCluster: a throwaway cluster of its own, for tests that crash it. It takes a second or two to make; tests that only
// need a database take a PostgresDatabase in the cluster that all share.
#pragma once

#include "support/temporary_folder.hpp"

namespace punctual::testing {

class PostgresCluster {
 public:
  // Started and accepting connections. Every function throws std::runtime_error when it cannot be done.
  PostgresCluster();
  ~PostgresCluster();  // stopped and deleted
  PostgresCluster(const PostgresCluster&) = delete;
  PostgresCluster& operator=(const PostgresCluster&) = delete;

  // What PostgresDatabase takes.
  [[nodiscard]] const std::filesystem::path& folder() const noexcept { return folder_.path(); }

  // SIGKILL to all its processes: a crash. On return they are gone.
  void kill();
  // Starts it on the same data, after a clean stop if it runs. On return it accepts connections.
  void restart();

 private:
  TemporaryFolder folder_;
};

}  // namespace punctual::testing
