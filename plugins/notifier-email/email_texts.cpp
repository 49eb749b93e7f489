#include "notifier-email/email_texts.hpp"

#include <string_view>

#include "notifier-text/readable.hpp"

namespace punctual::email {
namespace {

std::string escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string_view colour(text::Tone tone) {
  switch (tone) {
    case text::Tone::bad:
      return "#d32f2f";
    case text::Tone::warning:
      return "#f9a825";
    case text::Tone::good:
      return "#2e7d32";
    case text::Tone::neutral:
      break;
  }
  return "#546e7a";
}

std::string html_facts(const std::vector<text::Fact>& facts) {
  std::string out;
  for (const auto& fact : facts) {
    out += "<tr><td style=\"padding:2px 16px 2px 0;vertical-align:top;white-space:nowrap;opacity:0.7\">" +
           escaped(fact.name) + "</td><td style=\"padding:2px 0;vertical-align:top;word-break:break-word\">" +
           escaped(fact.value) + "</td></tr>\n";
  }
  return out.empty() ? out
                     : "<table role=\"presentation\" style=\"border-spacing:0;font-size:15px\">\n" + out + "</table>\n";
}

std::string html_events(const std::vector<std::string>& events) {
  std::string out;
  for (const auto& event : events) out += "<li>" + escaped(event) + "</li>\n";
  return out.empty() ? out : "<ul style=\"padding-left:20px\">\n" + out + "</ul>\n";
}

std::string html_response(const std::string& response) {
  if (response.empty()) return {};
  return "<p style=\"margin:16px 0 4px;opacity:0.7\">The response began with</p>\n"
         "<pre style=\"margin:0;padding:8px;border:1px solid #888888;white-space:pre-wrap;word-break:break-word;"
         "font-size:13px\">" +
         escaped(response) + "</pre>\n";
}

std::string html_link(const std::string& link) {
  if (link.empty()) return {};
  return "<p style=\"margin:16px 0\">Look there: <a href=\"" + escaped(link) + "\">" + escaped(link) + "</a></p>\n";
}

}  // namespace

std::string plain_text(const text::EventFacts& facts) {
  std::string out = facts.title + "\n\n";
  if (!facts.message.empty()) out += facts.message + "\n\n";
  for (const auto& event : facts.events) out += "- " + event + '\n';
  for (const auto& fact : facts.facts) out += fact.name + ": " + fact.value + '\n';
  if (!facts.response.empty()) {
    out += "\nThe response began with\n\n    " + text::replaced(facts.response, "\n", "\n    ") + '\n';
  }
  if (!facts.link.empty()) out += "\nLook there: " + facts.link + '\n';
  return out + "\n-- \n" + facts.source + '\n';
}

// Without colours of its own but the one at the side, so that a client's light or dark ones stay readable.
std::string html_text(const text::EventFacts& facts) {
  std::string out =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width\">\n<meta name=\"color-scheme\" content=\"light dark\">\n"
      "<meta name=\"supported-color-schemes\" content=\"light dark\">\n";
  out += "<title>" + escaped(facts.title) + "</title>\n</head>\n";
  out +=
      "<body style=\"margin:0;padding:16px;font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;"
      "font-size:15px;line-height:1.5\">\n";
  out += "<div style=\"max-width:640px;padding-left:16px;border-left:4px solid " + std::string(colour(facts.tone)) +
         "\">\n";
  out += "<h1 style=\"margin:0 0 8px;font-size:18px\">" + escaped(facts.title) + "</h1>\n";
  if (!facts.message.empty()) out += "<p style=\"margin:0 0 16px\">" + escaped(facts.message) + "</p>\n";
  out += html_events(facts.events) + html_facts(facts.facts) + html_response(facts.response) + html_link(facts.link);
  out += "<p style=\"margin:16px 0 0;font-size:12px;opacity:0.7\">" + escaped(facts.source) + "</p>\n";
  return out + "</div>\n</body>\n</html>\n";
}

}  // namespace punctual::email
