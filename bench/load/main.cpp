// load: open-loop load on a running server, from the command line.
#include <signal.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "load/generator.hpp"

namespace punctual::bench {
namespace {

void print(const char* what, const Histogram& histogram) {
  if (histogram.count() == 0) return;
  std::printf("%-10s %10llu  p50 %8.2f  p95 %8.2f  p99 %8.2f  p99.9 %8.2f  max %8.2f ms\n", what,
              static_cast<unsigned long long>(histogram.count()), histogram.percentile_ms(50),
              histogram.percentile_ms(95), histogram.percentile_ms(99), histogram.percentile_ms(99.9),
              histogram.max_ms());
}

void print(const LoadReport& report) {
  for (std::size_t kind = 0; kind < request_kinds; ++kind) {
    print(std::string(name_of(static_cast<RequestKind>(kind))).c_str(), report.by_kind.at(kind));
  }
  print("all", report.latency);
  print("503", report.refusals);
  for (const auto& [status, count] : report.statuses) {
    std::printf("status %d: %llu\n", status, static_cast<unsigned long long>(count));
  }
  if (report.unanswered > 0) std::printf("unanswered: %llu\n", static_cast<unsigned long long>(report.unanswered));
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const double cpu_us = static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
                        static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
  std::printf(
      "%.0f requests/s succeeded, %llu errors, at most %llu waiting for a connection, %.1f us of CPU a request\n",
      report.rate(), static_cast<unsigned long long>(report.errors),
      static_cast<unsigned long long>(report.most_waiting), cpu_us / static_cast<double>(report.due));
}

}  // namespace
}  // namespace punctual::bench

int main(int argc, char** argv) {
  using namespace punctual::bench;
  signal(SIGPIPE, SIG_IGN);
  CLI::App app{"Sends requests to a Punctual server on this machine at a constant rate, whatever the server does."};
  std::uint16_t port = 8080;
  double duration = 10;
  std::string mix_name = "seed";
  RequestSource source{.body = R"({"order":1234})"};
  Load load{.rate = 500};
  app.add_option("--port", port, "The server's, on 127.0.0.1")->required();
  app.add_option("--key", source.key, "The API key")->required();
  app.add_option("--target", source.target, "Where tasks go, e.g. http://127.0.0.1:9000")->required();
  app.add_option("--query", source.query, "Added to the tasks' URLs, e.g. &delay=5000");
  app.add_option("--first-number", source.first_number, "Of the first task");
  app.add_option("--mix", mix_name, "What is sent")
      ->check(CLI::IsMember({"seed", "immediate", "delayed", "timed", "lists"}));
  app.add_option("--rate", load.rate, "Requests a second; 0: each connection sends as soon as it has its reply");
  app.add_option("--seconds", duration, "For how long");
  app.add_option("--connections", load.connections, "Kept-alive connections");
  CLI11_PARSE(app, argc, argv);
  source.host = "127.0.0.1:" + std::to_string(port);
  load.duration = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::duration<double>(duration));
  const Mix& mix = mix_name == "seed"        ? seed_mix
                   : mix_name == "immediate" ? immediate_only
                   : mix_name == "delayed"   ? delayed_only
                   : mix_name == "timed"     ? timed_only
                                             : lists_only;
  try {
    TaskRequests requests(source, mix);
    const LoadReport report = generate(port, requests, load);
    print(report);
    return report.errors == 0 ? 0 : 1;
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "load: %s\n", problem.what());
    return 1;
  }
}
