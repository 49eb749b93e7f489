#include "identity/key_cache.hpp"

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

#include <catch2/catch.hpp>

#include "identity/api_key.hpp"
#include "identity/id_generator.hpp"

using namespace punctual;
using namespace std::chrono_literals;

namespace {

constexpr Time noon{std::chrono::sys_days{std::chrono::year{2026} / 3 / 29} + 12h};

// A directory in memory that counts what it is asked and can be out of order.
class MemoryDirectory final : public Directory {
 public:
  void create_organization(const Organization& organization, const AuditEntry* = nullptr) override {
    organization_ = organization;
  }
  std::optional<Organization> find_organization(std::string_view) override { return organization_; }
  std::vector<Organization> list_organizations() override { return {organization_}; }
  void create_key(const ApiKey& key, const AuditEntry* = nullptr) override {
    const std::lock_guard lock(mutex_);
    keys_[key.public_id] = key;
  }
  std::optional<KeyOwner> find_key(std::string_view public_id) override {
    ++lookups;
    if (during_lookup) {
      // Read first, then let the world change: what is returned is out of date.
      const auto before = read(public_id);
      std::exchange(during_lookup, nullptr)();
      return before;
    }
    return read(public_id);
  }
  std::vector<ApiKey> list_keys(OrganizationId) override { return {}; }
  bool revoke_key(std::string_view public_id, Time at, const AuditEntry* = nullptr) override {
    const std::lock_guard lock(mutex_);
    keys_.at(std::string(public_id)).revoked_at = at;
    return true;
  }
  bool change_organization(OrganizationId, const OrganizationChange&) override { return false; }
  std::optional<seconds> longest_retention() override { return {}; }
  std::size_t end_rotations(Time) override { return 0; }
  void touch_key(KeyId key, Time last_used_at) override {
    if (down) throw Unavailable("storage is down");
    const std::lock_guard lock(mutex_);
    touches.emplace_back(key, last_used_at);
    for (auto& [public_id, kept] : keys_) {
      if (kept.id == key) kept.last_used_at = last_used_at;
    }
  }

  void expire_keys(Time at) {
    const std::lock_guard lock(mutex_);
    for (auto& [public_id, kept] : keys_) kept.expires_at = at;
  }

  std::atomic<int> lookups = 0;
  std::atomic<bool> down = false;
  std::function<void()> during_lookup;
  std::vector<std::pair<KeyId, Time>> touches;

 private:
  std::optional<KeyOwner> read(std::string_view public_id) {
    if (down) throw Unavailable("storage is down");
    const std::lock_guard lock(mutex_);
    const auto key = keys_.find(std::string(public_id));
    if (key == keys_.end()) return std::nullopt;
    return KeyOwner{key->second, organization_};
  }

  std::mutex mutex_;
  Organization organization_;
  std::map<std::string, ApiKey> keys_;
};

struct Fixture {
  IdGenerator ids;
  MemoryDirectory directory;
  KeyCache cache{directory};
  Organization organization{ids.next<OrganizationId>(noon), "acme", {"whsec_new", "whsec_old"}, noon};
  NewApiKey key = make_api_key(ids.next<KeyId>(noon), organization.id, noon);

  Fixture() {
    directory.create_organization(organization);
    directory.create_key(key.record);
  }

  NewApiKey make_key() { return make_api_key(ids.next<KeyId>(noon), organization.id, noon); }

