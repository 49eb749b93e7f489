// A database file that cannot be written any more, as on a full disk.
#include <sys/resource.h>

#include <catch2/catch.hpp>
#include <csignal>

#include "running_api.hpp"

using namespace punctual;
using namespace punctual::testing;

namespace {

// No file of this process grows or changes while this lives.
class NoWrites {
 public:
  NoWrites() {
    getrlimit(RLIMIT_FSIZE, &before_);
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit none{0, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &none);
  }
  ~NoWrites() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  NoWrites(const NoWrites&) = delete;
  NoWrites& operator=(const NoWrites&) = delete;

 private:
  rlimit before_{};
  void (*handler_)(int) = nullptr;
};

}  // namespace

TEST_CASE("while the database file cannot be written requests are 503, and what was stored is shown", "[one-server]") {
  RunningApi server;
  const auto id = server.create(R"({"url":"https://example.com","delay":"1h","queue":"q"})");
  const auto before = server.task(id);
  const std::string task = "/api/v1/tasks/" + id;
  const std::string body = R"({"url":"https://example.com","delay":"1h"})";
  const auto client = server.client();
  std::vector<HttpReply> replies;
  HttpReply shown;
  {
    const NoWrites now;
    replies = {client.post("/api/v1/tasks", body, {{"Idempotency-Key", "k"}}),
               client.post("/api/v1/tasks/batch", R"({"tasks":[)" + body + "]}"),
               client.request("PUT", "/api/v1/sync",
                              R"({"tasks":[{"name":"a","url":"https://example.com","cron":"@daily"}]})"),
               client.request("PATCH", task, R"({"name":"new"})"),
               client.request("DELETE", task),
               client.request("DELETE", "/api/v1/tasks?queue=q"),
               client.post(task + "/trigger", ""),
               client.post("/api/v1/queues/q/pause", "")};
    shown = client.get(task);
  }
  for (const auto& reply : replies) {
    INFO(reply.body);
    CHECK(reply.status == 503);
    CHECK(reply.error_code() == "service_unavailable");
    CHECK(reply.header("Retry-After"));
  }
  CHECK(shown.status == 200);
  CHECK(server.task(id) == before);
  CHECK(server.task_count() == 1);
  CHECK_FALSE(client.post("/api/v1/tasks", body, {{"Idempotency-Key", "k"}}).header("Idempotent-Replayed"));
  CHECK(server.task_count() == 2);
  CHECK(server.remove(id).status == 204);
}
