#include "mail_server.hpp"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "support/eventually.hpp"

namespace punctual::testing {
namespace {

std::vector<std::string> command_line(const TemporaryFolder& folder, std::vector<std::string> options) {
  std::vector<std::string> out{PUNCTUAL_PYTHON, PUNCTUAL_SMTP_SERVER, "--folder", folder.path()};
  out.insert(out.end(), options.begin(), options.end());
  return out;
}

}  // namespace

Certificate::Certificate(const std::string& names) {
  const auto made = shell(
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=test -addext "
      "subjectAltName=" +
      names + " -keyout " + key_file() + " -out " + file());
  INFO(made.err);
  REQUIRE(made.exit_code == 0);
}

MailServer::MailServer(std::vector<std::string> options) : process_(command_line(folder_, std::move(options))) {
  const bool listens = eventually([&] { return process_.out().ends_with('\n'); });
  INFO(process_.err());
  REQUIRE(listens);
  port_ = process_.out();
  port_.pop_back();
}

std::vector<boost::json::value> MailServer::mails() const {
  std::vector<boost::json::value> out;
  while (true) {
    std::ifstream file(folder_ / (std::to_string(out.size() + 1) + ".json"));
    if (!file) return out;
    std::ostringstream text;
    text << file.rdbuf();
    out.push_back(boost::json::parse(text.str()));
  }
}

std::vector<std::string> saying(const boost::json::array& lines) { return {"--say", boost::json::serialize(lines)}; }

std::vector<std::string> secured(const std::string& security, const Certificate& certificate,
                                 std::vector<std::string> more) {
  std::vector<std::string> out{"--security",       security, "--certificate",
                               certificate.file(), "--key",  certificate.key_file()};
  out.insert(out.end(), more.begin(), more.end());
  return out;
}

Settings settings_for(const MailServer& server) {
  return {{"email.smtp_host", "127.0.0.1"}, {"email.smtp_port", server.port()},
          {"email.security", "none"},       {"email.from", "Punctual <punctual@example.com>"},
          {"email.to", "ops@example.com"},  {"email.hello_name", "test.example.com"}};
}

}  // namespace punctual::testing
