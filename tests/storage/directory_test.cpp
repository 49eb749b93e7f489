#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

#include "punctual/errors.hpp"
#include "support/storage_fixture.hpp"

using namespace punctual;
using namespace punctual::testing;

namespace {

struct DirectoryFixture : StorageFixture {
  Directory& directory() { return store().directory(); }

  ApiKey key(OrganizationId organization, const std::string& public_id) {
    const ApiKey made{next_id<KeyId>(), organization, public_id, digest_of('s'), at(5s), std::nullopt, std::nullopt};
    directory().create_key(made);
    return made;
  }
};

}  // namespace

TEST_CASE_METHOD(DirectoryFixture, "an organisation is found by its name") {
  reopen();
  const auto found = directory().find_organization("acme");
  REQUIRE(found);
  CHECK(found->id == acme);
  CHECK(found->name == "acme");
  CHECK(found->signing_secrets == std::vector<std::string>{"whsec_new", "whsec_old"});
  CHECK(found->inserted_at == at(0s));
  CHECK_FALSE(found->max_concurrent);
  CHECK_FALSE(directory().find_organization("Acme"));
}

TEST_CASE_METHOD(DirectoryFixture, "the name of an organisation is taken once") {
  CHECK_THROWS_AS(directory().create_organization({next_id<OrganizationId>(), "acme", {"whsec_x"}, at(9s), {}}),
                  Conflict);
  CHECK(directory().find_organization("acme")->id == acme);
}

TEST_CASE_METHOD(DirectoryFixture, "all organisations are listed") {
  const auto all = directory().list_organizations();
  REQUIRE(all.size() == 2);
  CHECK(all[0].name == "acme");
  CHECK(all[1].name == "other");
}

TEST_CASE_METHOD(DirectoryFixture, "a key is found with its organisation") {
  const ApiKey made = key(acme, "pk_live_one");
  reopen();
  const auto found = directory().find_key("pk_live_one");
  REQUIRE(found);
  CHECK(found->key.id == made.id);
  CHECK(found->key.organization_id == acme);
  CHECK(found->key.public_id == "pk_live_one");
  CHECK(found->key.secret_hash == made.secret_hash);
  CHECK(found->key.inserted_at == at(5s));
  CHECK_FALSE(found->key.last_used_at);
  CHECK_FALSE(found->key.revoked_at);
  CHECK(found->organization.id == acme);
  CHECK(found->organization.signing_secrets.size() == 2);
  CHECK_FALSE(directory().find_key("pk_live_two"));
}

TEST_CASE_METHOD(DirectoryFixture, "keys are listed by organisation") {
  key(acme, "pk_live_one");
  key(acme, "pk_live_two");
  key(other, "pk_live_three");
  const auto keys = directory().list_keys(acme);
  REQUIRE(keys.size() == 2);
  CHECK(keys[0].public_id == "pk_live_one");
  CHECK(keys[1].public_id == "pk_live_two");
}

TEST_CASE_METHOD(DirectoryFixture, "a revoked key is still found, as revoked") {
  key(acme, "pk_live_one");
  CHECK(directory().revoke_key("pk_live_one", at(10s)));
  reopen();
  CHECK(directory().find_key("pk_live_one")->key.revoked_at == at(10s));
}

TEST_CASE_METHOD(DirectoryFixture, "revoking a key twice changes nothing") {
  key(acme, "pk_live_one");
  CHECK(directory().revoke_key("pk_live_one", at(10s)));
  CHECK(directory().revoke_key("pk_live_one", at(20s)));
  CHECK(directory().find_key("pk_live_one")->key.revoked_at == at(10s));
}

TEST_CASE_METHOD(DirectoryFixture, "revoking an unknown key is false") {
  CHECK_FALSE(directory().revoke_key("pk_live_none", at(10s)));
}

