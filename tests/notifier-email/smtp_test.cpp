// The library against a real mail server, and against some that misbehave.
#include <chrono>
#include <cstdlib>

#include "mail_server.hpp"

using namespace punctual::testing;

namespace {

const char* const library_file = std::getenv("PUNCTUAL_NOTIFIER_EMAIL");

Settings over_tls(const MailServer& server, const std::string& security, const Certificate& trusted) {
  auto out = settings_for(server);
  out["email.smtp_host"] = "localhost";
  out["email.security"] = security;
  out["email.ca_file"] = trusted.file();
  return out;
}

Settings signed_in(Settings settings, const std::string& password = "hunter2") {
  settings["email.smtp_user"] = "user";
  settings["email.smtp_password"] = password;
  return settings;
}

const std::vector<std::string> asks_for_a_password{"--user", "user", "--password", "hunter2"};

std::string header(const boost::json::value& mail, const char* name) {
  const auto* found = mail.at("headers").as_object().if_contains(name);
  return found == nullptr ? "(none)" : found->as_string().c_str();
}

std::string text_of(const boost::json::value& mail, const char* name) { return mail.at(name).as_string().c_str(); }

// What notify says when the server answers so.
std::pair<punctual_notify_result, std::string> result_with(const std::vector<std::string>& options,
                                                           const Settings& more = {}) {
  const MailServer server(options);
  auto settings = more;
  settings.merge(settings_for(server));
  const NotifierLibrary library(library_file);
  NotifierInstance instance(library, settings);
  const auto result = instance.notify({});
  return {result, instance.failure()};
}

}  // namespace

TEST_CASE("a mail arrives as text and as HTML, in any script") {
  const MailServer server;
  auto settings = settings_for(server);
  settings["email.to"] =
      "ops@example.com,B\xc3\xa9"
      "a <bea@example.org>";
  EventTexts event;
  event.subject =
      "\xd0\x9e\xd1\x82\xd1\x87\xd1\x91\xd1\x82 \xe2\x82\xac " + std::string(60, 'x') + " \xe2\x9c\x85 <end>";
  event.task_name = event.subject;
  event.response_body = ".\n..dots\n" + std::string(300, '=') + " \n.";
  const NotifierLibrary library(library_file);
  NotifierInstance instance(library, settings);
  CHECK(instance.notify(event) == PUNCTUAL_DELIVERED);
  CHECK(instance.failure().empty());

  const auto mails = server.mails();
  REQUIRE(mails.size() == 1);
  const auto& mail = mails[0];
  CHECK(mail.at("defects").as_array().empty());
  CHECK(text_of(mail, "from") == "punctual@example.com");
  CHECK(mail.at("to") == boost::json::value{"ops@example.com", "bea@example.org"});
  CHECK(header(mail, "From") == "Punctual <punctual@example.com>");
  CHECK(header(mail, "To") ==
        "ops@example.com, B\xc3\xa9"
        "a <bea@example.org>");
  CHECK(header(mail, "Subject") == "[Punctual] Task failed: " + event.subject);
  CHECK(header(mail, "Message-ID") == "<" + event.id + "@example.com>");
  CHECK(mail.at("types") == boost::json::value{"multipart/alternative", "text/plain", "text/html"});
  CHECK_THAT(text_of(mail, "text"), Catch::Contains(event.subject + "\n\n"));
  CHECK_THAT(text_of(mail, "text"),
             Catch::Contains("\n    .\n    ..dots\n    " + std::string(300, '=') + " \n    .\n\nLook there"));
  CHECK_THAT(text_of(mail, "html"), Catch::Contains("<pre") && Catch::Contains(">.\n..dots\n===="));
  CHECK_THAT(text_of(mail, "html"), Catch::Contains("&lt;end&gt;</h1>"));
}

