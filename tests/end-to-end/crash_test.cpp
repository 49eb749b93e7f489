// A server that dies or is stopped in the middle of its work loses nothing it has accepted.
#include <signal.h>
#include <sqlite3.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "deployment.hpp"
#include "mixed_clients.hpp"

using namespace punctual;
using namespace punctual::testing;
using namespace std::chrono_literals;

namespace {

Time now() { return std::chrono::time_point_cast<microseconds>(std::chrono::system_clock::now()); }

// A SQLite database that this process is writing to and does not let go.
class LockedDatabase {
 public:
  // `url`: "sqlite:///path"
  explicit LockedDatabase(const std::string& url) {
    const std::string file = url.substr(url.find(":/") + 3);
    if (sqlite3_open_v2(file.c_str(), &database_, SQLITE_OPEN_READWRITE, nullptr) != SQLITE_OK ||
        sqlite3_exec(database_, "begin immediate", nullptr, nullptr, nullptr) != SQLITE_OK) {
      throw std::runtime_error(file + ": " + sqlite3_errmsg(database_));
    }
  }
  ~LockedDatabase() { sqlite3_close(database_); }
  LockedDatabase(const LockedDatabase&) = delete;
  LockedDatabase& operator=(const LockedDatabase&) = delete;

 private:
  sqlite3* database_ = nullptr;
};

}  // namespace

TEST_CASE_METHOD(Deployment,
                 "twenty kills under load lose nothing that was accepted and repeat only what was under way") {
  auto& site = installation();
  // Where several servers may serve, one goes on and finds the dead one by its silence.
  const std::size_t victim = storage().allows_several_servers() ? site.start() : 0;
  SteadyLoad load(mixed_clients(installation(), 4), [&] { return site.addresses(); });
  std::vector<Time> kills;
  while (kills.size() < 20) {
    const std::size_t before = load.accepted();
    REQUIRE(eventually([&] { return load.accepted() >= before + 100; }, 30s));
    kills.push_back(now());
    site.server(victim).process().signal(SIGKILL);
    (void)site.server(victim).process().wait();
    site.start_again(victim);
  }
  const auto account = load.finish();
  CHECK(account.unexpected.empty());
  CHECK(account.unhelpful == 0);
  CHECK(site.arrivals().have(account.accepted, 30s));
  const auto by_a_kill = [&](const Arrivals::Arrival& first, const Arrivals::Arrival& second) {
    return std::any_of(kills.begin(), kills.end(),
                       [&](Time kill) { return first.at <= kill + 1s && kill <= second.at && kill - first.at < 5s; });
  };
  for (const auto& [execution, arrivals] : site.arrivals().repeated()) {
    for (std::size_t i = 1; i < arrivals.size(); ++i) CHECK(by_a_kill(arrivals[i - 1], arrivals[i]));
  }
}

TEST_CASE_METHOD(Deployment, "a server that is asked to stop finishes what is under way and repeats nothing") {
  SteadyLoad load(mixed_clients(installation(), 4), [this] { return installation().addresses(); });
  REQUIRE(eventually([&] { return load.accepted() >= 200; }));
  CHECK(server().stop().exit_code == 0);
  const auto account = load.finish();
  start();
  CHECK(installation().arrivals().have(account.accepted, 10s));
  CHECK(installation().arrivals().repeated().empty());
}

TEST_CASE_METHOD(Deployment, "a reply to an idempotency key survives a kill") {
  const std::string body = R"({"url":")" + target().url("/once") + R"("})";
  const auto first = client().post("/api/v1/tasks", body, {{"Idempotency-Key", "order-1"}});
  REQUIRE(first.status == 202);
  server().process().signal(SIGKILL);
  (void)server().process().wait();
  start();
  const auto again = client().post("/api/v1/tasks", body, {{"Idempotency-Key", "order-1"}});
  CHECK(again.status == 202);
  CHECK(again.body == first.body);
  CHECK(again.header("Idempotent-Replayed") == "true");
  CHECK(client().post("/api/v1/tasks", body + " ", {{"Idempotency-Key", "order-1"}}).error_code() ==
        "idempotency_key_reused");
}

TEST_CASE_METHOD(Deployment, "while another process keeps the database locked a write is 503, and goes on afterwards",
                 "[one-server]") {
  (void)server().stop();
  start({"--set", "sqlite.busy_timeout=200ms"});
  const auto created = create({{"url", target().url("/before")}, {"delay", "1h"}});
  const std::string task = "/api/v1/tasks/" + std::string(created.at("task_id").as_string());
  {
    const LockedDatabase locked(storage().url());
    for (const auto& reply : {client().post("/api/v1/tasks", R"({"url":")" + target().url("/locked") + "\"}"),
                              client().request("PATCH", task, R"({"name":"new"})"), client().request("DELETE", task),
                              client().post(task + "/trigger", "")}) {
      CHECK(reply.status == 503);
      CHECK(reply.error_code() == "service_unavailable");
      CHECK(reply.header("Retry-After"));
    }
    CHECK(client().get(task).status == 200);
  }
  CHECK(client().request("PATCH", task, R"({"name":"new"})").status == 200);
  CHECK(reaches(create({{"url", target().url("/after")}}), "success"));
}
