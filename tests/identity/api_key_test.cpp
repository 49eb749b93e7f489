#include "identity/api_key.hpp"

#include <regex>
#include <set>

#include <catch2/catch.hpp>

using namespace punctual;

namespace {

const std::string public_part = "pk_live_AAAAbbbb0000----____zZ9q";
const std::string secret_part = "sk_live_AAAAbbbb0000----____zZ9qAAAAbbbb0000----____A";

NewApiKey make() { return make_api_key(KeyId{}, OrganizationId{}, Time{}); }

std::string hex(const Digest& digest) {
  std::string out;
  for (const std::uint8_t byte : digest) {
    out += "0123456789abcdef"[byte >> 4];
    out += "0123456789abcdef"[byte & 15];
  }
  return out;
}

}  // namespace

TEST_CASE("a made key has the documented shape") {
  CHECK(std::regex_match(make().text, std::regex("pk_live_[A-Za-z0-9_-]{24}\\.sk_live_[A-Za-z0-9_-]{43}")));
}

TEST_CASE("a made key is read back into its record") {
  const NewApiKey made = make();
  const auto parts = parse_api_key(made.text);
  REQUIRE(parts);
  CHECK(parts->public_id == made.record.public_id);
  CHECK(same_digest(hash_secret(parts->secret), made.record.secret_hash));
}

TEST_CASE("a made key belongs to who it was made for") {
  KeyId id;
  id.value.bytes[0] = 1;
  OrganizationId organization;
  organization.value.bytes[0] = 2;
  const Time now{std::chrono::seconds{1000}};
  const ApiKey record = make_api_key(id, organization, now).record;
  CHECK(record.id == id);
  CHECK(record.organization_id == organization);
  CHECK(record.inserted_at == now);
  CHECK_FALSE(record.last_used_at);
  CHECK_FALSE(record.revoked_at);
}

TEST_CASE("no two made keys are alike in either part") {
  std::set<std::string> public_ids;
  std::set<Digest> secrets;
  for (int i = 0; i < 1000; ++i) {
    const NewApiKey made = make();
    public_ids.insert(made.record.public_id);
    secrets.insert(made.record.secret_hash);
  }
  CHECK(public_ids.size() == 1000);
  CHECK(secrets.size() == 1000);
}

TEST_CASE("the record of a key does not hold its secret") {
  const NewApiKey made = make();
  CHECK(made.record.public_id.find("sk_live_") == std::string::npos);
  CHECK(made.record.public_id == made.text.substr(0, made.text.find('.')));
}

TEST_CASE("both parts are found in a key") {
  const std::string text = public_part + "." + secret_part.substr(0, 51);
  const auto parts = parse_api_key(text);
  REQUIRE(parts);
  CHECK(parts->public_id == public_part);
  CHECK(parts->secret == secret_part.substr(0, 51));
}

TEST_CASE("a text that is not exactly a key is none") {
  const std::string good = make().text;
  const auto with = [&](std::size_t at, const std::string& replacement) {
    return std::string(good).replace(at, replacement.size(), replacement);
  };
  const auto bad = GENERATE_COPY(values<std::string>({"",
                                                      ".",
                                                      good.substr(1),
                                                      good.substr(0, good.size() - 1),
                                                      good + "A",
                                                      good + "=",
                                                      good + "\n",
                                                      good + "." + good,
                                                      good.substr(0, 32),
                                                      good.substr(33),
                                                      with(0, "P"),
                                                      with(0, " pk_live_"),
                                                      with(8, "+"),
                                                      with(8, "/"),
                                                      with(8, std::string(1, '\0')),
                                                      with(8, "\xc3"),
                                                      with(32, "_"),
                                                      with(41, "."),
                                                      with(33, "pk"),
                                                      "Bearer " + good}));
  CHECK_FALSE(parse_api_key(bad));
}

TEST_CASE("a secret is hashed with SHA-256") {
  CHECK(hex(hash_secret("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("digests that differ in one bit are not the same") {
  const Digest digest = hash_secret("abc");
  for (std::size_t i = 0; i < digest.size(); ++i) {
    Digest other = digest;
    other[i] ^= 1;
    CHECK_FALSE(same_digest(digest, other));
  }
  CHECK(same_digest(digest, hash_secret("abc")));
}
