// PostgresStore: what can be asked and done only with Postgres.
#pragma once

#include "store.hpp"
#include "support/postgres_database.hpp"

namespace punctual::bench {

class PostgresStore final : public Store {
 public:
  explicit PostgresStore(const std::filesystem::path& cluster);

  [[nodiscard]] const std::string& url() const override { return database_.url(); }
  void copy(const Copies& copies) override;
  void settle_down() override;
  [[nodiscard]] PostgresStore* postgres() override { return this; }

  [[nodiscard]] const std::string& name() const { return database_.name(); }
  [[nodiscard]] testing::PostgresSession connect() const { return database_.connect(); }
  // The process that all others of the cluster are children of.
  [[nodiscard]] pid_t postmaster() const { return postmaster_; }
  // One of Postgres' own programs, e.g. "pgbench".
  [[nodiscard]] std::filesystem::path program(const std::string& program_name) const {
    return programs_ / program_name;
  }
  [[nodiscard]] const std::filesystem::path& data_folder() const { return data_folder_; }

 private:
  testing::PostgresDatabase database_;
  std::filesystem::path programs_;
  std::filesystem::path data_folder_;
  pid_t postmaster_ = -1;
};

}  // namespace punctual::bench