TEST_CASE("no text of an event gets into headers or the envelope") {
  const MailServer server;
  EventTexts event;
  event.subject = "x\r\nBcc: all@example.com\r\n.\r\nMAIL FROM:<evil@example.com>";
  event.message = event.subject;
  event.response_body = "a\r\n.\r\nQUIT\r\n";
  const NotifierLibrary library(library_file);
  NotifierInstance instance(library, settings_for(server));
  CHECK(instance.notify(event) == PUNCTUAL_DELIVERED);
  const auto mails = server.mails();
  REQUIRE(mails.size() == 1);
  CHECK(mails[0].at("to") == boost::json::value{"ops@example.com"});
  CHECK(header(mails[0], "Bcc") == "(none)");
  CHECK(header(mails[0], "Subject") == "[Punctual] Task failed: x Bcc: all@example.com . MAIL FROM:<evil@example.com>");
  CHECK_THAT(text_of(mails[0], "text"), Catch::Contains("\n    a\n    .\n    QUIT\n"));
}

TEST_CASE("an event that is told again has the same Message-ID") {
  const MailServer server({"--replies", R"({"data":["451 later"]})"});
  const NotifierLibrary library(library_file);
  NotifierInstance instance(library, settings_for(server));
  CHECK(instance.notify({}) == PUNCTUAL_RETRY_LATER);
  CHECK(instance.failure() == "127.0.0.1:" + server.port() + ": it refuses the message: 451 later");
  CHECK(instance.notify({}) == PUNCTUAL_DELIVERED);
  CHECK(instance.notify({}) == PUNCTUAL_DELIVERED);
  const auto mails = server.mails();
  REQUIRE(mails.size() == 2);
  CHECK(header(mails[0], "Message-ID") == header(mails[1], "Message-ID"));
}

TEST_CASE("signing in takes place within TLS", "[tls]") {
  const Certificate certificate;
  for (const char* security : {"starttls", "tls"}) {
    for (const char* without : {"PLAIN", "LOGIN"}) {
      INFO(security << " without " << without);
      auto options = asks_for_a_password;
      options.insert(options.end(), {"--without", without});
      const MailServer server(secured(security, certificate, options));
      const NotifierLibrary library(library_file);
      NotifierInstance instance(library, signed_in(over_tls(server, security, certificate)));
      CHECK(instance.notify({}) == PUNCTUAL_DELIVERED);
      CHECK(instance.failure().empty());
      const auto mails = server.mails();
      REQUIRE(mails.size() == 1);
      CHECK(text_of(mails[0], "user") == "user");
      CHECK(mails[0].at("tls").as_bool());
    }
  }
}

TEST_CASE("a certificate may be for an address", "[tls]") {
  const Certificate certificate;
  const MailServer server(secured("starttls", certificate));
  auto settings = over_tls(server, "starttls", certificate);
  settings["email.smtp_host"] = "127.0.0.1";
  const NotifierLibrary library(library_file);
  NotifierInstance instance(library, settings);
  CHECK(instance.notify({}) == PUNCTUAL_DELIVERED);
  CHECK(instance.failure().empty());
}

TEST_CASE("a wrong password is given up, and not told", "[tls]") {
  const Certificate certificate;
  const MailServer server(secured("starttls", certificate, asks_for_a_password));
  const NotifierLibrary library(library_file);
  NotifierInstance instance(library, signed_in(over_tls(server, "starttls", certificate), "correct horse"));
  CHECK(instance.notify({}) == PUNCTUAL_GIVE_UP);
  CHECK_THAT(instance.failure(), Catch::Contains("it refuses email.smtp_user with email.smtp_password: 535"));
  CHECK_THAT(instance.failure() + instance.log(), !Catch::Contains("correct horse"));
}

TEST_CASE("a server that nobody can sign in to is given up", "[tls]") {
  const Certificate certificate;
  const MailServer server(secured("tls", certificate, {"--without", "PLAIN", "--without", "LOGIN"}));
  const NotifierLibrary library(library_file);
  NotifierInstance instance(library, signed_in(over_tls(server, "tls", certificate)));
  CHECK(instance.notify({}) == PUNCTUAL_GIVE_UP);
  CHECK_THAT(instance.failure(), Catch::Contains("it offers neither AUTH PLAIN nor AUTH LOGIN"));
}