TEST_CASE_METHOD(DirectoryFixture, "the last use of a key never moves backwards") {
  const ApiKey made = key(acme, "pk_live_one");
  directory().touch_key(made.id, at(100s));
  directory().touch_key(made.id, at(50s));
  CHECK(directory().find_key("pk_live_one")->key.last_used_at == at(100s));
  directory().touch_key(made.id, at(200s));
  CHECK(directory().find_key("pk_live_one")->key.last_used_at == at(200s));
}

TEST_CASE_METHOD(DirectoryFixture, "a key made by another instance is found at once") {
  const auto cli = open_another();
  cli->directory().create_key(
      {next_id<KeyId>(), acme, "pk_live_cli", digest_of('s'), at(5s), std::nullopt, std::nullopt});
  CHECK(directory().find_key("pk_live_cli"));
}

TEST_CASE_METHOD(DirectoryFixture, "an organisation keeps the cap it is made with") {
  directory().create_organization({next_id<OrganizationId>(), "third", {"whsec_x"}, at(9s), 7});
  reopen();
  CHECK(directory().find_organization("third")->max_concurrent == 7);
}

TEST_CASE_METHOD(DirectoryFixture, "a cap is set, changed and lifted, and seen by every reader") {
  key(acme, "pk_live_one");
  for (const std::optional<int> cap : {std::optional(3), std::optional(1), std::optional<int>()}) {
    CHECK(directory().set_max_concurrent(acme, cap));
    reopen();
    CHECK(directory().find_organization("acme")->max_concurrent == cap);
    CHECK(directory().find_key("pk_live_one")->organization.max_concurrent == cap);
    CHECK(directory().list_organizations()[0].max_concurrent == cap);
    CHECK_FALSE(directory().find_organization("other")->max_concurrent);
  }
}

TEST_CASE_METHOD(DirectoryFixture, "the cap of an unknown organisation is not set") {
  CHECK_FALSE(directory().set_max_concurrent(next_id<OrganizationId>(), 3));
}

TEST_CASE_METHOD(DirectoryFixture, "a cap below one is refused") {
  CHECK(directory().set_max_concurrent(acme, 2));
  CHECK_THROWS_AS(directory().set_max_concurrent(acme, 0), Invalid);
  CHECK_THROWS_AS(directory().set_max_concurrent(acme, -1), Invalid);
  CHECK(directory().find_organization("acme")->max_concurrent == 2);
}

// ---- Limits, secrets and the terms of keys.

namespace {

struct TermsFixture : DirectoryFixture {
  bool change(const std::function<void(Organization&)>& how) {
    return directory().change_organization(acme, [&](Organization& one) -> std::optional<AuditEntry> {
      how(one);
      return std::nullopt;
    });
  }
  [[nodiscard]] Organization stored() { return directory().find_organization("acme").value(); }
  [[nodiscard]] std::size_t logged() {
    AuditQuery query;
    query.organization_id = acme;
    return store().audit().list(query).items.size();
  }
};

const OrganizationLimits some_limits{1'000'000'000'000, 300s, 50, 7 * 86400s};

}  // namespace

TEST_CASE_METHOD(TermsFixture, "limits are set, seen by every reader, and lifted") {
  key(acme, "pk_live_one");
  CHECK(stored().limits == OrganizationLimits{});
  for (const OrganizationLimits& wanted : {some_limits, OrganizationLimits{}}) {
    CHECK(change([&](Organization& one) { one.limits = wanted; }));
    reopen();
    CHECK(stored().limits == wanted);
    CHECK(directory().find_key("pk_live_one")->organization.limits == wanted);
    CHECK(directory().list_organizations()[0].limits == wanted);
    CHECK(directory().find_organization("other")->limits == OrganizationLimits{});
  }
}

TEST_CASE_METHOD(TermsFixture, "the longest retention is that of the organisation that has the longest") {
  CHECK_FALSE(directory().longest_retention());
  CHECK(change([](Organization& one) { one.limits.retention = 3600s; }));
  CHECK(directory().longest_retention() == 3600s);
  directory().create_organization({next_id<OrganizationId>(), "third", {"whsec_x"}, at(9s), {}, some_limits});
  CHECK(directory().longest_retention() == some_limits.retention);
}

