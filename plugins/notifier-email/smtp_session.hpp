// One conversation with a mail server (RFC 5321): connect, TLS, sign in, hand over a message. Blocking, one thread at a time.
//
// Poco's sockets and TLS, but not its SMTPClientSession: that one waits forever for the rest of a reply when the server has
// gone, connects without a limit of time, checks no host name after STARTTLS on a socket it was given, and keeps what came
// before TLS for a reply within it.
#pragma once

#include <Poco/Net/Context.h>
#include <Poco/Net/StreamSocket.h>
#include <Poco/Timespan.h>

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace punctual::email {

enum class Security : std::uint8_t { starttls, tls, none };

struct SmtpServer {
  std::string host;
  std::uint16_t port = 0;
  Security security = Security::starttls;
  Poco::Net::Context::Ptr tls;  // null with Security::none
  std::string hello_name;       // who we are
  std::string user;             // "": no signing in
  std::string password;
  std::chrono::milliseconds timeout{0};  // for the whole conversation
};

// The server said no. what() tells to what, and what it said.
class SmtpRefused : public std::runtime_error {
 public:
  SmtpRefused(const std::string& text, int status) : std::runtime_error(text), status_(status) {}
  // 5yz: for good; 4yz: for now (RFC 5321, section 4.2.1).
  [[nodiscard]] bool for_good() const noexcept { return status_ >= 500; }

 private:
  int status_;
};

struct RefusedRecipient {
  std::string address;
  SmtpRefused why;
};

// What else goes wrong is thrown as Poco::Exception (network, TLS, timeout) or std::runtime_error.
class SmtpSession {
 public:
  // Connects, starts TLS and signs in. Throws SmtpRefused. `server` outlives it.
  explicit SmtpSession(const SmtpServer& server);
  SmtpSession(const SmtpSession&) = delete;
  SmtpSession& operator=(const SmtpSession&) = delete;

  // Hands over a message, whose lines end in CR LF, for those recipients that the server takes. Returns the others. Throws
  // SmtpRefused when it takes none or not the message; for good only when that holds for all recipients.
  std::vector<RefusedRecipient> send(const std::string& from, const std::vector<std::string>& to,
                                     const std::string& message);

  // Says goodbye. What goes wrong with that does not matter any more.
  void quit() noexcept;

 private:
  struct Reply {
    int status = 0;
    std::vector<std::string> lines;  // without the status

    [[nodiscard]] bool positive() const noexcept { return status / 100 == 2; }
    [[nodiscard]] std::string text() const;  // "550 no such user", one line
  };

  void connect();
  void start_tls();
  void hello();
  void use_tls();
  void authenticate();
  [[nodiscard]] bool offers(std::string_view capability) const;
  [[nodiscard]] bool offers_auth(std::string_view mechanism) const;

  Reply command(const std::string& line);
  void write(std::string_view bytes);
  Reply reply();
  std::string line();
  [[nodiscard]] SmtpRefused refused(const std::string& what, const Reply& reply) const;
  // What is left of the timeout. Throws Poco::TimeoutException when nothing is.
  [[nodiscard]] Poco::Timespan left() const;

  const SmtpServer& server_;
  const std::chrono::steady_clock::time_point deadline_;
  Poco::Net::StreamSocket socket_;
  std::string received_;
  std::vector<std::string> capabilities_;
};

}  // namespace punctual::email
