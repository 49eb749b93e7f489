#include "notifier-email/email_notifier.hpp"

#include <Poco/Environment.h>
#include <Poco/Exception.h>
#include <Poco/Net/NetException.h>
#include <Poco/Net/SSLException.h>
#include <signal.h>
#include <time.h>

#include <algorithm>
#include <charconv>
#include <ctime>
#include <stdexcept>

#include "notifier-text/readable.hpp"

namespace punctual::email {
namespace {

// Keeps SIGPIPE from the process: OpenSSL writes to a connection that the other end may have closed.
class NoBrokenPipe {
 public:
  NoBrokenPipe() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~NoBrokenPipe() {
    if (sigismember(&before_, SIGPIPE) != 0) return;
    const timespec at_once{};
    while (sigtimedwait(&pipe_, nullptr, &at_once) > 0) {
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  NoBrokenPipe(const NoBrokenPipe&) = delete;
  NoBrokenPipe& operator=(const NoBrokenPipe&) = delete;

 private:
  sigset_t pipe_{};
  sigset_t before_{};
};

std::string required(const NotifierHost& host, const std::string& name, const std::string& what) {
  auto out = host.setting(name);
  if (out.empty()) throw std::invalid_argument(name + " is not set: " + what);
  return out;
}

Address address_in(const std::string& name, std::string_view text) {
  auto out = parse_address(text);
  if (!out) {
    throw std::invalid_argument(name + " has '" + text::one_line(text) +
                                "', which is neither \"ops@example.com\" nor \"Name <ops@example.com>\"");
  }
  return std::move(*out);
}

std::vector<Address> recipients_setting(const NotifierHost& host) {
  const auto list = required(host, "email.to", "it says who gets the events");
  std::vector<Address> out;
  for (std::string_view rest = list; !rest.empty();) {
    const auto end = std::min(rest.find(','), rest.size());
    out.push_back(address_in("email.to", rest.substr(0, end)));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return out;
}

template <class Number>
Number number_setting(const NotifierHost& host, const std::string& name, Number least, Number most) {
  const auto text = host.setting(name);
  Number out{};
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (failed != std::errc() || end != text.data() + text.size() || out < least || out > most) {
    throw std::invalid_argument(name + " must be from " + std::to_string(least) + " to " + std::to_string(most));
  }
  return out;
}

Security security_setting(const NotifierHost& host) {
  const auto name = host.setting("email.security");
  if (name == "starttls") return Security::starttls;
  if (name == "tls") return Security::tls;
  if (name != "none") throw std::invalid_argument("email.security must be starttls, tls or none, not '" + name + "'");
  if (!host.setting("email.smtp_user").empty()) {
    throw std::invalid_argument("email.security is none, which would show email.smtp_password to the network");
  }
  return Security::none;
}

// Certificates are checked, and that they are for the host: VERIFY_STRICT does so for localhost, too.
Poco::Net::Context::Ptr tls_for(const std::string& ca_file) {
  Poco::Net::Context::Params params;
  params.caLocation = ca_file;
  params.verificationMode = Poco::Net::Context::VERIFY_STRICT;
  params.loadDefaultCAs = true;
  try {
    Poco::Net::Context::Ptr out(new Poco::Net::Context(Poco::Net::Context::TLS_CLIENT_USE, params));
    out->requireMinimumProtocol(Poco::Net::Context::PROTO_TLSV1_2);
    return out;
  } catch (const Poco::Exception& problem) {
    throw std::invalid_argument("email.ca_file: " + problem.displayText());
  }
}

std::string hello_name(const NotifierHost& host) {
  auto out = host.setting("email.hello_name");
  const bool given = !out.empty();
  if (!given) out = Poco::Environment::nodeName();
  const bool clean = !out.empty() && std::all_of(out.begin(), out.end(), [](char c) { return c > 0x20 && c < 0x7f; });
  if (!clean && given) throw std::invalid_argument("email.hello_name must be a host name");
  return clean ? out : "localhost";
}

SmtpServer server_settings(const NotifierHost& host) {
  SmtpServer out;
  out.host = required(host, "email.smtp_host", "the server's configuration names the mail server");
  out.port = number_setting<std::uint16_t>(host, "email.smtp_port", 1, 65535);
  out.security = security_setting(host);
  if (out.security != Security::none) out.tls = tls_for(host.setting("email.ca_file"));
  out.hello_name = hello_name(host);
  out.user = host.setting("email.smtp_user");
  if (!out.user.empty()) out.password = required(host, "email.smtp_password", "email.smtp_user has one");
  out.timeout = std::chrono::milliseconds{number_setting<std::int64_t>(host, "email.timeout", 1, 600'000)};
  return out;
}

Correspondence correspondence_settings(const NotifierHost& host) {
  return {address_in("email.from", required(host, "email.from", "the server's configuration names the sender")),
          recipients_setting(host), text::one_line(host.setting("email.subject_prefix"))};
}

std::string name_of(const SmtpServer& server) { return server.host + ':' + std::to_string(server.port); }

}  // namespace

EmailNotifier::EmailNotifier(const NotifierHost& host)
    : host_(host), correspondence_(correspondence_settings(host)), server_(server_settings(host)) {}

void EmailNotifier::notify(const Event& event) {
  const NoBrokenPipe no_broken_pipe;
  const auto server = name_of(server_) + ": ";
  try {
    send(event);
    told_.erase(event.id());
  } catch (const SmtpRefused& refused) {
    if (!refused.for_good()) throw std::runtime_error(server + refused.what());
    told_.erase(event.id());
    throw GiveUp(server + refused.what());
  } catch (const Poco::TimeoutException&) {
    throw std::runtime_error(server + "no answer within " + std::to_string(server_.timeout.count()) + " ms");
  } catch (const Poco::Net::SSLException& problem) {
    throw std::runtime_error(server + "no TLS with it: " + text::one_line(problem.displayText()) +
                             " (its certificate must be for " + server_.host +
                             " and of an authority of the system or email.ca_file)");
  } catch (const Poco::Exception& problem) {
    throw std::runtime_error(server + text::one_line(problem.displayText()));
  } catch (const std::runtime_error& problem) {
    throw std::runtime_error(server + problem.what());
  }
}

void EmailNotifier::send(const Event& event) {
  constexpr std::size_t most_half_told = 1000;
  if (told_.size() > most_half_told) told_.clear();
  auto& told = told_[event.id()];
  std::vector<std::string> to;
  for (const auto& each : correspondence_.to) {
    if (told.count(each.address) == 0) to.push_back(each.address);
  }

  SmtpSession session(server_);
  const auto refused =
      session.send(correspondence_.from.address, to, email_message(event, correspondence_, std::time(nullptr)));
  session.quit();

  const RefusedRecipient* for_now = nullptr;
  std::set<std::string> missing;
  for (const auto& each : refused) {
    host_.log(PUNCTUAL_WARN, name_of(server_) + ": " + each.why.what());
    if (each.why.for_good()) continue;
    missing.insert(each.address);
    for_now = &each;
  }
  for (const auto& each : to) {
    if (missing.count(each) == 0) told.insert(each);
  }
  if (for_now != nullptr) throw SmtpRefused(for_now->why);
}

}  // namespace punctual::email
