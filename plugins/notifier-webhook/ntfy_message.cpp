#include "notifier-webhook/ntfy_message.hpp"

#include <string_view>

#include "notifier-text/encoded_words.hpp"
#include "notifier-text/readable.hpp"

namespace punctual::webhook {
namespace {

constexpr std::size_t most_of_title = 250;
constexpr std::size_t most_of_response = 1000;
constexpr std::size_t most_of_body = 4000;  // from 4096 bytes on it becomes an attachment

std::string body_of(const text::EventFacts& facts) {
  std::string out = facts.message;
  for (const auto& event : facts.events) out += "\n\xe2\x80\xa2 " + event;
  if (!facts.facts.empty()) out += '\n';
  for (const auto& fact : facts.facts) out += '\n' + fact.name + ": " + fact.value;
  if (!facts.response.empty()) out += "\n\n" + text::shortened(facts.response, most_of_response);
  out += "\n\n" + facts.source;
  return text::shortened(out, most_of_body);
}

// A name of https://docs.ntfy.sh/emojis, which is shown as that.
std::string_view tag_of(text::Tone tone) {
  switch (tone) {
    case text::Tone::bad:
      return "rotating_light";
    case text::Tone::warning:
      return "warning";
    case text::Tone::good:
      return "white_check_mark";
    case text::Tone::neutral:
      break;
  }
  return "information_source";
}

}  // namespace

Message ntfy_message(const text::EventFacts& facts) {
  Message out{{{"Content-Type", "text/plain; charset=utf-8"},
               {"Title", text::encoded_words(text::shortened(facts.title, most_of_title))},
               {"Priority", facts.tone == text::Tone::bad ? "high" : "default"},
               {"Tags", std::string(tag_of(facts.tone))}},
              body_of(facts)};
  if (!facts.link.empty()) out.headers.emplace_back("Click", facts.link);
  return out;
}

}  // namespace punctual::webhook
