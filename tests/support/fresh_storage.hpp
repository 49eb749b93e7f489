// FreshStorage: a place for one database of the kind that PUNCTUAL_TEST_STORAGE_KIND names ("sqlite" or "postgres"), gone at
// the end. One thread.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "support/postgres_database.hpp"
#include "support/temporary_folder.hpp"

namespace punctual::testing {

class FreshStorage {
 public:
  // An empty one. Starts no thread. Throws std::runtime_error.
  FreshStorage();

  // One that `prepare`, which is given its URL, has made ready with the plugin in this file. Where copying a database costs
  // less, it is called for the first one only: what it does must be the same for all of a test binary.
  FreshStorage(const std::filesystem::path& plugin, const std::function<void(const std::string& url)>& prepare);

  // What the setting storage.url takes.
  [[nodiscard]] const std::string& url() const noexcept { return url_; }

  // Whether more than one server may hold a lease on it at the same time.
  [[nodiscard]] bool allows_several_servers() const noexcept { return postgres_.has_value(); }

  // The database itself, for what one kind alone can show; null on SQLite.
  [[nodiscard]] const PostgresDatabase* postgres() const noexcept { return postgres_ ? &*postgres_ : nullptr; }

  // Makes the schema, which must be migrated, one that a later version of the plugin has written.
  void pretend_newer_schema() const;

 private:
  [[nodiscard]] std::filesystem::path sqlite_file() const { return folder_ / "test.db"; }

  TemporaryFolder folder_;
  std::optional<PostgresDatabase> postgres_;
  std::string url_;
};

}  // namespace punctual::testing
