// The library as the server finds it, and what it refuses to be made of.
#include <cstdlib>
#include <cstring>
#include <set>

#include "mail_server.hpp"

using namespace punctual::testing;

namespace {

NotifierLibrary load() { return NotifierLibrary(std::getenv("PUNCTUAL_NOTIFIER_EMAIL")); }

const Settings right{
    {"email.smtp_host", "mail.example.com"}, {"email.from", "punctual@example.com"}, {"email.to", "ops@example.com"}};

std::string refused(const std::string& name, const std::string& value) {
  auto settings = right;
  settings[name] = value;
  const auto library = load();
  const NotifierInstance instance(library, settings);
  CHECK(!instance.made());
  return instance.failure();
}

}  // namespace

TEST_CASE("the library carries a notifier") {
  const auto library = load();
  CHECK(library.plugin().kind == PUNCTUAL_NOTIFIER);
  CHECK(std::string(library.plugin().name) == "notifier-email");
}

TEST_CASE("the mail server and its credentials are no matter of a channel") {
  const auto library = load();
  REQUIRE(library.operations().struct_size >= sizeof(punctual_notifier_v1));
  std::set<std::string> left;
  for (std::size_t i = 0; i < library.plugin().settings_count; ++i) left.insert(library.plugin().settings[i].name);
  for (const char* const* name = library.operations().server_settings; *name != nullptr; ++name) {
    INFO(*name);
    CHECK(left.erase(*name) == 1);
  }
  CHECK(left == std::set<std::string>{"email.to", "email.subject_prefix"});
}

TEST_CASE("an instance is made without asking the mail server") {
  const auto library = load();
  const NotifierInstance instance(library, right);
  CHECK(instance.failure().empty());
  CHECK(instance.made());
}

TEST_CASE("settings that make no sense are refused by their names") {
  CHECK_THAT(refused("email.smtp_host", ""), Catch::StartsWith("email.smtp_host is not set"));
  CHECK_THAT(refused("email.from", ""), Catch::StartsWith("email.from is not set"));
  CHECK_THAT(refused("email.from", "nobody"), Catch::StartsWith("email.from has 'nobody'"));
  CHECK_THAT(refused("email.to", ""), Catch::StartsWith("email.to is not set"));
  CHECK_THAT(refused("email.to", "ops@example.com,x"), Catch::StartsWith("email.to has 'x'"));
  CHECK_THAT(refused("email.to", "ops@example.com\r\nRCPT TO:<x@example.com>"), Catch::StartsWith("email.to has "));
  CHECK(refused("email.smtp_port", "0") == "email.smtp_port must be from 1 to 65535");
  CHECK(refused("email.smtp_port", "70000") == "email.smtp_port must be from 1 to 65535");
  CHECK(refused("email.security", "ssl") == "email.security must be starttls, tls or none, not 'ssl'");
  CHECK_THAT(refused("email.ca_file", "/nonexistent.pem"), Catch::StartsWith("email.ca_file: "));
  CHECK_THAT(refused("email.hello_name", "a b"), Catch::StartsWith("email.hello_name"));
  CHECK_THAT(refused("email.timeout", "0"), Catch::StartsWith("email.timeout"));
  CHECK_THAT(refused("email.smtp_user", "u"), Catch::StartsWith("email.smtp_password is not set"));
}

TEST_CASE("a password is never sent without TLS") {
  auto settings = right;
  settings["email.security"] = "none";
  settings["email.smtp_user"] = "user";
  settings["email.smtp_password"] = "hunter2";
  const auto library = load();
  const NotifierInstance instance(library, settings);
  CHECK(!instance.made());
  CHECK_THAT(instance.failure(), Catch::Contains("email.security is none"));
  CHECK_THAT(instance.failure(), !Catch::Contains("hunter2"));
}
