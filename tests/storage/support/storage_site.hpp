// StorageSite: a place for one fresh database of the backend under test, and instances opened on it.
#pragma once

#include <memory>
#include <string>

#include "support/plugin_library.hpp"
#include "support/temporary_folder.hpp"

namespace punctual::testing {

class StorageSite {
 public:
  // Of the kind that PUNCTUAL_TEST_STORAGE_KIND names. Starts no thread.
  StorageSite();

  // One more instance on the same data; not migrated.
  [[nodiscard]] PluginLibrary::Instance open();

  // Makes the schema one that a later version of the plugin has written.
  void pretend_newer_schema();

 private:
  TemporaryFolder folder_;
  TestHost host_;
  PluginLibrary library_;
  std::string url_;
};

}  // namespace punctual::testing
