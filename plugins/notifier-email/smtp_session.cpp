#include "notifier-email/smtp_session.hpp"

#include <Poco/Exception.h>
#include <Poco/Net/DNS.h>
#include <Poco/Net/HostEntry.h>
#include <Poco/Net/IPAddress.h>
#include <Poco/Net/MailStream.h>
#include <Poco/Net/NetException.h>
#include <Poco/Net/SecureStreamSocket.h>
#include <Poco/Net/SocketAddress.h>

#include <algorithm>
#include <array>
#include <sstream>

#include "notifier-text/base64.hpp"
#include "notifier-text/readable.hpp"

namespace punctual::email {
namespace {

constexpr std::size_t most_of_a_line = 4096;  // RFC 5321 has 512
constexpr std::size_t most_lines = 200;
constexpr std::size_t most_of_a_text = 200;

std::vector<Poco::Net::IPAddress> addresses_of(const std::string& host) {
  Poco::Net::IPAddress literal;
  if (Poco::Net::IPAddress::tryParse(host, literal)) return {literal};
  auto out = Poco::Net::DNS::hostByName(host).addresses();
  if (out.empty()) throw Poco::Net::HostNotFoundException(host);
  return out;
}

std::string upper(std::string text) {
  for (char& c : text) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return text;
}

// `message` as it is sent after DATA: dots at the beginning of a line doubled, and the end.
std::string with_dots_doubled(const std::string& message) {
  std::ostringstream out;
  Poco::Net::MailOutputStream mail(out);
  mail << message;
  mail.close();
  return out.str();
}

}  // namespace

SmtpSession::SmtpSession(const SmtpServer& server)
    : server_(server), deadline_(std::chrono::steady_clock::now() + server.timeout) {
  connect();
  if (server_.security == Security::tls) use_tls();
  if (const auto greeting = reply(); !greeting.positive()) throw refused("the connection", greeting);
  hello();
  if (server_.security == Security::starttls) start_tls();
  if (!server_.user.empty()) authenticate();
}

std::vector<RefusedRecipient> SmtpSession::send(const std::string& from, const std::vector<std::string>& to,
                                                const std::string& message) {
  if (const auto answer = command("MAIL FROM:<" + from + '>'); !answer.positive()) {
    throw refused("the sender " + from, answer);
  }
  std::vector<RefusedRecipient> out;
  for (const auto& each : to) {
    const auto answer = command("RCPT TO:<" + each + '>');
    if (!answer.positive()) out.push_back({each, refused("the recipient " + each, answer)});
  }
  if (out.size() == to.size()) {
    const auto for_now = std::find_if(out.begin(), out.end(), [](const auto& each) { return !each.why.for_good(); });
    throw for_now != out.end() ? for_now->why : out.front().why;
  }
  if (const auto answer = command("DATA"); answer.status != 354) throw refused("the message", answer);
  write(with_dots_doubled(message));
  if (const auto answer = reply(); !answer.positive()) throw refused("the message", answer);
  return out;
}

void SmtpSession::quit() noexcept {
  try {
    (void)command("QUIT");
  } catch (const std::exception&) {  // the message has been taken
  }
}

void SmtpSession::connect() {
  const auto addresses = addresses_of(server_.host);
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const bool last = i + 1 == addresses.size();
    try {
      socket_ = Poco::Net::StreamSocket();
      // One that does not answer leaves time for the next.
      const Poco::Timespan limit(last ? left().totalMicroseconds() : left().totalMicroseconds() / 2);
      socket_.connect(Poco::Net::SocketAddress(addresses[i], server_.port), limit);
      socket_.setNoDelay(true);
      return;
    } catch (const Poco::Exception&) {
      if (last) throw;
    }
  }
}

void SmtpSession::start_tls() {
  if (!offers("STARTTLS")) throw std::runtime_error("it offers no STARTTLS, which email.security asks for");
  if (const auto answer = command("STARTTLS"); !answer.positive()) throw refused("STARTTLS", answer);
  // What somebody in between has added would count as said within TLS (CVE-2011-0411).
  if (!received_.empty()) throw std::runtime_error("it said more than it should before TLS");
  use_tls();
  hello();  // what was offered without TLS does not count (RFC 3207, section 4.2)
}

void SmtpSession::hello() {
  auto answer = command("EHLO " + server_.hello_name);
  if (!answer.positive()) throw refused("EHLO " + server_.hello_name, answer);
  capabilities_ = std::move(answer.lines);
  for (auto& each : capabilities_) each = upper(std::move(each));
}

