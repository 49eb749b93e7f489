// target: an HTTP server that deliveries are sent to and that knows afterwards what came.
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "target/target_server.hpp"

namespace {

// Every delivery under way is a connection.
void allow_many_connections() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{
      "Answers every request 200 at once, or as its query says, and counts what arrives.\n\n"
      "  /n/NUMBER?due=US   NUMBER is counted; lateness is from due (microseconds since 1970)\n"
      "    &delay=MS &jitter=MS   the reply comes so much later, and up to so much more\n"
      "    &status=S &fail=P      the status, of all or of a part P of the requests\n"
      "  /report            JSON: arrivals, distinct, repeats, first_us, last_us (instants), most_waiting, early,\n"
      "                     lateness_ms\n"
      "  /counts?from=A&count=N   N bytes: how often A, A+1, … have arrived\n"
      "  /reset             begins to count anew\n"};
  std::uint16_t port = 0;
  app.add_option("--port", port, "On 127.0.0.1; 0 takes a free one, which is printed");
  CLI11_PARSE(app, argc, argv);
  allow_many_connections();
  try {
    punctual::bench::TargetServer server(port);
    std::printf("http://127.0.0.1:%u\n", static_cast<unsigned>(server.port()));
    std::fflush(stdout);
    server.run();
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "target: %s\n", problem.what());
    return 1;
  }
}
