#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <regex>
#include <stdexcept>
#include <thread>

#include <catch2/catch.hpp>

#include "support/process.hpp"

using namespace punctual;
using namespace std::chrono_literals;
using Catch::Contains;
using testing::lines_of;
using testing::RunningServer;
using testing::TemporaryFolder;

namespace {

struct Store {
  TemporaryFolder folder;
  std::string storage = sqlite_in(folder);
};

// The status code of a request with this key.
std::string status_of(const std::string& url, const std::string& key) {
  return testing::shell("curl -s -o /dev/null -w '%{http_code}' -H 'Authorization: Bearer " + key + "' '" + url + "'")
      .out;
}

// The reply to a pasted line, once it holds `text`; what it was at the end of the time otherwise.
std::string reply_with(const std::string& line, const std::string& text) {
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  std::string reply;
  do {
    reply = testing::shell(line + " -s").out;
  } while (reply.find(text) == std::string::npos && std::chrono::steady_clock::now() < deadline);
  return reply;
}

std::string line_with(const std::string& out, const std::string& text) {
  for (const auto& line : lines_of(out)) {
    if (line.find(text) != std::string::npos) return line;
  }
  return {};
}

// The key in the output of serve --dev.
std::string dev_key(const std::string& out) {
  std::smatch found;
  const bool there = std::regex_search(out, found, std::regex("\n  (pk_live_[^ \n]*)\n"));
  return there ? found[1].str() : std::string{};
}

// A target that takes a request and answers it when it is told to.
class SlowTarget {
 public:
  SlowTarget() {
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address_;
    auto* address = reinterpret_cast<sockaddr*>(&address_);
    if (bind(listener_, address, size) != 0 || listen(listener_, 4) != 0 ||
        getsockname(listener_, address, &size) != 0) {
      throw std::runtime_error("no port for the target");
    }
  }
  ~SlowTarget() {
    close(connection_);
    close(listener_);
  }
  SlowTarget(const SlowTarget&) = delete;
  SlowTarget& operator=(const SlowTarget&) = delete;

  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(ntohs(address_.sin_port)) + "/"; }

  // Waits for a request.
  void take() {
    pollfd waiting{listener_, POLLIN, 0};
    if (poll(&waiting, 1, 10000) != 1) FAIL("no request came");
    connection_ = accept(listener_, nullptr, nullptr);
    char first = 0;
    if (recv(connection_, &first, 1, 0) != 1) FAIL("the request was given up");
  }
  void answer() const {
    const std::string reply = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    CHECK(send(connection_, reply.data(), reply.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(reply.size()));
  }

 private:
  int listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int connection_ = -1;
  sockaddr_in address_{};
};

// A server that was told to stop while an attempt is under way.
struct BusyServer : Store {
  SlowTarget target;
  RunningServer server{storage, {"--dev"}};
  std::string post_task = "curl -s -w '%{http_code}' -X POST '" + server.url() +
                          "/api/v1/tasks' -H 'Authorization: Bearer " + dev_key(server.process().out()) +
                          "' -H 'Content-Type: application/json' -d '{\"url\":\"" + target.url() + "\"}'";

  BusyServer() {
    (void)testing::shell(post_task);
    target.take();
    server.process().signal(SIGTERM);
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (server.process().err().find("SIGTERM:") == std::string::npos &&
           std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(2ms);
    }
  }
};

}  // namespace

TEST_CASE_METHOD(Store, "serve says where it is ready, with which storage and how fast") {
  RunningServer server(storage);
  const auto ended = server.stop();
  const std::regex line("ready at http://127\\.0\\.0\\.1:[1-9][0-9]* with storage sqlite:[^ ]*, started in [0-9]+ ms");
  CHECK(std::regex_search(ended.err, line));
}

TEST_CASE_METHOD(Store, "a server that is told to stop ends well") {
  const int number = GENERATE(SIGTERM, SIGINT);
  RunningServer server(storage);
  server.process().signal(number);
  const auto ended = server.process().wait();
  CHECK(ended.exit_code == 0);
  CHECK(ended.out.empty());
}

TEST_CASE_METHOD(Store, "a server passes over SIGHUP and SIGPIPE") {
  RunningServer server(storage);
  server.process().signal(SIGHUP);
  server.process().signal(SIGPIPE);
  CHECK(testing::shell("curl -sf '" + server.url() + "/health'").exit_code == 0);
  CHECK(server.stop().exit_code == 0);
}

TEST_CASE_METHOD(Store, "a second server on one store is refused with one line") {
  RunningServer server(storage);
  testing::Process second({PUNCTUAL_EXECUTABLE, "serve", "--listen", "127.0.0.1:0", "--storage", storage});
  const auto ended = second.wait();
  CHECK(ended.exit_code == 1);
  CHECK(ended.err.find("ready at") == std::string::npos);
  CHECK_FALSE(line_with(ended.err, "punctual: ").empty());
  CHECK(server.process().runs());
}

