#include "support/storage_site.hpp"

#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string_view>

namespace punctual::testing {

StorageSite::StorageSite() {
  const char* kind = std::getenv("PUNCTUAL_TEST_STORAGE_KIND");
  if (kind == nullptr || std::string_view(kind) != "sqlite") {
    throw std::runtime_error("PUNCTUAL_TEST_STORAGE_KIND names no known kind of storage");
  }
  url_ = "sqlite://" + (folder_.path() / "test.db").string();
}

PluginLibrary::Instance StorageSite::open() { return library_.create(url_, host_); }

void StorageSite::pretend_newer_schema() {
  // user_version stands big-endian at byte 60 of the header (https://www.sqlite.org/fileformat.html, section 1.3).
  std::fstream file(folder_.path() / "test.db", std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(60);
  file.write("\x00\x00\x03\xe7", 4);
  if (!file) throw std::runtime_error("cannot change the schema version");
}

}  // namespace punctual::testing
