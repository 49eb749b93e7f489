#include "notifier-webhook/teams_message.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <string_view>

#include "notifier-text/readable.hpp"

namespace punctual::webhook {
namespace {

using boost::json::array;
using boost::json::object;

// A message may have 28 KB in all.
constexpr std::size_t most_of_title = 300;
constexpr std::size_t most_of_message = 1000;
constexpr std::size_t most_of_value = 500;
constexpr std::size_t most_of_response = 1000;
constexpr std::size_t most_of_line = 300;
constexpr std::size_t most_lines_of_response = 12;

// Text without Markdown, which a TextBlock and a FactSet would look for in names and responses.
object run(std::string_view text, std::string_view weight = "Default") {
  return {{"type", "TextRun"}, {"text", text}, {"weight", weight}};
}

object paragraph(array runs, std::string_view spacing = "Default") {
  return {{"type", "RichTextBlock"}, {"spacing", spacing}, {"inlines", std::move(runs)}};
}

object heading(const text::EventFacts& facts) {
  std::string_view style = "accent";
  if (facts.tone == text::Tone::bad) style = "attention";
  if (facts.tone == text::Tone::warning) style = "warning";
  if (facts.tone == text::Tone::good) style = "good";
  auto title = run(text::shortened(facts.title, most_of_title), "Bolder");
  title["size"] = "Medium";
  return {{"type", "Container"}, {"style", style}, {"bleed", true}, {"items", array{paragraph({std::move(title)})}}};
}

void add_response(array& body, const std::string& response) {
  auto rest = text::shortened(response, most_of_response);
  array lines;
  while (!rest.empty() && lines.size() < most_lines_of_response) {
    const auto end = std::min(rest.find('\n'), rest.size());
    if (end > 0) {
      auto line = run(text::shortened(std::string_view(rest).substr(0, end), most_of_line));
      line["fontType"] = "Monospace";
      lines.emplace_back(paragraph({std::move(line)}, "None"));
    }
    rest.erase(0, end + 1);
  }
  if (!lines.empty()) {
    body.emplace_back(object{{"type", "Container"}, {"style", "emphasis"}, {"items", std::move(lines)}});
  }
}

object card_of(const text::EventFacts& facts) {
  array body{heading(facts)};
  if (!facts.message.empty()) body.emplace_back(paragraph({run(text::shortened(facts.message, most_of_message))}));
  for (const auto& event : facts.events) {
    body.emplace_back(paragraph({run("\xe2\x80\xa2 " + text::shortened(event, most_of_line))}, "Small"));
  }
  for (const auto& fact : facts.facts) {
    body.emplace_back(
        paragraph({run(fact.name + ": ", "Bolder"), run(text::shortened(fact.value, most_of_value))}, "Small"));
  }
  add_response(body, facts.response);
  auto source = run(text::shortened(facts.source, most_of_title));
  source["isSubtle"] = true;
  source["size"] = "Small";
  body.emplace_back(paragraph({std::move(source)}));

  object out{{"$schema", "http://adaptivecards.io/schemas/adaptive-card.json"},
             {"type", "AdaptiveCard"},
             {"version", "1.4"},
             {"fallbackText", text::shortened(facts.title, most_of_title)},
             {"msteams", object{{"width", "Full"}}},
             {"body", std::move(body)}};
  if (!facts.link.empty()) {
    out["actions"] = array{object{{"type", "Action.OpenUrl"}, {"title", "Look there"}, {"url", facts.link}}};
  }
  return out;
}

}  // namespace

Message teams_message(const text::EventFacts& facts) {
  const object out{{"type", "message"},
                   {"attachments", array{object{{"contentType", "application/vnd.microsoft.card.adaptive"},
                                                {"contentUrl", nullptr},
                                                {"content", card_of(facts)}}}}};
  return {{{"Content-Type", "application/json"}}, boost::json::serialize(out)};
}

}  // namespace punctual::webhook
