#include <catch2/catch.hpp>

#include "engine/engine_fixture.hpp"

using namespace punctual;
using namespace punctual::testing;
using namespace std::chrono_literals;

namespace {

struct QuotaFixture : EngineFixture {
  void limit(Server& server, const std::function<void(OrganizationLimits&)>& set) {
    REQUIRE(server.storage().directory().change_organization(principal.organization_id,
                                                             [&](Organization& one) -> std::optional<AuditEntry> {
                                                               set(one.limits);
                                                               return std::nullopt;
                                                             }));
  }
  [[nodiscard]] std::vector<std::string> logged(Server& server) const {
    AuditQuery query;
    query.organization_id = principal.organization_id;
    std::vector<std::string> out;
    for (const auto& record : server.engine().list_audit(query).items) out.push_back(record.entry.action);
    return out;
  }
};

}  // namespace

TEST_CASE_METHOD(QuotaFixture, "a used-up quota refuses requests, skips cron occurrences and is told of once") {
  Server server(store, clock, host);
  const auto tick = create(server, cron_task("* * * * *"));
  limit(server, [](OrganizationLimits& limits) { limits.monthly_executions = 2; });
  (void)create(server, task());
  (void)create(server, task());
  REQUIRE(server.transport().wait_started(2));
  CHECK_THROWS_AS(create(server, task()), LimitExceeded);
  CHECK_THROWS_AS(server.engine().trigger_task(request(), tick.task.id,
                                               [](const StartedRun&) {
                                                 return StoredReply{202, ""};
                                               }),
                  LimitExceeded);
  for (int minute = 1; minute <= 3; ++minute) {
    clock.advance(1min);
    REQUIRE(eventually([&] {
      return server.engine().find_task(principal, tick.task.id).next_run_at == test_start + (minute + 1) * 1min;
    }));
  }
  CHECK(executions(server, tick.task.id).empty());
  // A row that is being counted in is passed over until the next look.
  REQUIRE(comes_true_in_time(
      [&] { return host.logged("2 of 2 executions of this month are used: requests are refused"); }));
  CHECK(logged(server) ==
        std::vector<std::string>{"organization.quota_reached", "organization.quota_near", "task.created"});
  CHECK(server.engine().find_task(principal, tick.task.id).spec.enabled);
}

TEST_CASE_METHOD(QuotaFixture, "what a quota refuses is not sent, and the server has its place back") {
  EngineSettings settings;
  settings.max_in_flight = 2;
  Server server(store, clock, host, settings);
  limit(server, [](OrganizationLimits& limits) { limits.monthly_executions = 1; });
  (void)create(server, task());
  for (int i = 0; i < 5; ++i) CHECK_THROWS_AS(create(server, task()), LimitExceeded);
  limit(server, [](OrganizationLimits& limits) { limits.monthly_executions = 4; });
  for (int i = 0; i < 3; ++i) (void)create(server, task());
  CHECK(server.transport().wait_started(4));
}

TEST_CASE_METHOD(QuotaFixture, "the secret of a rotation that is over is taken away by the server") {
  Server server(store, clock, host);
  REQUIRE(server.storage().directory().change_organization(
      principal.organization_id, [&](Organization& one) -> std::optional<AuditEntry> {
        one.signing_secrets.insert(one.signing_secrets.begin(), "whsec_bmV3ZXN0IHNlY3JldCBvZiBhbGw=");
        one.old_secret_until = clock.now() + 1h;
        return std::nullopt;
      }));
  const auto secrets = [&] { return server.storage().directory().find_organization("acme")->signing_secrets.size(); };
  CHECK(secrets() == 2);
  clock.advance(1h);
  REQUIRE(eventually([&] { return secrets() == 1; }));
  CHECK(logged(server) == std::vector<std::string>{"organization.secret_rotation_ended"});
}

TEST_CASE_METHOD(QuotaFixture, "an old secret signs nothing any more once its time is over, whoever still knows it") {
  Server server(store, clock, host);
  const Time end = clock.now() + 30s;
  const auto rotate = [&](std::vector<std::string>& secrets, std::optional<Time>& until) {
    secrets.insert(secrets.begin(), "whsec_bmV3ZXN0IHNlY3JldCBvZiBhbGw=");
    until = end;
  };
  rotate(principal.signing_secrets, principal.old_secret_until);
  REQUIRE(server.storage().directory().change_organization(principal.organization_id,
                                                           [&](Organization& one) -> std::optional<AuditEntry> {
                                                             rotate(one.signing_secrets, one.old_secret_until);
                                                             return std::nullopt;
                                                           }));
  const auto signatures = [&](std::size_t delivery) {
    const auto headers = server.transport().started().at(delivery).headers;
    const auto found = std::ranges::find(headers, "webhook-signature", [](const auto& header) { return header.first; });
    return 1 + std::ranges::count(found->second, ' ');
  };
  (void)create(server, task(30s));
  (void)create(server, task());
  REQUIRE(server.transport().wait_started(1));
  CHECK(signatures(0) == 2);
  clock.advance(30s);
  REQUIRE(server.transport().wait_started(2));
  CHECK(signatures(1) == 1);
  (void)create(server, task());
  REQUIRE(server.transport().wait_started(3));
  CHECK(signatures(2) == 1);
}

TEST_CASE_METHOD(QuotaFixture, "old entries of the audit log are removed by the server") {
  EngineSettings settings;
  settings.audit_retention = 48h;
  Server server(store, clock, host, settings);
  (void)create(server, cron_task("0 0 1 1 *"));
  REQUIRE(logged(server).size() == 1);
  clock.advance(47h);
  (void)create(server, cron_task("0 0 1 1 *"));
  clock.advance(90min);
  REQUIRE(eventually([&] { return logged(server).size() == 1; }));
}