TEST_CASE_METHOD(TermsFixture, "an organisation keeps the limits it is made with") {
  Organization third{next_id<OrganizationId>(), "third", {"whsec_x"}, at(9s), 7, some_limits};
  directory().create_organization(third);
  reopen();
  CHECK(directory().find_organization("third")->limits == some_limits);
  CHECK(directory().find_organization("third")->max_concurrent == 7);
}

TEST_CASE_METHOD(TermsFixture, "a change of one limit leaves the others, and the count of the quota, alone") {
  CHECK(change([](Organization& one) {
    one.max_concurrent = 3;
    one.limits = some_limits;
  }));
  const NewWork counted = once(acme, at(1s));
  insert(counted);
  CHECK(change([](Organization& one) { one.limits.max_tasks = 9; }));
  CHECK(stored().max_concurrent == 3);
  CHECK(stored().limits.retention == some_limits.retention);
  CHECK(stored().signing_secrets.size() == 2);
  CHECK(store().quotas().find(acme, at(1s))->used == 1);
}

TEST_CASE_METHOD(TermsFixture, "a limit below one is refused, and nothing of the change takes place") {
  const auto refused = [&](const std::function<void(Organization&)>& how) {
    CHECK_THROWS_AS(change([&](Organization& one) {
                      one.signing_secrets = {"whsec_other"};
                      how(one);
                    }),
                    Invalid);
  };
  refused([](Organization& one) { one.limits.monthly_executions = 0; });
  refused([](Organization& one) { one.limits.min_cron_interval = 0s; });
  refused([](Organization& one) { one.limits.max_tasks = -1; });
  refused([](Organization& one) { one.limits.retention = 0s; });
  CHECK(stored().limits == OrganizationLimits{});
  CHECK(stored().signing_secrets.size() == 2);
}

TEST_CASE_METHOD(TermsFixture, "what a change throws is passed on, and nothing of it takes place") {
  CHECK_THROWS_AS(change([](Organization& one) {
                    one.limits = some_limits;
                    throw Conflict("not so");
                  }),
                  Conflict);
  CHECK(stored().limits == OrganizationLimits{});
  CHECK_FALSE(directory().change_organization(next_id<OrganizationId>(), [](Organization&) { return std::nullopt; }));
}

TEST_CASE_METHOD(TermsFixture, "a change is logged with it") {
  CHECK(directory().change_organization(acme, [&](Organization& one) -> std::optional<AuditEntry> {
    one.limits.max_tasks = 5;
    return AuditEntry{acme, at(1s), "cli", "organization.limits_changed", "x", "y", R"({"max_tasks":{}})"};
  }));
  CHECK(logged() == 1);
}

TEST_CASE_METHOD(TermsFixture, "changes of several instances at once follow one another") {
  const auto second = open_another();
  CHECK(change([](Organization& one) { one.limits.max_tasks = 1000; }));
  const auto raise = [&](Storage& store) {
    for (int i = 0; i < 20; ++i) {
      (void)store.directory().change_organization(acme, [](Organization& one) -> std::optional<AuditEntry> {
        one.limits.max_tasks = *one.limits.max_tasks + 1;
        one.limits.monthly_executions = one.limits.monthly_executions.value_or(0) + 1;
        one.max_concurrent = one.max_concurrent.value_or(0) + 1;
        return std::nullopt;
      });
    }
  };
  std::thread beside([&] { raise(*second); });
  raise(store());
  beside.join();
  CHECK(stored().limits.max_tasks == 1040);
  CHECK(stored().limits.monthly_executions == 40);
  CHECK(stored().max_concurrent == 40);
}

