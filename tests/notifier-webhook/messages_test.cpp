// What each service gets: valid for its rules, whatever names and responses hold.
#include <boost/json.hpp>
#include <catch2/catch.hpp>

#include "notifier-webhook/discord_message.hpp"
#include "notifier-webhook/json_message.hpp"
#include "notifier-webhook/ntfy_message.hpp"
#include "notifier-webhook/slack_message.hpp"
#include "notifier-webhook/standard_webhooks.hpp"
#include "notifier-webhook/teams_message.hpp"
#include "support/loaded_notifier.hpp"

using namespace punctual;
using namespace punctual::webhook;
using boost::json::value;
using punctual::testing::EventTexts;

namespace {

text::EventFacts facts_of_texts(const EventTexts& texts) {
  const auto event = texts.as_event();
  return text::facts_of(Event(event));
}

EventTexts huge() {
  EventTexts out;
  std::string text;
  for (int i = 0; i < 2000; ++i) text += "\xe2\x82\xac*&<|`@";
  out.subject = text;
  out.task_name = text;
  out.task_url = "https://a.example/" + text;
  out.message = text;
  out.error_message = text;
  out.response_body = text.substr(0, 4090);
  out.organization = text;
  out.detail = "more " + text;
  return out;
}

EventTexts hostile() {
  EventTexts out;
  out.subject = "<!channel> & *bold* @everyone";
  out.task_name = out.subject;
  out.message = "\"<!channel> & *bold* @everyone\" has failed: <@U123> [x](https://evil.example)";
  out.response_body = "</body> ``` <!here> \r\nsecond line";
  return out;
}

EventTexts summary() {
  auto out = EventTexts::without_task("summary", "3 events: 3 task.failed");
  out.count = 3;
  out.json = R"({"events":[{"message":"one <has> failed"},{"message":"two"},{"message":"three"}]})";
  return out;
}

std::size_t characters(const boost::json::string& text) {  // UTF-16 units, the most that any service counts
  std::size_t out = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xc0) != 0x80) out += byte >= 0xf0 ? 2 : 1;
  }
  return out;
}

std::string header(const Message& message, const std::string& name) {
  for (const auto& [each, value] : message.headers) {
    if (each == name) return value;
  }
  return "(none)";
}