  // The name of the key with somebody else's secret.
  std::string with_wrong_secret() {
    const std::string other = make_key().text;
    return key.record.public_id + other.substr(other.find('.'));
  }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a key gives its organisation, itself and the signing secrets") {
  const auto principal = cache.authenticate(key.text, noon);
  REQUIRE(principal);
  CHECK(principal->organization_id == organization.id);
  CHECK(principal->key_id == key.record.id);
  CHECK(principal->key_public_id == key.record.public_id);
  CHECK(principal->signing_secrets == organization.signing_secrets);
  CHECK_FALSE(principal->old_secret_until);
}

TEST_CASE_METHOD(Fixture, "a key brings until when the old signing secret is used") {
  organization.old_secret_until = noon + 1h;
  directory.create_organization(organization);
  CHECK(cache.authenticate(key.text, noon)->old_secret_until == noon + 1h);
}

TEST_CASE_METHOD(Fixture, "a key brings the limits of its organisation") {
  organization.limits.max_tasks = 5;
  directory.create_organization(organization);
  CHECK(cache.authenticate(key.text, noon)->limits == organization.limits);
}

TEST_CASE_METHOD(Fixture, "a key ends at the instant it expires, cached or not") {
  directory.expire_keys(noon + 3s);
  CHECK(cache.authenticate(key.text, noon));
  CHECK(cache.authenticate(key.text, noon + 3s - 1us));
  CHECK(directory.lookups == 1);
  CHECK_FALSE(cache.authenticate(key.text, noon + 3s));
  KeyCache fresh{directory};
  CHECK_FALSE(fresh.authenticate(key.text, noon + 3s));
  cache.flush_touches();
  CHECK(directory.touches.size() == 1);
}

TEST_CASE_METHOD(Fixture, "a text without the shape of a key does not reach storage") {
  CHECK_FALSE(cache.authenticate("pk_live_x.sk_live_y", noon));
  CHECK(directory.lookups == 0);
}

TEST_CASE_METHOD(Fixture, "a key is looked up once in five seconds") {
  for (int i = 0; i < 50; ++i) CHECK(cache.authenticate(key.text, noon + i * 100ms));
  CHECK(directory.lookups == 1);
  CHECK(cache.authenticate(key.text, noon + 5s));
  CHECK(directory.lookups == 2);
}

TEST_CASE_METHOD(Fixture, "a wrong secret is refused whether the key is cached or not") {
  CHECK_FALSE(cache.authenticate(with_wrong_secret(), noon));
  CHECK(cache.authenticate(key.text, noon));
  CHECK_FALSE(cache.authenticate(with_wrong_secret(), noon));
  CHECK(cache.authenticate(key.text, noon));
}

TEST_CASE_METHOD(Fixture, "wrong secrets of a known key do not reach storage again") {
  for (int i = 0; i < 100; ++i) CHECK_FALSE(cache.authenticate(with_wrong_secret(), noon));
  CHECK(directory.lookups == 1);
}

TEST_CASE_METHOD(Fixture, "an unknown key is looked up once in a second") {
  const std::string unknown = make_key().text;
  for (int i = 0; i < 10; ++i) CHECK_FALSE(cache.authenticate(unknown, noon + i * 100ms));
  CHECK(directory.lookups == 1);
  CHECK_FALSE(cache.authenticate(unknown, noon + 1s));
  CHECK(directory.lookups == 2);
}

TEST_CASE_METHOD(Fixture, "a key made after it was asked for works a second later") {
  const NewApiKey late = make_key();
  CHECK_FALSE(cache.authenticate(late.text, noon));
  directory.create_key(late.record);
  CHECK(cache.authenticate(late.text, noon + 1s));
}

TEST_CASE_METHOD(Fixture, "a key revoked by another process is refused after five seconds") {
  CHECK(cache.authenticate(key.text, noon));
  (void)directory.revoke_key(key.record.public_id, noon);
  CHECK_FALSE(cache.authenticate(key.text, noon + 5s));
}

TEST_CASE_METHOD(Fixture, "a key revoked by this process is refused at once") {
  CHECK(cache.authenticate(key.text, noon));
  (void)directory.revoke_key(key.record.public_id, noon);
  cache.invalidate(key.record.public_id);
  CHECK_FALSE(cache.authenticate(key.text, noon));
}

TEST_CASE_METHOD(Fixture, "a lookup that an invalidation overtook is not kept") {
  directory.during_lookup = [&] {
    (void)directory.revoke_key(key.record.public_id, noon);
    cache.invalidate(key.record.public_id);
  };
  (void)cache.authenticate(key.text, noon);
  CHECK_FALSE(cache.authenticate(key.text, noon));
}

TEST_CASE_METHOD(Fixture, "a clock that steps back does not make a cached key live longer") {
  CHECK(cache.authenticate(key.text, noon));
  (void)directory.revoke_key(key.record.public_id, noon);
  CHECK_FALSE(cache.authenticate(key.text, noon - 1h));
}

TEST_CASE_METHOD(Fixture, "what storage throws is passed on and not remembered") {
  directory.down = true;
  CHECK_THROWS_AS(cache.authenticate(key.text, noon), Unavailable);
  directory.down = false;
  CHECK(cache.authenticate(key.text, noon));
}

TEST_CASE_METHOD(Fixture, "a cached key works while storage is down") {
  CHECK(cache.authenticate(key.text, noon));
  directory.down = true;
  CHECK(cache.authenticate(key.text, noon + 4s));
}

TEST_CASE_METHOD(Fixture, "a flood of unknown keys displaces no real one") {
  KeyCache small{directory, 64};
  CHECK(small.authenticate(key.text, noon));
  for (int i = 0; i < 2000; ++i) CHECK_FALSE(small.authenticate(make_key().text, noon));
  const int before = directory.lookups;
  CHECK(small.authenticate(key.text, noon));
  CHECK(directory.lookups == before);
}

TEST_CASE_METHOD(Fixture, "more keys than fit still all work") {
  KeyCache small{directory, 16};
  std::vector<NewApiKey> keys;
  for (int i = 0; i < 200; ++i) directory.create_key(keys.emplace_back(make_key()).record);
  for (int round = 0; round < 2; ++round) {
    for (const auto& one : keys) CHECK(small.authenticate(one.text, noon));
  }
}

TEST_CASE_METHOD(Fixture, "the use of a key is written when it is flushed and not before") {
  CHECK(cache.authenticate(key.text, noon));
  CHECK(directory.touches.empty());
  cache.flush_touches();
  REQUIRE(directory.touches.size() == 1);
  CHECK(directory.touches[0] == std::pair{key.record.id, noon});
}

TEST_CASE_METHOD(Fixture, "the use of a key is written once in five minutes") {
  for (int i = 0; i < 600; ++i) {
    CHECK(cache.authenticate(key.text, noon + i * 1s));
    cache.flush_touches();
  }
  REQUIRE(directory.touches.size() == 2);
  CHECK(directory.touches[1].second == noon + 5min);
}

TEST_CASE_METHOD(Fixture, "a use that another process has written is not written again") {
  directory.touch_key(key.record.id, noon - 1min);
  directory.touches.clear();
  CHECK(cache.authenticate(key.text, noon));
  cache.flush_touches();
  CHECK(directory.touches.empty());
}

TEST_CASE_METHOD(Fixture, "an attempt with a wrong secret is no use of the key") {
  CHECK_FALSE(cache.authenticate(with_wrong_secret(), noon));
  cache.flush_touches();
  CHECK(directory.touches.empty());
}

TEST_CASE_METHOD(Fixture, "a use that could not be written is written later") {
  CHECK(cache.authenticate(key.text, noon));
  directory.down = true;
  CHECK_THROWS_AS(cache.flush_touches(), Unavailable);
  directory.down = false;
  cache.flush_touches();
  CHECK(directory.touches.size() == 1);
}

TEST_CASE_METHOD(Fixture, "many threads authenticate, revoke and flush at the same time") {
  std::vector<NewApiKey> keys;
  for (int i = 0; i < 50; ++i) directory.create_key(keys.emplace_back(make_key()).record);
  const std::string wrong = with_wrong_secret();
  KeyCache small{directory, 32};
  std::atomic<int> refused = 0;
  std::atomic<int> let_in = 0;
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 6; ++thread) {
      threads.emplace_back([&, thread] {
        for (int i = 0; i < 3000; ++i) {
          const Time now = noon + i * 3ms;
          const auto& one = keys[static_cast<std::size_t>(i * 7 + thread) % keys.size()];
          const auto principal = small.authenticate(one.text, now);
          if (!principal || principal->key_id != one.record.id) ++refused;
          if (small.authenticate(wrong, now)) ++let_in;
        }
      });
    }
    threads.emplace_back([&] {
      for (int i = 0; i < 300; ++i) {
        small.invalidate(keys[static_cast<std::size_t>(i) % keys.size()].record.public_id);
        small.flush_touches();
      }
    });
  }
  small.flush_touches();
  CHECK(refused == 0);
  CHECK(let_in == 0);
  CHECK(directory.touches.size() == keys.size());
}
