#include "support/fresh_storage.hpp"

#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string_view>

namespace punctual::testing {
namespace {

enum class StorageKind { sqlite, postgres };

StorageKind kind_of_environment() {
  const char* kind = std::getenv("PUNCTUAL_TEST_STORAGE_KIND");
  const std::string_view name = kind == nullptr ? "" : kind;
  if (name == "sqlite") return StorageKind::sqlite;
  if (name == "postgres") return StorageKind::postgres;
  throw std::runtime_error("PUNCTUAL_TEST_STORAGE_KIND names no known kind of storage");
}

// A file as it is now: another build of it is another one.
std::size_t print_of(const std::filesystem::path& file) {
  const auto written = std::filesystem::last_write_time(file).time_since_epoch().count();
  return std::hash<std::string>{}(std::filesystem::canonical(file).string() + ' ' + std::to_string(written));
}

}  // namespace

FreshStorage::FreshStorage() {
  switch (kind_of_environment()) {
    case StorageKind::sqlite:
      url_ = "sqlite://" + sqlite_file().string();
      break;
    case StorageKind::postgres:
      url_ = postgres_.emplace().url();
      break;
  }
}

FreshStorage::FreshStorage(const std::filesystem::path& plugin,
                           const std::function<void(const std::string& url)>& prepare) {
  switch (kind_of_environment()) {
    case StorageKind::sqlite:
      url_ = "sqlite://" + sqlite_file().string();
      prepare(url_);
      break;
    case StorageKind::postgres: {
      const auto model = std::to_string(print_of("/proc/self/exe")) + '_' + std::to_string(print_of(plugin));
      url_ = postgres_.emplace("model_" + model, prepare).url();
      break;
    }
  }
}

void FreshStorage::pretend_newer_schema() const {
  if (postgres_) {
    postgres_->execute("update schema_version set version = version + 1000");
    return;
  }
  // user_version stands big-endian at byte 60 of the header (https://www.sqlite.org/fileformat.html, section 1.3).
  std::fstream file(sqlite_file(), std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(60);
  file.write("\x00\x00\x03\xe7", 4);
  if (!file) throw std::runtime_error("cannot change the schema version");
}

}  // namespace punctual::testing