void SmtpSession::use_tls() {
  socket_.setReceiveTimeout(left());
  socket_.setSendTimeout(left());
  socket_ = Poco::Net::SecureStreamSocket::attach(socket_, server_.host, server_.tls);
}

void SmtpSession::authenticate() {
  Reply answer;
  if (offers_auth("PLAIN")) {
    using namespace std::string_literals;
    answer = command("AUTH PLAIN " + text::to_base64("\0"s + server_.user + "\0"s + server_.password));
  } else if (offers_auth("LOGIN")) {
    answer = command("AUTH LOGIN");
    if (answer.status == 334) answer = command(text::to_base64(server_.user));
    if (answer.status == 334) answer = command(text::to_base64(server_.password));
  } else {
    throw SmtpRefused("it offers neither AUTH PLAIN nor AUTH LOGIN; without signing in email.smtp_user is left empty",
                      504);
  }
  if (!answer.positive()) throw refused("email.smtp_user with email.smtp_password", answer);
}

bool SmtpSession::offers(std::string_view capability) const {
  return std::find(capabilities_.begin(), capabilities_.end(), capability) != capabilities_.end();
}

// "AUTH PLAIN LOGIN", and "AUTH=PLAIN LOGIN" of old servers.
bool SmtpSession::offers_auth(std::string_view mechanism) const {
  return std::any_of(capabilities_.begin(), capabilities_.end(), [&](const std::string& line) {
    if (!line.starts_with("AUTH ") && !line.starts_with("AUTH=")) return false;
    std::istringstream words(line.substr(5));
    for (std::string word; words >> word;) {
      if (word == mechanism) return true;
    }
    return false;
  });
}

SmtpSession::Reply SmtpSession::command(const std::string& line) {
  if (line.find_first_of("\r\n") != std::string::npos) throw std::logic_error("a command of SMTP is one line");
  write(line + "\r\n");
  return reply();
}

void SmtpSession::write(std::string_view bytes) {
  while (!bytes.empty()) {
    socket_.setSendTimeout(left());
    const int sent = socket_.sendBytes(bytes.data(), static_cast<int>(bytes.size()));
    if (sent <= 0) throw Poco::TimeoutException();
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

SmtpSession::Reply SmtpSession::reply() {
  Reply out;
  for (bool more = true; more;) {
    const auto text = line();
    const bool has_status =
        text.size() >= 3 && std::all_of(text.begin(), text.begin() + 3, [](char c) { return c >= '0' && c <= '9'; });
    if (!has_status || out.lines.size() == most_lines) throw std::runtime_error("it does not speak SMTP");
    out.status = std::stoi(text.substr(0, 3));
    out.lines.push_back(text.size() > 4 ? text.substr(4) : std::string());
    more = text.size() > 3 && text[3] == '-';
  }
  return out;
}

std::string SmtpSession::line() {
  std::size_t end = 0;
  while ((end = received_.find('\n')) == std::string::npos) {
    if (received_.size() > most_of_a_line) throw std::runtime_error("it does not speak SMTP");
    std::array<char, 1024> bytes{};
    socket_.setReceiveTimeout(left());
    const int count = socket_.receiveBytes(bytes.data(), static_cast<int>(bytes.size()));
    if (count == 0) throw std::runtime_error("it has closed the connection");
    if (count < 0) throw Poco::TimeoutException();
    received_.append(bytes.data(), static_cast<std::size_t>(count));
  }
  auto out = received_.substr(0, end);
  received_.erase(0, end + 1);
  if (out.ends_with('\r')) out.pop_back();
  return out;
}

std::string SmtpSession::Reply::text() const {
  std::string out = std::to_string(status);
  for (const auto& each : lines) out += ' ' + each;
  return text::shortened(text::one_line(out), most_of_a_text);
}

SmtpRefused SmtpSession::refused(const std::string& what, const Reply& reply) const {
  return {"it refuses " + what + ": " + reply.text(), reply.status};
}

Poco::Timespan SmtpSession::left() const {
  const auto out = std::chrono::duration_cast<std::chrono::microseconds>(deadline_ - std::chrono::steady_clock::now());
  if (out.count() <= 0) throw Poco::TimeoutException();
  return {out.count()};
}

}  // namespace punctual::email