TEST_CASE_METHOD(Store, "an address in use is one line and leaves the store free") {
  RunningServer server(storage);
  const std::string address = server.url().substr(7);
  const TemporaryFolder other;
  const auto refused = testing::punctual({"serve", "--listen", address, "--storage", sqlite_in(other)});
  CHECK(refused.exit_code == 1);
  CHECK_FALSE(line_with(refused.err, "punctual: ").empty());
  RunningServer again(sqlite_in(other));
  CHECK(again.stop().exit_code == 0);
}

TEST_CASE_METHOD(Store, "an organisation and a key made while a server runs work there at once") {
  RunningServer server(storage);
  CHECK(testing::punctual({"org", "create", "acme", "--storage", storage}).exit_code == 0);
  const auto made = testing::punctual({"key", "create", "--org", "acme", "--storage", storage});
  REQUIRE(made.exit_code == 0);
  CHECK(status_of(server.url() + "/api/v1/tasks", lines_of(made.out).at(0)) == "200");
}

TEST_CASE_METHOD(Store, "a key made while no server runs works in the next one") {
  (void)testing::punctual({"org", "create", "acme", "--storage", storage});
  const auto made = testing::punctual({"key", "create", "--org", "acme", "--storage", storage});
  REQUIRE(made.exit_code == 0);
  RunningServer server(storage);
  CHECK(status_of(server.url() + "/api/v1/tasks", lines_of(made.out).at(0)) == "200");
}

TEST_CASE_METHOD(Store, "a key revoked while a server runs is refused there within seconds") {
  RunningServer server(storage);
  (void)testing::punctual({"org", "create", "acme", "--storage", storage});
  const std::string key =
      lines_of(testing::punctual({"key", "create", "--org", "acme", "--storage", storage}).out).at(0);
  REQUIRE(status_of(server.url() + "/api/v1/tasks", key) == "200");
  CHECK(testing::punctual({"key", "revoke", key.substr(0, key.find('.')), "--storage", storage}).exit_code == 0);
  const auto deadline = std::chrono::steady_clock::now() + 8s;
  std::string status;
  while ((status = status_of(server.url() + "/api/v1/tasks", key)) == "200" &&
         std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(50ms);
  }
  CHECK(status == "401");
}

TEST_CASE_METHOD(Store, "serve --dev prints lines that work when pasted") {
  RunningServer server(storage, {"--dev"});
  const std::string out = server.process().out();
  const std::string create = line_with(out, "curl -X POST");
  REQUIRE_FALSE(create.empty());
  CHECK_THAT(testing::shell(create + " -s").out, Contains("\"execution_id\""));
  CHECK_THAT(reply_with(line_with(out, "/executions"), "\"success\""), Contains("\"success\""));
}

TEST_CASE_METHOD(Store, "serve --dev prints the real port even where every address is listened at") {
  testing::Process process({PUNCTUAL_EXECUTABLE, "serve", "--dev", "--listen", "0.0.0.0:0", "--storage", storage});
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (process.err().find("ready at") == std::string::npos && process.runs() &&
         std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(2ms);
  }
  CHECK(std::regex_search(process.out(), std::regex("curl 'http://127\\.0\\.0\\.1:[1-9][0-9]*/api/v1/executions'")));
  process.signal(SIGTERM);
  CHECK(process.wait().exit_code == 0);
}

TEST_CASE_METHOD(Store, "every start of serve --dev prints a key of its own, and the earlier one goes on working") {
  std::string first;
  {
    RunningServer server(storage, {"--dev"});
    first = dev_key(server.process().out());
    REQUIRE(server.stop().exit_code == 0);
  }
  RunningServer server(storage, {"--dev"});
  const std::string second = dev_key(server.process().out());
  CHECK(first != second);
  CHECK(status_of(server.url() + "/api/v1/tasks", first) == "200");
  CHECK(status_of(server.url() + "/api/v1/tasks", second) == "200");
}

TEST_CASE_METHOD(Store, "the log of serve --dev shows no secret") {
  RunningServer server(storage, {"--dev", "--set", "log.level=debug"});
  const std::string key = dev_key(server.process().out());
  (void)status_of(server.url() + "/api/v1/tasks", key);
  const auto ended = server.stop();
  CHECK_THAT(ended.err, !Contains(key.substr(key.find("sk_live_"))));
}

TEST_CASE_METHOD(Store, "serve without --dev makes no organisation") {
  RunningServer server(storage);
  CHECK(testing::punctual({"org", "list", "--storage", storage}).out.empty());
}

TEST_CASE_METHOD(BusyServer, "a second signal ends the server at once") {
  server.process().signal(SIGTERM);
  const auto ended = server.process().wait(5s);
  CHECK(ended.exit_code == 1);
  CHECK_THAT(ended.err, Contains("second signal"));
}

TEST_CASE_METHOD(BusyServer, "a server that waits for attempts under way refuses new ones with 503") {
  CHECK_THAT(reply_with(post_task, "service_unavailable"), Catch::EndsWith("503"));
}

TEST_CASE_METHOD(BusyServer, "a server ends well once the attempt under way has ended") {
  target.answer();
  CHECK(server.process().wait(10s).exit_code == 0);
}
