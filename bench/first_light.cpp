// first_light: what one server on SQLite does for its first users: how soon it is ready, how soon and how exactly tasks
// arrive, many at once, slow targets, and how fast tasks are accepted.
#include <stdlib.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <boost/json.hpp>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

#include "api_client.hpp"
#include "figures.hpp"
#include "server_process.hpp"
#include "support/http_target.hpp"

namespace punctual::bench {
namespace {

struct Sizes {
  std::size_t immediate = 200;
  std::size_t delayed = 100;
  std::size_t same_instant = 2000;
  std::size_t in_flight = 5000;
  seconds creating{5};
};

using testing::HttpTarget;
using testing::TargetRequest;

constexpr std::size_t connections = 32;

Time now() { return std::chrono::time_point_cast<microseconds>(std::chrono::system_clock::now()); }

struct Stage {
  const ServerProcess& server;
  Figures& figures;
};

// Creates a task and returns when it is due; throws unless it was accepted.
Time create(ApiClient& client, const boost::json::object& task) {
  const Answer answer = client.post("/api/v1/tasks", task);
  if (answer.status != 202) {
    throw std::runtime_error("a task was answered " + std::to_string(answer.status) + ": " + answer.body);
  }
  const auto reply = boost::json::parse(answer.body);
  return parse_rfc3339(reply.at("data").at("scheduled_for").as_string()).value();
}

// Calls `work` for 0..count-1 from several threads, each with a client of its own; rethrows what one of them threw.
void in_parallel(const ServerProcess& server, std::size_t count,
                 const std::function<void(ApiClient&, std::size_t)>& work) {
  std::atomic<std::size_t> next{0};
  std::vector<std::exception_ptr> failures(connections);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < connections; ++i) {
    threads.emplace_back([&, i] {
      try {
        ApiClient client(server.origin(), server.key());
        for (std::size_t item = 0; (item = next++) < count;) work(client, item);
      } catch (...) {
        failures[i] = std::current_exception();
        next = count;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
}

void add_percentiles(Figures& figures, const std::string& name, const Sample& sample, double most_ms) {
  figures.add(name + ", p50", sample.percentile_ms(50), "ms");
  figures.add(name + ", p95", sample.percentile_ms(95), "ms", Bound::at_most, most_ms);
  figures.add(name + ", max", sample.percentile_ms(100), "ms");
}

// How many paths came more than once, however often.
std::size_t repeated(const std::vector<TargetRequest>& arrivals) {
  std::map<std::string, int> times;
  for (const auto& arrival : arrivals) ++times[arrival.path];
  std::size_t count = 0;
  for (const auto& [path, n] : times) count += n > 1 ? 1 : 0;
  return count;
}

// Creates `count` tasks with paths of their own and `query`, all due at one instant, far enough ahead for all to be accepted
// before. Returns it.
Time create_for_one_instant(const Stage& stage, const HttpTarget& target, std::size_t count, const std::string& query) {
  const Time due = std::chrono::ceil<seconds>(now() + seconds{2} + milliseconds{count});
  in_parallel(stage.server, count, [&](ApiClient& client, std::size_t i) {
    create(client, {{"url", target.url("/" + std::to_string(i) + query)}, {"run_at", format_rfc3339(due)}});
  });
  if (now() >= due)
    std::fprintf(stderr, "first_light: creating took so long that some of %zu tasks were late\n", count);
  return due;
}

void measure_immediate(const Stage& stage, std::size_t count) {
  ApiClient client(stage.server.origin(), stage.server.key());
  HttpTarget target;
  Sample sample;
  for (std::size_t i = 0; i < count; ++i) {
    const Time asked = now();
    create(client, {{"url", target.url()}});
    if (!target.wait_for(i + 1)) throw std::runtime_error("an immediate task did not arrive");
    sample.add(target.requests().back().arrived_at - asked);
    std::this_thread::sleep_for(milliseconds{10});  // idle again
  }
  add_percentiles(stage.figures, "immediate task, request to arrival", sample, 20);
}

void measure_delayed(const Stage& stage, std::size_t count) {
  ApiClient client(stage.server.origin(), stage.server.key());
  HttpTarget target;
  std::map<std::string, Time> due;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string path = "/" + std::to_string(i);
    due[path] = create(client, {{"url", target.url(path)}, {"delay", "2s"}});
    std::this_thread::sleep_for(milliseconds{10});
  }
  (void)target.wait_for(count);
  Sample sample;
  std::size_t early = 0;
  for (const auto& arrival : target.requests()) {
    const auto late = arrival.arrived_at - due.at(arrival.path);
    sample.add(late);
    early += late < microseconds{0} ? 1 : 0;
  }
  stage.figures.add("delayed by 2 s: arrived", static_cast<double>(sample.size()), "", Bound::exactly,
                    static_cast<double>(count), true);
  stage.figures.add("delayed by 2 s: early", static_cast<double>(early), "", Bound::exactly, 0, true);
  add_percentiles(stage.figures, "delayed by 2 s: lateness", sample, 30);
}

// That all of `count` came, and each once.
void add_completeness(Figures& figures, const std::string& name, const std::vector<TargetRequest>& arrivals,
                      std::size_t count) {
  figures.add(name + "arrived", static_cast<double>(arrivals.size()), "", Bound::exactly, static_cast<double>(count),
              true);
  figures.add(name + "repeated", static_cast<double>(repeated(arrivals)), "", Bound::exactly, 0, true);
}

void measure_same_instant(const Stage& stage, std::size_t count) {
  HttpTarget target;
  const Time due = create_for_one_instant(stage, target, count, "");
  (void)target.wait_for(count, std::chrono::ceil<milliseconds>(due - now()) + seconds{30});
  std::this_thread::sleep_for(seconds{1});  // for those that come twice
  Sample sample;
  const auto arrivals = target.requests();
  for (const auto& arrival : arrivals) sample.add(arrival.arrived_at - due);
  const std::string name = std::to_string(count) + " due at one instant: ";
  add_completeness(stage.figures, name, arrivals, count);
  for (const double percent : {50.0, 95.0, 100.0}) {
    stage.figures.add(name + "lateness, p" + std::to_string(static_cast<int>(percent)), sample.percentile_ms(percent),
                      "ms");
  }
}

// What the API takes for a list and a creation by turns, asked until `until`.
Sample probe_api(const ServerProcess& server, Time until) {
  ApiClient client(server.origin(), server.key());
  Sample sample;
  while (now() < until) {
    const Answer listed = client.get("/api/v1/tasks?limit=10");
    const Answer created =
        client.post("/api/v1/tasks", boost::json::object{{"url", "http://127.0.0.1:9/probe"}, {"delay", "1h"}});
    if (listed.status != 200 || created.status != 202) throw std::runtime_error("the API failed beside slow targets");
    sample.add(listed.took);
    sample.add(created.took);
    std::this_thread::sleep_for(milliseconds{10});
  }
  return sample;
}

void measure_in_flight(const Stage& stage, std::size_t count) {
  constexpr milliseconds answer_after{3000};
  HttpTarget target;
  const Time due = create_for_one_instant(stage, target, count, "?delay_ms=" + std::to_string(answer_after.count()));
  std::this_thread::sleep_until(due);
  const Sample api = probe_api(stage.server, due + answer_after);
  const double resident_mb = static_cast<double>(stage.server.status("VmRSS")) / 1024;
  const auto threads = static_cast<double>(stage.server.status("Threads"));
  (void)target.wait_for(count, seconds{60});
  std::this_thread::sleep_for(answer_after + seconds{1});
  const std::string name = std::to_string(count) + " to a target that takes 3 s: ";
  add_completeness(stage.figures, name, target.requests(), count);
  stage.figures.add(name + "most at once", static_cast<double>(target.most_waiting()), "", Bound::at_least,
                    static_cast<double>(count));
  stage.figures.add(name + "API meanwhile, p95", api.percentile_ms(95), "ms", Bound::at_most, 50);
  stage.figures.add(name + "server's memory", resident_mb, "MiB");
  stage.figures.add(name + "server's threads", threads, "");
}

void measure_creates(const Stage& stage, seconds duration) {
  std::atomic<std::size_t> created{0};
  std::mutex mutex;
  Sample sample;
  const auto began = std::chrono::steady_clock::now();
  in_parallel(stage.server, connections, [&](ApiClient& client, std::size_t) {
    Sample mine;
    while (std::chrono::steady_clock::now() - began < duration) {
      const auto asked = std::chrono::steady_clock::now();
      create(client, {{"url", "http://127.0.0.1:9/later"}, {"delay", "1h"}});
      mine.add(std::chrono::duration_cast<microseconds>(std::chrono::steady_clock::now() - asked));
      ++created;
    }
    const std::lock_guard lock(mutex);
    sample.add(mine);
  });
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  stage.figures.add("durable creates over 32 connections", static_cast<double>(created) / took.count(), "/s");
  stage.figures.add("durable creates over 32 connections, p95", sample.percentile_ms(95), "ms");
}

// A folder of this run's own, gone afterwards unless something failed.
std::filesystem::path new_folder() {
  std::string name = (std::filesystem::temp_directory_path() / "punctual-bench-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make a temporary folder");
  return name;
}

Figures measure_all(const std::filesystem::path& executable, const std::filesystem::path& folder, const Sizes& sizes) {
  Figures figures;
  const ServerProcess server(executable, folder);
  const Stage stage{server, figures};
  figures.add("start to ready", static_cast<double>(server.start_to_ready().count()), "ms", Bound::at_most, 300);
  figures.add("memory when idle", static_cast<double>(server.status("VmRSS")) / 1024, "MiB", Bound::at_most, 40);
  measure_immediate(stage, sizes.immediate);
  measure_delayed(stage, sizes.delayed);
  measure_same_instant(stage, sizes.same_instant);
  measure_in_flight(stage, sizes.in_flight);
  measure_creates(stage, sizes.creating);
  return figures;
}

}  // namespace
}  // namespace punctual::bench

int main(int argc, char** argv) {
  using namespace punctual::bench;
  CLI::App app{"Measures one Punctual server on SQLite from outside."};
  std::string server;
  std::string json;
  Sizes sizes;
  app.add_option("--server", server, "The executable punctual")->required()->check(CLI::ExistingFile);
  app.add_option("--json", json, "Also write the figures to this file");
  app.add_flag_callback(
      "--brief",
      [&] {
        sizes = {20, 10, 200, 500, std::chrono::seconds{1}};
      },
      "A tenth of everything: shows that it works, not how fast");
  CLI11_PARSE(app, argc, argv);
  try {
    const auto folder = new_folder();
    const Figures figures = measure_all(server, folder, sizes);
    std::filesystem::remove_all(folder);
    std::fputs(figures.table().c_str(), stdout);
    if (!json.empty()) figures.write_json(json);
    return figures.sound() ? 0 : 1;
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "first_light: %s\n", problem.what());
    return 1;
  }
}
