#include "host/plugin_library.hpp"

#include <dlfcn.h>

#include "host_fixtures.hpp"
#include "punctual/plugin.hpp"

namespace punctual {
namespace {

using testing::message_of;
using testing::plugin_file;

std::string line_for(const std::filesystem::path& file) {
  return message_of<PluginRefused>([&] { PluginLibrary library(file); });
}

// The refusal of a test plugin, without the file that every refusal begins with.
std::string refusal_of(const std::string& name) {
  const auto file = plugin_file(name).string();
  const auto line = line_for(plugin_file(name));
  REQUIRE(line.starts_with(file + ": "));
  return line.substr(file.size() + 2);
}

bool in_memory(const std::filesystem::path& file) {
  void* handle = dlopen(file.c_str(), RTLD_LAZY | RTLD_NOLOAD);
  if (handle != nullptr) dlclose(handle);
  return handle != nullptr;
}

TEST_CASE("a good library gives its plugin") {
  const PluginLibrary library(plugin_file("good_notifier"));
  REQUIRE(library.plugins().size() == 1);
  const auto& plugin = library.plugins().front();
  CHECK(plugin.name() == "good-notifier");
  CHECK(plugin.version() == "1.2");
  CHECK(plugin.kind() == PUNCTUAL_NOTIFIER);
  CHECK(plugin.settings().size() == 5);
  CHECK(plugin.file == plugin_file("good_notifier"));
}

TEST_CASE("a library with two plugins gives both in the order of its chain") {
  const PluginLibrary library(plugin_file("two_plugins"));
  REQUIRE(library.plugins().size() == 2);
  CHECK(library.plugins()[0].name() == "first");
  CHECK(library.plugins()[1].name() == "second");
}

TEST_CASE("a C++ plugin with the host's C++ ABI is accepted") {
  const PluginLibrary library(plugin_file("transport"));
  CHECK(library.plugins().front().kind() == PUNCTUAL_TRANSPORT);
}

TEST_CASE("a notifier is plain C, so its C++ ABI does not matter") {
  const PluginLibrary library(plugin_file("foreign_notifier"));
  CHECK(library.plugins().front().name() == "faulty");
}

TEST_CASE("a library can be loaded and unloaded twice, and is gone from memory each time") {
  const auto name = GENERATE(as<std::string>(), "good_notifier", "transport", "throwing_create");
  const auto file = plugin_file(name);
  for (int round = 1; round <= 2; ++round) {
    CAPTURE(name, round);
    {
      const PluginLibrary library(file);
      CHECK(in_memory(file));
      CHECK(PluginLibrary::is_loaded(file));
    }
    CHECK_FALSE(in_memory(file));
    CHECK_FALSE(PluginLibrary::is_loaded(file));
  }
}

TEST_CASE("a refused library does not stay in memory") {
  refusal_of("wrong_abi");
  CHECK_FALSE(in_memory(plugin_file("wrong_abi")));
}

TEST_CASE("moving a library keeps it loaded") {
  PluginLibrary first(plugin_file("good_notifier"));
  const PluginLibrary second(std::move(first));
  CHECK(second.plugins().front().name() == "good-notifier");
}

TEST_CASE("a wrong descriptor size is refused with both sizes") {
  CHECK(refusal_of("wrong_size") ==
        "its plugin descriptor has 40 bytes, this server expects at least " + std::to_string(sizeof(punctual_plugin)));
}

TEST_CASE("a descriptor too small to hold its ABI is refused by its size") {
  CHECK(refusal_of("tiny_size") ==
        "its plugin descriptor has 4 bytes, this server expects " + std::to_string(sizeof(punctual_plugin)));
}

TEST_CASE("a notifier of a later version is accepted") {
  const PluginLibrary library(plugin_file("later_notifier"));
  CHECK(library.plugins().front().name() == "faulty");
}

TEST_CASE("a notifier of the first version is accepted, and nothing is read that it did not have") {
  CHECK(PluginLibrary(plugin_file("notifier_first")).plugins().front().server_settings().empty());
  CHECK(PluginLibrary(plugin_file("older_operations")).plugins().front().server_settings().empty());
}

TEST_CASE("a C++ plugin of another size is refused with both sizes") {
  CHECK(refusal_of("later_transport") == "its plugin descriptor has " + std::to_string(sizeof(punctual_plugin) + 8) +
                                             " bytes, this server expects " + std::to_string(sizeof(punctual_plugin)));
}

TEST_CASE("a notifier says which settings belong to the server") {
  const PluginLibrary library(plugin_file("notifier_scripted"));
  CHECK(library.plugins().front().server_settings() == std::vector<std::string_view>{"scripted.relay"});
}

TEST_CASE("a wrong ABI is refused with both numbers") {
  CHECK(refusal_of("wrong_abi") == "built for plugin ABI 7, this server has 1");
}

TEST_CASE("a plugin of another ABI and size is told of the ABI") {
  CHECK(refusal_of("wrong_abi_and_size") == "built for plugin ABI 2, this server has 1");
}

TEST_CASE("an unknown kind is refused") {
  CHECK(refusal_of("wrong_kind") == "plugin 'faulty' is of kind 9, this server knows 1 to 4");
}

TEST_CASE("a C++ plugin of another C++ ABI is refused with both tags") {
  CHECK(refusal_of("wrong_tag") ==
        "plugin 'faulty' has C++ ABI 'punctual 0.0.1', this server has '" PUNCTUAL_CXX_ABI_TAG "'");
}

TEST_CASE("what is not well-formed in a descriptor is refused") {
  const auto [name, line] = GENERATE(table<std::string, std::string>({
      {"no_name", "its plugin has no name"},
      {"null_name", "its plugin has no name"},
      {"shouting_name", "plugin 'FAULTY': a name has lower-case letters, digits, '-', '_' and '.' only"},
      {"no_version", "plugin 'faulty' has no version"},
      {"no_create", "plugin 'faulty' has no create"},
      {"no_destroy", "plugin 'faulty' has no destroy"},
      {"no_operations", "plugin 'faulty' is a notifier without operations"},
      {"small_operations", "plugin 'faulty': its notifier operations have 4 bytes, this server expects at least 16"},
      {"undeclared_server_setting",
       "plugin 'faulty' keeps setting 'faulty.colour' to the server, but does not declare it"},
      {"no_notify", "plugin 'faulty' is a notifier without notify"},
      {"no_settings", "plugin 'faulty' declares 2 settings, but gives none"},
      {"too_many_settings", "plugin 'faulty' declares 100000 settings, this server takes at most 1000"},
      {"undotted_setting",
       "plugin 'faulty' declares a setting named 'faulty', expected a dotted lower-case name such "
       "as 'section.key'"},
      {"twice_declared_setting", "plugin 'faulty', setting 'faulty.wait': declared twice"},
      {"untyped_setting", "plugin 'faulty', setting 'faulty.wait': has type 12, this server knows 1 to 5"},
      {"bad_default",
       "plugin 'faulty', setting 'faulty.wait': default is 'soon', expected a duration such as 250ms, "
       "30s, 5m, 2h or 1d"},
      {"no_default", "plugin 'faulty', setting 'faulty.wait': has no default"},
      {"null_descriptor", "punctual_plugin_v1 returned null"},
      {"endless_chain", "it has two plugins named 'faulty'"},
  }));
  CHECK(refusal_of(name) == line);
}

TEST_CASE("a library without the symbol is refused by its name") {
  CHECK(refusal_of("no_symbol") == "is not a Punctual plugin: it exports no punctual_plugin_v1");
}

TEST_CASE("an exception out of the symbol is a refusal") {
  CHECK(refusal_of("throwing_symbol") == "punctual_plugin_v1 threw: the symbol has escaped");
}

TEST_CASE("a text file is refused with the loader's reason") {
  const testing::TemporaryFolder folder;
  const auto file = folder.write("text.so", std::string(5000, 'x'));
  CHECK(line_for(file) == file.string() + ": cannot be loaded: invalid ELF header");
}

TEST_CASE("an empty file is refused with the loader's reason") {
  const testing::TemporaryFolder folder;
  const auto file = folder.write("empty.so", "");
  CHECK(line_for(file) == file.string() + ": cannot be loaded: file too short");
}

TEST_CASE("a file that does not exist is refused") {
  const testing::TemporaryFolder folder;
  CHECK(line_for(folder / "absent.so") ==
        (folder / "absent.so").string() +
            ": cannot be loaded: cannot open shared object file: No such file or directory");
}

TEST_CASE("a file that cannot be opened is refused") {
  const testing::TemporaryFolder folder;
  // A link to itself cannot be opened by anybody, not even by root.
  std::filesystem::create_symlink("loop.so", folder / "loop.so");
  CHECK(line_for(folder / "loop.so") ==
        (folder / "loop.so").string() +
            ": cannot be loaded: cannot open shared object file: Too many levels of symbolic links");
}

TEST_CASE("a line break in a file's name does not break the refusal's line") {
  const testing::TemporaryFolder folder;
  CHECK(line_for(folder / "a\nb.so").find('\n') == std::string::npos);
}

TEST_CASE("a relative path is made absolute") {
  const PluginLibrary library(std::filesystem::relative(plugin_file("good_notifier")));
  CHECK(library.file() == plugin_file("good_notifier"));
}

}  // namespace
}  // namespace punctual
