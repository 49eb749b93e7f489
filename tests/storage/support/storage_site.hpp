// StorageSite: a place for one fresh database of the backend under test, and instances opened on it.
#pragma once

#include <memory>
#include <string>

#include "support/fresh_storage.hpp"
#include "support/plugin_library.hpp"

namespace punctual::testing {

class StorageSite {
 public:
  // Of the kind that PUNCTUAL_TEST_STORAGE_KIND names. Starts no thread.
  StorageSite() = default;

  // One more instance on the same data; not migrated.
  [[nodiscard]] PluginLibrary::Instance open() { return library_.create(database_.url(), host_); }

  // Whether more than one instance may hold a lease at the same time.
  [[nodiscard]] bool allows_several_servers() const noexcept { return database_.allows_several_servers(); }

  // Makes the schema one that a later version of the plugin has written.
  void pretend_newer_schema() { database_.pretend_newer_schema(); }

  // For what lies outside of the plugin's interface.
  [[nodiscard]] const FreshStorage& database() const noexcept { return database_; }

 private:
  FreshStorage database_;
  TestHost host_;
  PluginLibrary library_;
};

}  // namespace punctual::testing
