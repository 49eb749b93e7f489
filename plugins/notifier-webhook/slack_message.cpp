#include "notifier-webhook/slack_message.hpp"

#include <boost/json.hpp>
#include <string_view>

#include "notifier-text/readable.hpp"

namespace punctual::webhook {
namespace {

using boost::json::array;
using boost::json::object;

// Slack's limits count characters; these count bytes and leave room for what escaping adds.
constexpr std::size_t most_of_title = 300;
constexpr std::size_t most_of_message = 1000;  // a section: 3000
constexpr std::size_t most_of_value = 380;     // a field: 2000
constexpr std::size_t most_of_response = 550;  // a section: 3000
constexpr std::size_t most_of_summary = 2000;
constexpr std::size_t most_fields = 10;

// All that Slack asks for: https://docs.slack.dev/messaging/formatting-message-text#escaping. With it Slack finds no mentions
// and no links but ours.
std::string escaped(std::string_view text) {
  const auto ampersands = text::replaced(text, "&", "&amp;");
  return text::replaced(text::replaced(ampersands, "<", "&lt;"), ">", "&gt;");
}

std::string escaped(std::string_view text, std::size_t most) { return escaped(text::shortened(text, most)); }

// Mattermost and Rocket.Chat, which get this format too, find @channel and @all in any text: a space of no width parts them.
std::string without_mentions(std::string_view text) { return text::replaced(text, "@", "@\xe2\x80\x8b"); }

text::EventFacts without_mentions(text::EventFacts facts) {
  facts.title = without_mentions(facts.title);
  facts.message = without_mentions(facts.message);
  for (auto& fact : facts.facts) fact.value = without_mentions(fact.value);
  facts.response = without_mentions(facts.response);
  for (auto& event : facts.events) event = without_mentions(event);
  facts.source = without_mentions(facts.source);
  return facts;
}

object plain(std::string_view text) { return {{"type", "plain_text"}, {"text", text}, {"emoji", false}}; }

// verbatim: names in it are not searched for people and channels.
object marked_up(std::string_view text) { return {{"type", "mrkdwn"}, {"text", text}, {"verbatim", true}}; }

void add_fields(array& blocks, const std::vector<text::Fact>& facts) {
  array fields;
  for (const auto& fact : facts) {
    if (fields.size() == most_fields) break;
    fields.emplace_back(marked_up('*' + fact.name + "*\n" + escaped(fact.value, most_of_value)));
  }
  if (!fields.empty()) blocks.emplace_back(object{{"type", "section"}, {"fields", std::move(fields)}});
}

void add_response(array& blocks, const std::string& response) {
  if (response.empty()) return;
  // A code block ends at three grave accents, so there must be none inside.
  const auto text = text::replaced(text::shortened(response, most_of_response), "```", "'''");
  blocks.emplace_back(object{{"type", "section"}, {"text", marked_up("```" + escaped(text) + "```")}});
}

void add_events(array& blocks, const std::vector<std::string>& events) {
  std::string lines;
  for (const auto& event : events) lines += "\xe2\x80\xa2 " + event + '\n';
  if (lines.empty()) return;
  lines.pop_back();
  blocks.emplace_back(object{{"type", "section"}, {"text", plain(text::shortened(lines, most_of_summary))}});
}

std::string source_and_link(const text::EventFacts& facts) {
  std::string out = escaped(facts.source, most_of_title);
  // Inside <…> a | would begin the link's text.
  if (!facts.link.empty()) out += "  <" + text::replaced(escaped(facts.link), "|", "%7C") + "|Look there>";
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

}  // namespace

Message slack_message(const text::EventFacts& given) {
  const auto facts = without_mentions(given);
  array blocks;
  if (!facts.message.empty()) {
    blocks.emplace_back(object{{"type", "section"}, {"text", plain(text::shortened(facts.message, most_of_message))}});
  }
  add_events(blocks, facts.events);
  add_fields(blocks, facts.facts);
  add_response(blocks, facts.response);
  blocks.emplace_back(object{{"type", "context"}, {"elements", array{marked_up(source_and_link(facts))}}});

  // "text" is what notifications of the client show; mrkdwn: false, as a name may have asterisks.
  const object out{{"text", escaped(facts.title, most_of_title)},
                   {"mrkdwn", false},
                   {"attachments", array{object{{"color", colour(facts.tone)}, {"blocks", std::move(blocks)}}}}};
  return {{{"Content-Type", "application/json"}}, boost::json::serialize(out)};
}

}  // namespace punctual::webhook