TEST_CASE("nothing is sent to a server with a certificate of an authority that is not known", "[tls]") {
  const Certificate certificate;
  const Certificate other;
  for (const char* security : {"starttls", "tls"}) {
    INFO(security);
    const MailServer server(secured(security, certificate, asks_for_a_password));
    for (const auto& trusted : {other.file(), std::string()}) {
      auto settings = signed_in(over_tls(server, security, certificate));
      settings["email.ca_file"] = trusted;
      const NotifierLibrary library(library_file);
      NotifierInstance instance(library, settings);
      CHECK(instance.notify({}) == PUNCTUAL_RETRY_LATER);
      CHECK_THAT(instance.failure(), Catch::Contains("certificate") && Catch::Contains("email.ca_file"));
      CHECK(server.mails().empty());
    }
  }
}

TEST_CASE("nothing is sent to a server with a certificate for another name", "[tls]") {
  const Certificate certificate("DNS:mail.example.com");
  for (const char* security : {"starttls", "tls"}) {
    for (const char* host : {"localhost", "127.0.0.1"}) {
      INFO(security << " to " << host);
      const MailServer server(secured(security, certificate));
      auto settings = over_tls(server, security, certificate);
      settings["email.smtp_host"] = host;
      const NotifierLibrary library(library_file);
      NotifierInstance instance(library, settings);
      CHECK(instance.notify({}) == PUNCTUAL_RETRY_LATER);
      CHECK_THAT(instance.failure(), Catch::Contains("must be for " + std::string(host)));
      CHECK(server.mails().empty());
    }
  }
}

TEST_CASE("a server without STARTTLS gets nothing when STARTTLS is asked for") {
  const auto [result, error] = result_with({}, {{"email.security", "starttls"}});
  CHECK(result == PUNCTUAL_RETRY_LATER);
  CHECK_THAT(error, Catch::Contains("it offers no STARTTLS"));
}

TEST_CASE("what is said between STARTTLS and TLS does not count") {
  const auto [result, error] =
      result_with(saying({"220 hello\r\n", "250-hello\r\n250 STARTTLS\r\n", "220 go\r\n250 AUTH PLAIN\r\n", nullptr}),
                  {{"email.security", "starttls"}});
  CHECK(result == PUNCTUAL_RETRY_LATER);
  CHECK_THAT(error, Catch::Contains("before TLS"));
}

TEST_CASE("what a server refuses for good is given up, the rest is told again") {
  const auto for_reply = [](const std::string& what, const std::string& reply) {
    return result_with({"--replies", "{\"" + what + "\":\"" + reply + "\"}"});
  };
  for (const char* what : {"mail", "ops@example.com", "data"}) {
    INFO(what);
    CHECK(for_reply(what, "550 5.7.1 no").first == PUNCTUAL_GIVE_UP);
    CHECK_THAT(for_reply(what, "550 5.7.1 no").second, Catch::EndsWith("550 5.7.1 no"));
    CHECK(for_reply(what, "451 4.7.1 later").first == PUNCTUAL_RETRY_LATER);
    CHECK_THAT(for_reply(what, "451 4.7.1 later").second, Catch::EndsWith("451 4.7.1 later"));
  }
  CHECK(result_with(saying({"554 go away\r\n"})).first == PUNCTUAL_GIVE_UP);
  CHECK(result_with(saying({"421 busy\r\n"})).first == PUNCTUAL_RETRY_LATER);
}

TEST_CASE("a recipient that is refused for good does not keep the others from it") {
  const MailServer server({"--replies", R"({"gone@example.com":"550 gone"})"});
  auto settings = settings_for(server);
  settings["email.to"] = "gone@example.com,ops@example.com";
  const NotifierLibrary library(library_file);
  NotifierInstance instance(library, settings);
  CHECK(instance.notify({}) == PUNCTUAL_DELIVERED);
  CHECK_THAT(instance.log(), Catch::Contains("it refuses the recipient gone@example.com: 550 gone"));
  REQUIRE(server.mails().size() == 1);
  CHECK(server.mails()[0].at("to") == boost::json::value{"ops@example.com"});
}

