#include <catch2/catch.hpp>

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
