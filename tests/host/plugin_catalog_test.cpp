#include "host/plugin_catalog.hpp"

#include "host_fixtures.hpp"

namespace punctual {
namespace {

using testing::message_of;
using testing::plugin_file;

// {name in the folder, test plugin}
using Copies = std::vector<std::pair<std::string, std::string>>;

// A plugin folder with copies of test plugins.
class PluginFolder {
 public:
  explicit PluginFolder(const Copies& plugins) {
    for (const auto& [name, plugin] : plugins) std::filesystem::copy_file(plugin_file(plugin), folder_ / name);
  }
  [[nodiscard]] const testing::TemporaryFolder& folder() const noexcept { return folder_; }
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return folder_.path(); }
  [[nodiscard]] std::string file(const std::string& name) const { return (folder_ / name).string(); }

 private:
  testing::TemporaryFolder folder_;
};

TEST_CASE("a catalog has the plugins of its folder in the order of their files") {
  const PluginFolder folder(Copies{{"b.so", "good_notifier"}, {"a.so", "two_plugins"}, {"c.so", "transport"}});
  const PluginCatalog catalog(folder.path());
  std::vector<std::string> names;
  for (const auto& plugin : catalog.plugins()) names.emplace_back(plugin.name());
  CHECK(names == std::vector<std::string>{"first", "second", "good-notifier", "silent"});
  CHECK(catalog.refusals().empty());
}

TEST_CASE("plugins are found by kind and name") {
  const PluginFolder folder(Copies{{"a.so", "good_notifier"}, {"b.so", "transport"}});
  const PluginCatalog catalog(folder.path());
  REQUIRE(catalog.find(PUNCTUAL_TRANSPORT, "silent") != nullptr);
  CHECK(catalog.find(PUNCTUAL_TRANSPORT, "silent")->file == folder.file("b.so"));
  CHECK(catalog.find(PUNCTUAL_STORAGE, "silent") == nullptr);
  CHECK(catalog.of_kind(PUNCTUAL_NOTIFIER).size() == 1);
  CHECK(catalog.of_kind(PUNCTUAL_STORAGE).empty());
}

TEST_CASE("a refused library does not stop the others") {
  const PluginFolder folder(Copies{{"a.so", "wrong_abi"}, {"b.so", "good_notifier"}});
  const PluginCatalog catalog(folder.path());
  CHECK(catalog.plugins().size() == 1);
  REQUIRE(catalog.refusals().size() == 1);
  CHECK(catalog.refusals().front() == folder.file("a.so") + ": built for plugin ABI 7, this server has 1");
}

TEST_CASE("a caller that needs every library gets the first refusal") {
  const PluginFolder folder(Copies{{"a.so", "wrong_abi"}, {"b.so", "wrong_kind"}});
  const PluginCatalog catalog(folder.path());
  CHECK(message_of<PluginRefused>([&] { catalog.require_all(); }) ==
        folder.file("a.so") + ": built for plugin ABI 7, this server has 1");
}

TEST_CASE("a caller that needs every library passes when none is refused") {
  const PluginFolder folder(Copies{{"a.so", "good_notifier"}});
  CHECK_NOTHROW(PluginCatalog(folder.path()).require_all());
}

TEST_CASE("a second plugin of the same name is refused with both files") {
  const PluginFolder folder(Copies{{"a.so", "good_notifier"}, {"b.so", "good_notifier"}});
  const PluginCatalog catalog(folder.path());
  CHECK(catalog.plugins().size() == 1);
  REQUIRE(catalog.refusals().size() == 1);
  CHECK(catalog.refusals().front() ==
        folder.file("b.so") + ": plugin 'good-notifier' is loaded already, from " + folder.file("a.so"));
}

TEST_CASE("files that are not libraries are passed over") {
  const PluginFolder folder(Copies{{"a.so", "good_notifier"}});
  folder.folder().write("README", "nothing to load");
  folder.folder().write("b.so.bak", "nothing to load");
  const PluginCatalog catalog(folder.path());
  CHECK(catalog.plugins().size() == 1);
  CHECK(catalog.refusals().empty());
}

TEST_CASE("libraries stay loaded after the catalog") {
  const PluginFolder folder(Copies{{"a.so", "good_notifier"}});
  { const PluginCatalog catalog(folder.path()); }
  CHECK(PluginLibrary::is_loaded(folder.file("a.so")));
}

TEST_CASE("an empty folder is an empty catalog") {
  const testing::TemporaryFolder folder;
  CHECK(PluginCatalog(folder.path()).plugins().empty());
}

TEST_CASE("a folder that cannot be read is refused") {
  const testing::TemporaryFolder folder;
  CHECK(message_of<PluginRefused>([&] { PluginCatalog catalog(folder / "absent"); }) ==
        (folder / "absent").string() + ": the plugin folder cannot be read: No such file or directory");
}

TEST_CASE("the default folder lies beside the executable's") {
  const auto binaries = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  CHECK(PluginCatalog::default_folder() == binaries.parent_path() / "lib/punctual/plugins");
}

}  // namespace
}  // namespace punctual