TEST_CASE("a recipient that is refused for now gets it later, and the others not twice") {
  const MailServer server({"--replies", R"({"full@example.com":["452 full"]})"});
  auto settings = settings_for(server);
  settings["email.to"] = "ops@example.com,full@example.com";
  const NotifierLibrary library(library_file);
  NotifierInstance instance(library, settings);
  CHECK(instance.notify({}) == PUNCTUAL_RETRY_LATER);
  CHECK(instance.notify({}) == PUNCTUAL_DELIVERED);
  const auto mails = server.mails();
  REQUIRE(mails.size() == 2);
  CHECK(mails[0].at("to") == boost::json::value{"ops@example.com"});
  CHECK(mails[1].at("to") == boost::json::value{"full@example.com"});
}

TEST_CASE("a server that is down is asked again later") {
  auto settings = Settings{};
  {
    const MailServer server;
    settings = settings_for(server);
  }
  settings["email.smtp_host"] = "localhost";
  const NotifierLibrary library(library_file);
  NotifierInstance instance(library, settings);
  CHECK(instance.notify({}) == PUNCTUAL_RETRY_LATER);
  CHECK_THAT(instance.failure(), Catch::Contains("onnection refused"));
}

TEST_CASE("a name that does not resolve is asked for again later") {
  const auto [result, error] = result_with({}, {{"email.smtp_host", "mail.invalid"}});
  CHECK(result == PUNCTUAL_RETRY_LATER);
  CHECK_THAT(error, Catch::Contains("mail.invalid"));
}

TEST_CASE("a server that falls silent costs no more than the timeout", "[tls]") {
  const Certificate certificate;
  const auto start = std::chrono::steady_clock::now();
  const std::string greeting = "220 hello\r\n";
  for (const auto& options :
       {saying({nullptr}), saying({greeting, nullptr}), saying({greeting, "250-more\r\n", nullptr})}) {
    const auto [result, error] = result_with(options, {{"email.timeout", "300"}});
    CHECK(result == PUNCTUAL_RETRY_LATER);
    CHECK_THAT(error, Catch::EndsWith("no answer within 300 ms"));
  }
  // In TLS, and where TLS should begin.
  for (const auto& options : {secured("tls", certificate, saying({greeting, nullptr})), saying({nullptr})}) {
    const auto [result, error] = result_with(
        options, {{"email.timeout", "300"}, {"email.security", "tls"}, {"email.ca_file", certificate.file()}});
    CHECK(result == PUNCTUAL_RETRY_LATER);
    CHECK_THAT(error, Catch::EndsWith("no answer within 300 ms"));
  }
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds{15});
}

TEST_CASE("a server that hangs up or talks nonsense is asked again later") {
  const std::string greeting = "220 hello\r\n";
  const std::string endless(100'000, 'x');
  for (const auto& options :
       {saying({""}), saying({greeting}), saying({greeting, "250-more\r\n"}), saying({"hello\r\n"}), saying({endless}),
        saying({greeting, "250 hello\r\n", "250 yes\r\n"})}) {
    const auto [result, error] = result_with(options);
    INFO(error);
    CHECK(result == PUNCTUAL_RETRY_LATER);
    CHECK(!error.empty());
  }
}

TEST_CASE("the loaded library sends, twice loaded too", "[tls]") {
  const Certificate certificate;
  const MailServer server(secured("starttls", certificate));
  for (int round = 0; round < 2; ++round) {
    const NotifierLibrary library(library_file);
    NotifierInstance instance(library, over_tls(server, "starttls", certificate));
    CHECK(instance.notify({}) == PUNCTUAL_DELIVERED);
  }
  CHECK(server.mails().size() == 2);
}
