// A mail server of its own for one test: smtp_server.py beside this, as a child process.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <vector>

#include "support/loaded_notifier.hpp"
#include "support/process.hpp"
#include "support/temporary_folder.hpp"

namespace punctual::testing {

// A key and a certificate that signs itself, for names as "DNS:localhost,IP:127.0.0.1".
class Certificate {
 public:
  explicit Certificate(const std::string& names = "DNS:localhost,IP:127.0.0.1");

  [[nodiscard]] std::string file() const { return folder_ / "certificate.pem"; }
  [[nodiscard]] std::string key_file() const { return folder_ / "key.pem"; }

 private:
  TemporaryFolder folder_;
};

class MailServer {
 public:
  // `options`: of smtp_server.py. Listens when it returns.
  explicit MailServer(std::vector<std::string> options = {});

  [[nodiscard]] std::string port() const { return port_; }
  // What has arrived, in order: see smtp_server.py.
  [[nodiscard]] std::vector<boost::json::value> mails() const;

 private:
  TemporaryFolder folder_;
  Process process_;
  std::string port_;
};

// Of a server that says these lines and no more; null: it stays silent from there on.
[[nodiscard]] std::vector<std::string> saying(const boost::json::array& lines);

// Of a server with this certificate; `security`: "starttls" or "tls".
[[nodiscard]] std::vector<std::string> secured(const std::string& security, const Certificate& certificate,
                                               std::vector<std::string> more = {});

// A notifier's settings for it, without TLS.
[[nodiscard]] Settings settings_for(const MailServer& server);

}  // namespace punctual::testing
