// bench: measures Punctual on this machine from outside, scenario by scenario, and prints what it found beside the targets.
#include <signal.h>
#include <stdlib.h>
#include <sys/utsname.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <thread>

#include "plot.hpp"
#include "scenarios/scenarios.hpp"

namespace punctual::bench {
namespace {

struct Options {
  Place place;
  std::vector<StorageKind> storages;
  std::vector<std::string> names;
  std::string json;
  std::string plot;
  Extent extent;
};

// A folder of this run's own, gone afterwards unless something failed. On disk, where /tmp may be in memory.
std::filesystem::path new_folder() {
  std::string name = "/var/tmp/punctual-bench-XXXXXX";
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make a folder in /var/tmp");
  return name;
}

boost::json::object about_this_run(const Options& options) {
  utsname system{};
  uname(&system);
  const auto now = std::chrono::time_point_cast<microseconds>(std::chrono::system_clock::now());
  return {{"at", format_rfc3339(now)},
          {"brief", options.extent.brief},
          {"cores", std::thread::hardware_concurrency()},
          {"system", std::string(system.sysname) + " " + system.release}};
}

void write(const std::filesystem::path& file, const std::string& text) {
  if (file.has_parent_path()) std::filesystem::create_directories(file.parent_path());
  std::ofstream out(file);
  out << text;
  if (!out.flush()) throw std::runtime_error("cannot write " + file.string());
}

bool chosen(const Options& options, const Scenario& scenario) {
  if (options.names.empty()) return true;
  return std::find(options.names.begin(), options.names.end(), scenario.name) != options.names.end();
}

// A scenario that cannot be carried out is a fault, and the others still run.
bool measure(const Options& options, Figures& figures) {
  bool complete = true;
  for (const StorageKind kind : options.storages) {
    const Stage stage(options.place, kind, options.extent, figures);
    for (const Scenario& scenario : scenarios()) {
      if (!chosen(options, scenario) || (kind == StorageKind::sqlite && !scenario.on_sqlite)) continue;
      stage.say("== " + std::string(scenario.name) + " (" + scenario.what + ")");
      try {
        scenario.run(stage);
      } catch (const std::exception& problem) {
        stage.say(std::string(scenario.name) + " failed: " + problem.what());
        complete = false;
      }
    }
  }
  return complete;
}

int run(Options& options) {
  options.place.folder = new_folder();
  Figures figures;
  const bool complete = measure(options, figures);
  if (complete) std::filesystem::remove_all(options.place.folder);
  std::fputs(figures.table().c_str(), stdout);
  if (!options.json.empty()) {
    boost::json::object all = about_this_run(options);
    for (auto& [name, value] : figures.json()) all[name] = value;
    write(options.json, boost::json::serialize(all) + "\n");
  }
  if (!options.plot.empty() && !figures.points().empty()) write(options.plot, rates_as_svg(figures.points()));
  return complete && figures.sound() ? 0 : 1;
}

std::string names_of_scenarios() {
  std::string out = "Scenarios (without a name, all):\n";
  for (const Scenario& scenario : scenarios()) {
    out += "  " + std::string(scenario.name) + std::string(12 - std::string(scenario.name).size(), ' ') +
           scenario.what + "\n";
  }
  return out;
}

}  // namespace
}  // namespace punctual::bench

int main(int argc, char** argv) {
  using namespace punctual::bench;
  signal(SIGPIPE, SIG_IGN);
  CLI::App app{"Measures Punctual on this machine from outside."};
  app.footer(names_of_scenarios());
  Options options;
  const auto here = std::filesystem::canonical("/proc/self/exe").parent_path();
  options.place.server = here.parent_path() / "bin" / "punctual";
  options.place.target = here / "target";
  std::string storage;
  std::vector<std::string> known;
  for (const Scenario& scenario : scenarios()) known.emplace_back(scenario.name);
  app.add_option("name", options.names, "The scenarios to run")->check(CLI::IsMember(known));
  app.add_option("--storage", storage, "Only on this kind of storage")->check(CLI::IsMember({"sqlite", "postgres"}));
  app.add_option("--postgres", options.place.postgres_cluster, "The folder that was given to postgres-cluster")
      ->check(CLI::ExistingDirectory);
  app.add_option("--server", options.place.server, "The executable punctual")->check(CLI::ExistingFile);
  app.add_option("--peers", options.place.peers, "The program that measures peers beside the drain")
      ->check(CLI::ExistingFile);
  app.add_option("--json", options.json, "Also write what was found to this file");
  app.add_option("--plot", options.plot, "Also draw latency over rate into this SVG file");
  app.add_option("--stored", options.extent.stored, "Finished tasks that are stored beforehand, instead of 244,000");
  app.add_option("--size", options.extent.size, "What a scenario makes many of: due tasks, deliveries in flight, …");
  app.add_option("--seconds", options.extent.seconds, "The longest that a step of a scenario lasts");
  app.add_flag("--brief", options.extent.brief, "Little of everything: shows that it works, not how fast");
  CLI11_PARSE(app, argc, argv);
  try {
    if (storage != "postgres") options.storages.push_back(StorageKind::sqlite);
    if (storage != "sqlite") options.storages.push_back(StorageKind::postgres);
    if (storage != "sqlite" && options.place.postgres_cluster.empty()) {
      throw std::runtime_error("--postgres is missing; ./dev bench brings a cluster");
    }
    return run(options);
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "bench: %s\n", problem.what());
    return 1;
  }
}
