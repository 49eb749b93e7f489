#include "support/process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include <catch2/catch.hpp>

extern char** environ;

namespace punctual::testing {
namespace {

using namespace std::chrono_literals;

std::string read(const std::filesystem::path& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (auto& text : texts) all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

std::vector<std::string> environment_with(const Process::Environment& more) {
  std::vector<std::string> all = more;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (std::strncmp(*entry, "PUNCTUAL_", 9) != 0) all.emplace_back(*entry);
  }
  return all;
}

void redirect(const std::string& file, int descriptor, int flags) {
  const int opened = open(file.c_str(), flags, 0600);
  if (opened < 0 || dup2(opened, descriptor) < 0) _exit(126);
}

// "ready at http://127.0.0.1:8080 with …"
std::string ready_url(const std::string& err) {
  const auto at = err.find("ready at ");
  if (at == std::string::npos) return {};
  const auto begin = at + std::strlen("ready at ");
  const auto end = err.find(' ', begin);
  return end == std::string::npos ? std::string{} : err.substr(begin, end - begin);
}

std::vector<std::string> serve_arguments(const std::string& storage, const std::vector<std::string>& more) {
  std::vector<std::string> all{PUNCTUAL_EXECUTABLE, "serve", "--listen", "127.0.0.1:0", "--storage", storage};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

}  // namespace

Process::Process(const std::vector<std::string>& arguments, const Environment& environment) {
  // All memory is had before the fork: the child must not allocate.
  std::vector<std::string> argument_texts = arguments;
  std::vector<std::string> environment_texts = environment_with(environment);
  const auto argv = pointers(argument_texts);
  const auto envp = pointers(environment_texts);
  const std::string out = folder_.path() / "out";
  const std::string err = folder_.path() / "err";
  pid_ = fork();
  if (pid_ < 0) throw std::runtime_error("cannot fork");
  if (pid_ > 0) return;
  redirect("/dev/null", STDIN_FILENO, O_RDONLY);
  redirect(out, STDOUT_FILENO, O_WRONLY | O_CREAT);
  redirect(err, STDERR_FILENO, O_WRONLY | O_CREAT | O_APPEND);
  execvpe(argv[0], argv.data(), envp.data());
  _exit(127);
}

Process::~Process() {
  if (!runs()) return;
  signal(SIGKILL);
  waitpid(pid_, &status_, 0);
}

void Process::signal(int number) const { kill(pid_, number); }

bool Process::runs() {
  if (!ended_ && waitpid(pid_, &status_, WNOHANG) == pid_) ended_ = true;
  return !ended_;
}

Ended Process::wait(std::chrono::seconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (runs()) {
    if (std::chrono::steady_clock::now() > deadline) FAIL("the process did not end; it said: " << err());
    std::this_thread::sleep_for(2ms);
  }
  return {WIFSIGNALED(status_) ? 128 + WTERMSIG(status_) : WEXITSTATUS(status_), out(), err()};
}

std::string Process::out() const { return read(folder_.path() / "out"); }

std::string Process::err() const { return read(folder_.path() / "err"); }

Ended punctual(const std::vector<std::string>& arguments, const Process::Environment& environment) {
  std::vector<std::string> all{PUNCTUAL_EXECUTABLE};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return Process(all, environment).wait();
}

Ended shell(const std::string& line) { return Process({"/bin/sh", "-c", line}).wait(); }

RunningServer::RunningServer(const std::string& storage, std::vector<std::string> more)
    : process_(serve_arguments(storage, more)) {
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while ((url_ = ready_url(process_.err())).empty()) {
    if (!process_.runs()) FAIL("the server ended: " << process_.err());
    if (std::chrono::steady_clock::now() > deadline) FAIL("the server is not ready: " << process_.err());
    std::this_thread::sleep_for(2ms);
  }
}

Ended RunningServer::stop() {
  process_.signal(SIGTERM);
  return process_.wait();
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

}  // namespace punctual::testing
