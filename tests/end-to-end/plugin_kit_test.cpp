// The way of a plugin author: an installed Punctual, the template copied somewhere, a build, the check.
#include <catch2/catch.hpp>
#include <fstream>
#include <regex>

#include "support/process.hpp"

using namespace punctual;
using Catch::Contains;
using testing::shell;
using testing::TemporaryFolder;

namespace {

// Runs a command line to its end, which must be a good one; its output.
std::string done(const std::string& line) {
  const auto run = shell(line);
  INFO(line << "\n" << run.out << run.err);
  REQUIRE(run.exit_code == 0);
  return run.out;
}

// Punctual, installed and then moved to where nobody expected it, and the template outside of both.
class PluginAuthor {
 public:
  PluginAuthor() {
    done("cmake --install " PUNCTUAL_BUILD_FOLDER " --prefix " + quoted("installed"));
    std::filesystem::rename(folder_ / "installed", folder_ / "moved here");
    done("cp -r " + quoted("moved here/share/punctual/plugin-template") + " " + quoted("mine"));
  }

  // Of the project in `source`, with the warnings of a strict author.
  [[nodiscard]] std::string configuring(const std::string& source) const {
    return "cmake -G Ninja -S " + quoted(source) + " -B " + quoted("build") +
           " -DCMAKE_PREFIX_PATH=" + quoted("moved here") + " -DCMAKE_C_FLAGS='-Wall -Wextra -Wpedantic -Werror'" +
           " -DCMAKE_CXX_FLAGS='-Wall -Wextra -Wpedantic -Wshadow -Wold-style-cast -Werror'";
  }
  [[nodiscard]] std::string building() const { return "cmake --build " + quoted("build"); }

  // The installed `punctual`.
  [[nodiscard]] testing::Ended punctual(const std::string& arguments) const {
    return shell(quoted("moved here/bin/punctual") + " " + arguments);
  }

  [[nodiscard]] std::string quoted(const std::string& name) const { return "'" + (folder_ / name).string() + "'"; }
  [[nodiscard]] std::filesystem::path path(const std::string& name) const { return folder_ / name; }

 private:
  TemporaryFolder folder_;
};

std::vector<std::string> lines_in(const std::filesystem::path& file) {
  std::ifstream stream(file);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

}  // namespace

TEST_CASE("the plugin template builds against an installed Punctual, in C++ and in C, and is a good plugin") {
  const PluginAuthor author;
  const std::string project = GENERATE("mine", "mine/c");
  done(author.configuring(project));
  done(author.building());
  const std::string plugin = author.path("build/notifier-file.so");

  const auto check = author.punctual("plugin check '" + plugin + "' --set file.path=" + author.quoted("events") +
                                     " --set file.prefix='> '");
  INFO(check.err);
  CHECK(check.exit_code == 0);
  CHECK_THAT(check.out, Contains("plugin 'notifier-file': test: delivered in ") && Contains("does not grow"));
  CHECK_THAT(check.out, !Contains("http.so"));
  const auto lines = lines_in(author.path("events"));
  REQUIRE(lines.size() >= 9);
  CHECK(std::regex_match(
      lines.front(), std::regex("> [-0-9TZ:]+ task\\.failed \"Sample task\" has failed after 6 attempts: HTTP 500")));

  done("cp '" + plugin + "' " + author.quoted("moved here/lib/punctual/plugins"));
  CHECK_THAT(author.punctual("plugin list").out, Contains("notifier-file  notifier  1.0.0"));

  const auto refused = author.punctual("plugin check '" + plugin + "'");
  CHECK(refused.exit_code == 1);
  CHECK_THAT(refused.err, Contains("plugin 'notifier-file' could not be created: file.path is not set"));

  std::string exported;
  for (const auto& line : testing::lines_of(done("nm -D --defined-only '" + plugin + "'"))) {
    if (line.find(" T ") != std::string::npos) exported += line.substr(line.find(" T ") + 3) + " ";
  }
  CHECK(exported == "punctual_plugin_v1 ");
}

TEST_CASE("a plugin that needs what it is not linked with does not build") {
  const PluginAuthor author;
  std::ofstream(author.path("mine/src/notifier.cpp"), std::ios::app) << "int missing(); int found = missing();\n";
  done(author.configuring("mine"));
  const auto build = shell(author.building());
  CHECK(build.exit_code != 0);
  CHECK_THAT(build.out, Contains("missing()"));
}
