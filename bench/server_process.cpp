#include "server_process.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
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

// Starts a program with its standard output and error in the given descriptors.
pid_t spawn(const std::vector<std::string>& command, int output, int errors) {
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (const auto& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO);
  pid_t pid = -1;
  const int error = posix_spawn(&pid, command.front().c_str(), &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::system_error(error, std::generic_category(), "cannot start " + command.front());
  return pid;
}

std::string read_all(int descriptor) {
  std::string text;
  std::array<char, 4096> bytes;
  for (ssize_t size = 0; (size = read(descriptor, bytes.data(), bytes.size())) > 0;) {
    text.append(bytes.data(), static_cast<std::size_t>(size));
  }
  return text;
}

}  // namespace

ServerProcess::ServerProcess(std::filesystem::path executable, const std::filesystem::path& folder)
    : executable_(std::move(executable)),
      log_(folder / "server.log"),
      storage_("sqlite://" + (folder / "bench.db").string()) {
  const std::string address = "127.0.0.1:" + std::to_string(free_port());
  origin_ = "http://" + address;
  const int log = open(log_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (log < 0) throw std::system_error(errno, std::generic_category(), log_.string());
  const auto began = std::chrono::steady_clock::now();
  pid_ = spawn({executable_.string(), "serve", "--dev", "--listen", address, "--storage", storage_, "--set",
                "limits.requests_per_minute=0"},
               log, log);
  close(log);
  try {
    wait_until_ready();
    start_to_ready_ = std::chrono::ceil<milliseconds>(std::chrono::steady_clock::now() - began);
    (void)output_of({"org", "create", "bench"});
    key_ = output_of({"key", "create", "--org", "bench"});
  } catch (...) {
    stop();
    throw;
  }
}

ServerProcess::~ServerProcess() { stop(); }

void ServerProcess::wait_until_ready() {
  ApiClient client(origin_, "");
  const auto limit = std::chrono::steady_clock::now() + seconds{10};
  while (client.get("/ready").status != 200) {
    if (waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = -1;
      throw std::runtime_error("the server ended at once; see " + log_.string());
    }
    if (std::chrono::steady_clock::now() > limit)
      throw std::runtime_error("the server is not ready; see " + log_.string());
    std::this_thread::sleep_for(milliseconds{1});
  }
}

std::string ServerProcess::output_of(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), executable_.string());
  arguments.insert(arguments.end(), {"--storage", storage_});
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
  const pid_t pid = spawn(arguments, ends[1], STDERR_FILENO);
  close(ends[1]);
  std::string text = read_all(ends[0]);
  close(ends[0]);
  int status = 0;
  if (waitpid(pid, &status, 0) != pid || status != 0) {
    throw std::runtime_error("punctual " + arguments[1] + " " + arguments[2] + " failed");
  }
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

long ServerProcess::status(const std::string& field) const {
  std::ifstream file("/proc/" + std::to_string(pid_) + "/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(field + ":")) return std::stol(line.substr(field.size() + 1));
  }
  throw std::runtime_error("no " + field + " of process " + std::to_string(pid_));
}

void ServerProcess::stop() noexcept {
  if (pid_ < 0) return;
  kill(pid_, SIGTERM);
  for (int i = 0; i < 3000; ++i) {
    if (waitpid(pid_, nullptr, WNOHANG) == pid_) return;
    std::this_thread::sleep_for(milliseconds{10});
  }
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

}  // namespace punctual::bench