// All texts below `json` that are called `key`, one a line.
std::string texts_called(const value& json, std::string_view key) {
  std::string out;
  if (json.is_object()) {
    for (const auto& [name, each] : json.get_object()) {
      if (each.is_string() && name == key) out += std::string(each.get_string()) + '\n';
      out += texts_called(each, key);
    }
  } else if (json.is_array()) {
    for (const auto& each : json.get_array()) out += texts_called(each, key);
  }
  return out;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("Slack gets the facts in an attachment with a colour") {
  const auto message = slack_message(facts_of_texts({}));
  const auto json = boost::json::parse(message.body);
  CHECK(header(message, "Content-Type") == "application/json");
  CHECK(json.at("text") == "Task failed: nightly report");
  CHECK(json.at("attachments").at(0).at("color") == "#d32f2f");
  const auto all = texts_called(json, "text");
  CHECK(has(all, "*Target*\nPOST https://reports.example.com/run"));
  CHECK(has(all, "```no space left on device```"));
  CHECK(has(all, "<https://punctual.example.com/api/v1/executions/0190a000-0000-7000-8000-000000000003|Look there>"));
}

TEST_CASE("Slack finds no mention and no link in what others wrote") {
  const auto json = boost::json::parse(slack_message(facts_of_texts(hostile())).body);
  CHECK(json.at("text") ==
        "Task failed: &lt;!channel&gt; &amp; *bold* @\xe2\x80\x8b"
        "everyone");
  CHECK(json.at("mrkdwn") == false);
  for (const auto& block : json.at("attachments").at(0).at("blocks").as_array()) {
    const auto text = boost::json::serialize(block);
    INFO(text);
    CHECK((!has(text, "<!") || has(text, "plain_text")));
    CHECK((!has(text, "mrkdwn") || has(text, "\"verbatim\":true")));
  }
  CHECK(has(texts_called(json, "text"), "```&lt;/body&gt; ''' &lt;!here&gt; \nsecond line```"));
}

TEST_CASE("no name in a message of Slack's format is one that Mattermost mentions") {
  auto texts = hostile();
  texts.organization = "@all";
  texts.detail = "@here";
  texts.error_message = "@channel @@channel";
  texts.response_body = "@channel";
  auto several = summary();
  several.json =
      R"({"events":[{"message":"@channel has failed"},{"message":"@"},{"message":"mail to x@example.com"}]})";
  for (const auto& each : {texts, several}) {
    const auto body = slack_message(facts_of_texts(each)).body;
    INFO(body);
    std::size_t found = 0;
    for (auto at = body.find('@'); at != std::string::npos; at = body.find('@', at + 1)) {
      ++found;
      CHECK(body.substr(at + 1, 3) == "\xe2\x80\x8b");
    }
    CHECK(found >= 3);
  }
}

TEST_CASE("Slack's limits hold for the longest texts") {
  const auto json = boost::json::parse(slack_message(facts_of_texts(huge())).body);
  for (const auto& block : json.at("attachments").at(0).at("blocks").as_array()) {
    if (const auto* text = block.as_object().if_contains("text"))
      CHECK(characters(text->at("text").as_string()) <= 3000);
    if (const auto* fields = block.as_object().if_contains("fields")) {
      CHECK(fields->as_array().size() <= 10);
      for (const auto& field : fields->as_array()) CHECK(characters(field.at("text").as_string()) <= 2000);
    }
  }
}

TEST_CASE("Discord gets an embed that mentions nobody") {
  const auto json = boost::json::parse(discord_message(facts_of_texts({})).body);
  CHECK(json.at("allowed_mentions").at("parse").as_array().empty());
  const auto& embed = json.at("embeds").at(0);
  CHECK(embed.at("title") == "Task failed: nightly report");
  CHECK(embed.at("color") == 0xd32f2f);
  CHECK(has(embed.at("description").as_string().c_str(), "```\nno space left on device\n```"));
  CHECK(has(texts_called(json, "value"), "`POST https://reports.example.com/run`"));
  CHECK(embed.at("url").as_string() == EventTexts{}.link);
}

TEST_CASE("Discord finds no Markdown in what others wrote") {
  const auto json = boost::json::parse(discord_message(facts_of_texts(hostile())).body);
  const std::string description = json.at("embeds").at(0).at("description").as_string().c_str();
  CHECK(has(description, "\\*bold\\* \\@everyone"));
  CHECK(has(description, "\\<\\@U123\\> \\[x\\]\\(https\\://evil.example\\)"));
  CHECK(has(description, "```\n</body> ''' <!here> \nsecond line\n```"));
}

TEST_CASE("Discord's limits hold for the longest texts") {
  const auto json = boost::json::parse(discord_message(facts_of_texts(huge())).body);
  const auto& embed = json.at("embeds").at(0);
  auto total = characters(embed.at("title").as_string()) + characters(embed.at("description").as_string()) +
               characters(embed.at("footer").at("text").as_string());
  CHECK(characters(embed.at("title").as_string()) <= 256);
  CHECK(characters(embed.at("description").as_string()) <= 4096);
  CHECK(embed.at("fields").as_array().size() <= 25);
  for (const auto& field : embed.at("fields").as_array()) {
    CHECK(characters(field.at("value").as_string()) <= 1024);
    total += characters(field.at("name").as_string()) + characters(field.at("value").as_string());
  }
  CHECK(total <= 6000);
}

TEST_CASE("Teams gets an Adaptive Card without Markdown") {
  const auto json = boost::json::parse(teams_message(facts_of_texts(hostile())).body);
  CHECK(json.at("type") == "message");
  const auto& attachment = json.at("attachments").at(0);
  CHECK(attachment.at("contentType") == "application/vnd.microsoft.card.adaptive");
  const auto& card = attachment.at("content");
  CHECK(card.at("type") == "AdaptiveCard");
  CHECK(card.at("version") == "1.4");
  CHECK(card.at("body").at(0).at("style") == "attention");
  CHECK(card.at("actions").at(0).at("url").as_string() == EventTexts{}.link);
  CHECK(!has(texts_called(json, "type"), "\nTextBlock\n"));
  CHECK(!has(texts_called(json, "type"), "FactSet"));
  const auto all = texts_called(json, "text");
  CHECK(has(all, "Task failed: <!channel> & *bold* @everyone\n"));
  CHECK(has(all, "Target: \nPOST https://reports.example.com/run\n"));
  CHECK(has(all, "\nsecond line\n"));
}

TEST_CASE("a message for Teams stays below its limit") {
  CHECK(teams_message(facts_of_texts(huge())).body.size() < 28 * 1024);
  auto many_lines = EventTexts{};
  many_lines.response_body = std::string(4000, '\n') + "end";
  CHECK(teams_message(facts_of_texts(many_lines)).body.size() < 28 * 1024);
}

TEST_CASE("ntfy gets text, with a title, a priority and a tag in headers") {
  const auto message = ntfy_message(facts_of_texts({}));
  CHECK(header(message, "Title") == "Task failed: nightly report");
  CHECK(header(message, "Priority") == "high");
  CHECK(header(message, "Tags") == "rotating_light");
  CHECK(header(message, "Click") == EventTexts{}.link);
  CHECK(has(message.body, "Target: POST https://reports.example.com/run\n"));
  CHECK(has(message.body, "no space left on device"));
}

TEST_CASE("headers for ntfy are one line of ASCII") {
  auto texts = hostile();
  texts.subject = "caf\xc3\xa9\r\nPriority: min";
  for (const auto& each : {texts, huge()}) {
    for (const auto& [name, value] : ntfy_message(facts_of_texts(each)).headers) {
      INFO(name << ": " << value);
      CHECK(std::all_of(value.begin(), value.end(), [](char c) { return c >= 0x20 && c < 0x7f; }));
    }
  }
  CHECK(has(header(ntfy_message(facts_of_texts(texts)), "Title"), "=?UTF-8?B?"));
}

TEST_CASE("a message for ntfy does not become an attachment") {
  CHECK(ntfy_message(facts_of_texts(huge())).body.size() < 4096);
}

TEST_CASE("a summary lists its events everywhere") {
  const auto facts = facts_of_texts(summary());
  for (const auto& body :
       {slack_message(facts).body, discord_message(facts).body, teams_message(facts).body, ntfy_message(facts).body}) {
    INFO(body);
    CHECK(has(body, "3 events"));
    CHECK(has(body, "three"));
  }
  CHECK(has(slack_message(facts).body, "one <has> failed"));  // in plain text, which needs no escapes
}

TEST_CASE("an event that has to do with no task has no empty texts") {
  const auto facts = facts_of_texts(EventTexts::without_task("test", "It works"));
  for (const auto& body : {slack_message(facts).body, discord_message(facts).body, teams_message(facts).body}) {
    INFO(body);
    CHECK(!has(body, "\"text\":\"\""));
    CHECK(!has(body, "\"value\":\"\""));
    CHECK(has(body, "It works"));
  }
  CHECK(header(ntfy_message(facts), "Click") == "(none)");
}

TEST_CASE("JSON is the event itself, signed when there is a secret") {
  const EventTexts texts;
  const auto event = texts.as_event();
  const auto key = key_of_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
  const auto message = json_message(Event(event), key, 1777636800);
  CHECK(message.body == texts.json);
  CHECK(header(message, "webhook-id") == texts.id);
  CHECK(header(message, "webhook-timestamp") == "1777636800");
  CHECK(header(message, "webhook-signature") == signature(*key, texts.id, 1777636800, texts.json));
  CHECK(header(json_message(Event(event), std::nullopt, 0), "webhook-signature") == "(none)");
}
