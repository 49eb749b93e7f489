#include "server_process.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <thread>

#include "api_client.hpp"

namespace punctual::bench {

namespace {

// A port that nobody has now. The server takes it a moment later, so somebody else might; a benchmark can live with that.
std::uint16_t free_port() {
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const bool bound = descriptor >= 0 && bind(descriptor, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                     getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  close(descriptor);
  if (!bound) throw std::system_error(errno, std::generic_category(), "no free port");
  return ntohs(address.sin_port);
}

std::vector<std::string> serve_command(const ServerOptions& options, const std::string& host) {
  std::vector<std::string> command{
      options.executable.string(), "serve", "--listen", host, "--storage", options.storage};
  const auto set = [&](const std::string& setting) { command.insert(command.end(), {"--set", setting}); };
  set("limits.requests_per_minute=0");
  set("delivery.allow_private_networks=true");
  for (const auto& setting : options.settings) set(setting);
  return command;
}

}  // namespace

ServerProcess::ServerProcess(ServerOptions options)
    : options_(std::move(options)), port_(free_port()), host_("127.0.0.1:" + std::to_string(port_)) {
  const auto began = std::chrono::steady_clock::now();
  child_.emplace(serve_command(options_, host_), options_.log);
  wait_until_ready();
  start_to_ready_ = std::chrono::ceil<milliseconds>(std::chrono::steady_clock::now() - began);
}

void ServerProcess::wait_until_ready() {
  ApiClient client(origin(), "");
  const auto limit = std::chrono::steady_clock::now() + seconds{60};
  while (client.get("/ready").status != 200) {
    if (!child_->runs()) throw std::runtime_error("the server ended at once; see " + options_.log.string());
    if (std::chrono::steady_clock::now() > limit) {
      throw std::runtime_error("the server is not ready; see " + options_.log.string());
    }
    std::this_thread::sleep_for(milliseconds{1});
  }
}

long ServerProcess::status(const std::string& field) const {
  std::ifstream file("/proc/" + std::to_string(id()) + "/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(field + ":")) return std::stol(line.substr(field.size() + 1));
  }
  throw std::runtime_error("no " + field + " of the server");
}

double ServerProcess::metric(const std::string& name) const {
  ApiClient client(origin(), "");
  const Answer answer = client.get("/metrics");
  if (answer.status != 200) throw std::runtime_error("/metrics was answered " + std::to_string(answer.status));
  double sum = 0;
  std::istringstream lines(answer.body);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(name)) continue;
    const char next = line.size() > name.size() ? line[name.size()] : '\0';
    if (next == ' ' || next == '{') sum += std::stod(line.substr(line.rfind(' ') + 1));
  }
  return sum;
}

}  // namespace punctual::bench
