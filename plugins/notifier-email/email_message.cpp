#include "notifier-email/email_message.hpp"

#include <Poco/DateTimeFormatter.h>
#include <Poco/Net/QuotedPrintableEncoder.h>
#include <Poco/Timestamp.h>

#include <sstream>
#include <string_view>

#include "notifier-email/email_texts.hpp"
#include "notifier-text/encoded_words.hpp"
#include "notifier-text/readable.hpp"

namespace punctual::email {
namespace {

constexpr std::size_t most_of_a_subject = 250;

// Of an id or a kind, which are to stand in a header as they are.
std::string token(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain =
        (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' || c == '_';
    out += plain ? c : '-';
  }
  return out;
}

std::string date(std::int64_t now) {
  return Poco::DateTimeFormatter::format(Poco::Timestamp::fromEpochTime(now), "%w, %e %b %Y %H:%M:%S +0000");
}

std::string recipients(const std::vector<Address>& to) {
  std::string out;
  for (const auto& each : to) out += (out.empty() ? "" : ",\r\n ") + header_text(each);
  return out;
}

std::string subject(const std::string& prefix, const std::string& title) {
  const auto whole = prefix.empty() ? title : prefix + ' ' + title;
  return text::encoded_words(text::shortened(whole, most_of_a_subject), "\r\n ");
}

std::string quoted_printable(const std::string& text) {
  std::ostringstream out;
  Poco::Net::QuotedPrintableEncoder encoder(out);
  encoder << text::replaced(text, "\n", "\r\n");
  encoder.close();
  return out.str();
}

std::string part(const std::string& boundary, std::string_view type, const std::string& text) {
  return "--" + boundary + "\r\nContent-Type: " + std::string(type) +
         "; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + quoted_printable(text) + "\r\n";
}

}  // namespace

std::string email_message(const Event& event, const Correspondence& correspondence, std::int64_t now) {
  const auto facts = text::facts_of(event);
  const auto id = token(event.id());
  const auto domain = correspondence.from.domain();
  // "=_" stands nowhere in quoted-printable (RFC 2045, section 6.7).
  const auto boundary = "=_" + id;
  std::string out;
  const auto header = [&](std::string_view name, const std::string& value) {
    out.append(name).append(": ").append(value).append("\r\n");
  };
  header("From", header_text(correspondence.from));
  header("To", recipients(correspondence.to));
  header("Subject", subject(correspondence.subject_prefix, facts.title));
  header("Date", date(now));
  header("Message-ID", '<' + id + '@' + domain + '>');
  if (!event.task_id().empty()) {
    const auto thread = "<task." + token(event.task_id()) + '@' + domain + '>';
    header("In-Reply-To", thread);
    header("References", thread);
  }
  header("Auto-Submitted", "auto-generated");  // RFC 3834: no absence notes, please
  header("X-Auto-Response-Suppress", "All");   // the same for Exchange
  header("Punctual-Event", token(event.kind()));
  header("MIME-Version", "1.0");
  header("Content-Type", "multipart/alternative; boundary=\"" + boundary + '"');
  out += "\r\n" + part(boundary, "text/plain", plain_text(facts)) + part(boundary, "text/html", html_text(facts));
  return out + "--" + boundary + "--\r\n";
}

}  // namespace punctual::email
