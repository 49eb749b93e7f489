#include "notifier-webhook/discord_message.hpp"

#include <boost/json.hpp>
#include <string_view>

#include "notifier-text/readable.hpp"

namespace punctual::webhook {
namespace {

using boost::json::array;
using boost::json::object;

// https://discord.com/developers/docs/resources/message#embed-object-embed-limits: 256 characters of a title, 4096 of a
// description, 1024 of a field's value, 2048 of a footer, and 6000 of all together. Bytes are counted here, and escaping at
// most doubles those of message and summary.
constexpr std::size_t most_of_title = 250;
constexpr std::size_t most_of_message = 600;
constexpr std::size_t most_of_response = 800;
constexpr std::size_t most_of_summary = 1000;
constexpr std::size_t most_of_value = 250;
constexpr std::size_t most_of_source = 250;
constexpr std::size_t most_fields = 8;

// Markdown has no meaning in what was given by others.
std::string escaped(std::string_view text) {
  constexpr std::string_view marks = "\\*_~`|>#-[]()<@:";
  std::string out;
  for (const char c : text) {
    if (marks.find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

// Inline code shows all as it is, but ends at a grave accent.
std::string code(const std::string& text) { return '`' + text::replaced(text, "`", "'") + '`'; }

std::string description_of(const text::EventFacts& facts) {
  std::string out = escaped(text::shortened(facts.message, most_of_message));
  std::string lines;
  for (const auto& event : facts.events) lines += "\n" + event;
  if (!lines.empty()) out += '\n' + escaped(text::shortened(lines, most_of_summary));
  if (!facts.response.empty()) {
    out += "\n```\n" + text::replaced(text::shortened(facts.response, most_of_response), "```", "'''") + "\n```";
  }
  return out;
}

array fields_of(const std::vector<text::Fact>& facts) {
  array out;
  for (const auto& fact : facts) {
    if (out.size() == most_fields) break;
    out.emplace_back(object{{"name", fact.name},
                            {"value", code(text::shortened(fact.value, most_of_value))},
                            {"inline", fact.value.size() <= 40}});
  }
  return out;
}

int colour(text::Tone tone) {
  switch (tone) {
    case text::Tone::bad:
      return 0xd32f2f;
    case text::Tone::warning:
      return 0xf9a825;
    case text::Tone::good:
      return 0x2e7d32;
    case text::Tone::neutral:
      break;
  }
  return 0x546e7a;
}

}  // namespace

Message discord_message(const text::EventFacts& facts) {
  object embed{{"title", text::shortened(facts.title, most_of_title)},
               {"description", description_of(facts)},
               {"color", colour(facts.tone)},
               {"fields", fields_of(facts.facts)},
               {"footer", object{{"text", text::shortened(facts.source, most_of_source)}}}};
  if (!facts.link.empty()) embed["url"] = facts.link;
  const object out{{"embeds", array{std::move(embed)}}, {"allowed_mentions", object{{"parse", array{}}}}};
  return {{{"Content-Type", "application/json"}}, boost::json::serialize(out)};
}

}  // namespace punctual::webhook
