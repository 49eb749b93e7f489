// Several servers on one database, unhurt and with their connections ended under them.
#include <algorithm>
#include <catch2/catch.hpp>

#include "installation.hpp"
#include "steady_load.hpp"
#include "support/eventually.hpp"
#include "support/fresh_storage.hpp"

using namespace punctual;
using namespace punctual::testing;
using namespace std::chrono_literals;

namespace {

constexpr int lines = 4;
constexpr std::size_t cap = 3;

// The number at the end of "line2-17".
int number_of(const std::string& body) { return std::stoi(body.substr(body.rfind('-') + 1)); }

std::string line_path(int line) { return "/line/" + std::to_string(line); }

struct SeveralServers {
  SeveralServers() {
    REQUIRE(site.run({"org", "set", "capped", "max_concurrent=" + std::to_string(cap)}).exit_code == 0);
  }

  // Plain tasks, lines whose tasks fail now and then, and an organisation with a cap, all to all servers in turn.
  std::vector<SteadyLoad::Client> clients() {
    auto& arrivals = site.arrivals();
    std::vector<SteadyLoad::Client> out;
    arrivals.record(site.target(), "/plain", TargetAnswer{});
    arrivals.record(site.target(), "/capped", TargetAnswer{.delay = 50ms});
    const auto to = [this](const std::string& path) { return R"("url":")" + site.target().url(path) + "\""; };
    for (int i = 0; i < 3; ++i) {
      out.push_back({"plain" + std::to_string(i), site.key(),
                     [to](int number) { return to("/plain") + (number % 3 == 0 ? R"(,"delay":1)" : ""); }});
    }
    for (int i = 0; i < 2; ++i) {
      out.push_back({"capped" + std::to_string(i), capped_key, [to](int) { return to("/capped"); }, 40ms});
    }
    for (int line = 0; line < lines; ++line) {
      arrivals.record(site.target(), line_path(line), [](const TargetRequest& request) {
        const bool fails = number_of(request.body) % 50 == 49 && request.header("punctual-attempt") == "1";
        return TargetAnswer{.status = fails ? 409 : 200, .delay = 10ms};
      });
      const auto fields = [to, line](int) {
        return to(line_path(line)) + R"(,"retry_delay":1,"queue":"line )" + std::to_string(line) + "\"";
      };
      out.push_back({"line" + std::to_string(line), site.key(), fields, 100ms});
    }
    return out;
  }

  // Nothing came twice, no line had two at once or one before its turn, no cap was exceeded.
  void check_order() {
    CHECK(site.arrivals().repeated().empty());
    CHECK(site.arrivals().most_at_once("/capped") <= cap);
    for (int line = 0; line < lines; ++line) {
      const auto arrivals = site.arrivals().of(line_path(line));
      CHECK(site.arrivals().most_at_once(line_path(line)) == 1);
      CHECK(std::is_sorted(arrivals.begin(), arrivals.end(),
                           [](const auto& a, const auto& b) { return number_of(a.body) < number_of(b.body); }));
    }
  }

  FreshStorage storage;
  Installation site{storage.url()};
  std::string capped_key = site.add_organization("capped");
};

}  // namespace

TEST_CASE_METHOD(SeveralServers, "two and four servers deliver all once, keep lines serial and in order, and caps") {
  const int servers = GENERATE(2, 4);
  for (int i = 0; i < servers; ++i) (void)site.start();
  SteadyLoad load(clients(), [this] { return site.addresses(); });
  REQUIRE(eventually([&] { return load.accepted() >= 4000; }, 60s));
  const auto account = load.finish();
  CHECK(account.unexpected.empty());
  CHECK(account.broken == 0);
  CHECK(account.unclear.empty());
  CHECK(site.arrivals().have(account.accepted, 60s));
  check_order();
}

TEST_CASE_METHOD(SeveralServers,
                 "servers whose connections are ended twice a second for 20 s lose and repeat nothing") {
  for (int i = 0; i < 2; ++i) (void)site.start();
  SteadyLoad load(clients(), [this] { return site.addresses(); });
  auto session = storage.postgres()->connect();
  int ended = 0;
  for (int i = 0; i < 40; ++i) {
    std::this_thread::sleep_for(500ms);
    ended += std::stoi(session.value(
        "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = current_database() and pid <> "
        "pg_backend_pid()"));
  }
  const auto account = load.finish();
  CHECK(ended > 40);
  CHECK(account.unexpected.empty());
  CHECK(account.unhelpful == 0);
  CHECK(account.broken == 0);
  CHECK(site.arrivals().have(account.accepted, 60s));
  check_order();
}