TEST_CASE_METHOD(TermsFixture, "an old secret goes when its time is over, with an entry of the system") {
  CHECK(change([](Organization& one) { one.old_secret_until = at(100s); }));
  CHECK(directory().end_rotations(at(99s)) == 0);
  CHECK(stored().signing_secrets.size() == 2);
  CHECK(stored().old_secret_until == at(100s));
  CHECK(directory().end_rotations(at(100s)) == 1);
  reopen();
  CHECK(stored().signing_secrets == std::vector<std::string>{"whsec_new"});
  CHECK_FALSE(stored().old_secret_until);
  CHECK(directory().end_rotations(at(101s)) == 0);
  CHECK(logged() == 1);
  CHECK(directory().find_organization("other")->signing_secrets.size() == 1);
}

TEST_CASE_METHOD(TermsFixture, "several servers that end a rotation at once end it once, with one entry") {
  REQUIRE(directory().change_organization(other, [](Organization& one) -> std::optional<AuditEntry> {
    one.signing_secrets = {"whsec_newest", "whsec_other"};
    one.old_secret_until = at(90s);
    return std::nullopt;
  }));
  CHECK(change([](Organization& one) { one.old_secret_until = at(100s); }));
  std::vector<PluginLibrary::Instance> instances;
  for (int i = 0; i < 4; ++i) instances.push_back(open_another());
  std::atomic<std::size_t> ended{0};
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  for (std::size_t number = 0; number < 8; ++number) {
    threads.emplace_back([&, number] {
      try {
        for (int i = 0; i < 5; ++i) ended += instances[number % instances.size()]->directory().end_rotations(at(100s));
      } catch (const std::exception&) {
        ++failures;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(failures == 0);
  CHECK(ended == 2);
  CHECK(logged() == 1);
  CHECK(stored().signing_secrets == std::vector<std::string>{"whsec_new"});
  CHECK(directory().find_organization("other")->signing_secrets == std::vector<std::string>{"whsec_newest"});
}

TEST_CASE_METHOD(TermsFixture, "a secret that is put before another one signs first from the next claim on") {
  CHECK(change([](Organization& one) { one.signing_secrets = {"whsec_newest", "whsec_new"}; }));
  insert(once(acme, at(1s)));
  const Claimed claimed = claim_one(at(1s));
  CHECK(claimed.signing_secrets == std::vector<std::string>{"whsec_newest", "whsec_new"});
  CHECK_FALSE(claimed.old_secret_until);
}

TEST_CASE_METHOD(TermsFixture, "what is claimed says until when the old secret signs") {
  CHECK(change([](Organization& one) { one.old_secret_until = at(100s); }));
  insert(once(acme, at(1s)));
  const Claimed claimed = claim_one(at(1s));
  CHECK(claimed.old_secret_until == at(100s));
  Settlement item = settlement(claimed, ExecutionStatus::success, at(2s));
  item.messages.push_back(
      {next_id<MessageId>(), MessageEvent::execution_completed, "https://example.com/callback", "{}"});
  CHECK(settle(item) == SettleOutcome::settled);
  const auto told = store().outbox().claim({node, next_token(), at(2s), 1, 1000, {}}).claimed;
  REQUIRE(told.size() == 1);
  CHECK(told[0].signing_secrets.size() == 2);
  CHECK(told[0].old_secret_until == at(100s));
}

TEST_CASE_METHOD(TermsFixture, "a key keeps its name and when it expires") {
  ApiKey named{next_id<KeyId>(), acme, "pk_live_named", digest_of('s'), at(5s), std::nullopt, std::nullopt};
  named.name = "Größe";
  named.expires_at = at(90s);
  directory().create_key(named);
  key(acme, "pk_live_plain");
  reopen();
  CHECK(directory().find_key("pk_live_named")->key.name == "Größe");
  CHECK(directory().find_key("pk_live_named")->key.expires_at == at(90s));
  const auto keys = directory().list_keys(acme);
  REQUIRE(keys.size() == 2);
  CHECK(keys[0].expires_at == at(90s));
  CHECK(keys[1].name.empty());
  CHECK_FALSE(keys[1].expires_at);
}
