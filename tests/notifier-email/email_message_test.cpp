#include "notifier-email/email_message.hpp"

#include <catch2/catch.hpp>

#include "notifier-email/email_texts.hpp"
#include "support/loaded_notifier.hpp"

using namespace punctual;
using namespace punctual::email;
using punctual::testing::EventTexts;

namespace {

const Correspondence to_ops{{"Punctual", "punctual@example.com"}, {{"", "ops@example.com"}}, "[Punctual]"};

std::string message_of(const EventTexts& texts, const Correspondence& correspondence = to_ops) {
  const auto event = texts.as_event();
  return email_message(Event(event), correspondence, 1777636800);
}

text::EventFacts facts_of_texts(const EventTexts& texts) {
  const auto event = texts.as_event();
  return text::facts_of(Event(event));
}

std::string head_of(const std::string& message) { return message.substr(0, message.find("\r\n\r\n") + 2); }

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a message has the headers of one that a machine has made") {
  const auto head = head_of(message_of({}));
  CHECK(has(head, "From: \"Punctual\" <punctual@example.com>\r\n"));
  CHECK(has(head, "To: ops@example.com\r\n"));
  CHECK(has(head, "Subject: [Punctual] Task failed: nightly report\r\n"));
  CHECK(has(head, "Date: Fri, 1 May 2026 12:00:00 +0000\r\n"));
  CHECK(has(head, "Message-ID: <0190a000-0000-7000-8000-000000000001@example.com>\r\n"));
  CHECK(has(head, "Auto-Submitted: auto-generated\r\n"));
}

TEST_CASE("what concerns one task stands in one thread") {
  EventTexts recovered;
  recovered.kind = "task.recovered";
  recovered.id = "0190a000-0000-7000-8000-00000000000f";
  for (const auto& texts : {EventTexts{}, recovered}) {
    CHECK(has(message_of(texts), "References: <task.0190a000-0000-7000-8000-000000000002@example.com>\r\n"));
  }
  CHECK(!has(message_of(EventTexts::without_task("test", "It works")), "References"));
}

TEST_CASE("no text of an event adds a header") {
  EventTexts texts;
  for (auto* text : {&texts.id, &texts.kind, &texts.task_id, &texts.task_name, &texts.subject, &texts.message}) {
    *text = "x\r\nBcc: all@example.com\r\n\r\nbody";
  }
  const auto head = head_of(message_of(texts));
  INFO(head);
  CHECK(!has(head, "\nBcc"));
  CHECK(has(head, "Content-Type: multipart/alternative"));
}

TEST_CASE("every line is ASCII and short enough") {
  EventTexts texts;
  std::string longest;
  for (int i = 0; i < 1000; ++i) longest += "caf\xc3\xa9 = . ";
  for (auto* text : {&texts.task_name, &texts.subject, &texts.message, &texts.response_body, &texts.error_message}) {
    *text = longest;
  }
  auto correspondence = to_ops;
  for (int i = 0; i < 30; ++i) correspondence.to.push_back({"N\xc3\xa4me", "recipient-with-a-long-name@example.com"});
  const auto message = message_of(texts, correspondence);
  for (std::size_t at = 0; at < message.size();) {
    const auto end = message.find("\r\n", at);
    REQUIRE(end != std::string::npos);
    const auto line = message.substr(at, end - at);
    INFO(line);
    CHECK(line.size() <= 200);
    CHECK(std::all_of(line.begin(), line.end(), [](char c) { return (c >= 0x20 && c < 0x7f) || c == '\t'; }));
    at = end + 2;
  }
}

TEST_CASE("the text tells what failed, since when, what the response was and where to look") {
  const auto text = plain_text(facts_of_texts({}));
  CHECK(has(text, "Task failed: nightly report\n"));
  CHECK(has(text, "\nTarget: POST https://reports.example.com/run\n"));
  CHECK(has(text, "\nRun began: 2026-05-01 11:55:00 UTC\n"));
  CHECK(has(text, "\n    no space left on device\n"));
  CHECK(has(text, "\nLook there: https://punctual.example.com/api/v1/executions/"));
  CHECK(has(text, "\n-- \nPunctual, organization acme, 2026-05-01 12:00:00 UTC\n"));
}

TEST_CASE("the page is escaped and loads nothing") {
  EventTexts texts;
  texts.subject = "<script>alert(1)</script>";
  texts.task_name = texts.subject;
  texts.message = "<img src=\"https://evil.example/x.png\"> & more";
  texts.response_body = "</pre><h1>";
  texts.link = "https://punctual.example.com/?a=\"><b>";
  const auto html = html_text(facts_of_texts(texts));
  INFO(html);
  CHECK(!has(html, "<script"));
  CHECK(!has(html, "<img"));
  CHECK(!has(html, "<b>"));
  CHECK(has(html, "&lt;/pre&gt;&lt;h1&gt;"));
  CHECK(has(html, "&quot;https://evil.example/x.png&quot;&gt; &amp; more"));
  CHECK(!has(html, "src=\""));
  CHECK(!has(html, "background"));
  CHECK(has(html, "content=\"light dark\""));
}

TEST_CASE("a summary lists its events in both texts") {
  auto texts = EventTexts::without_task("summary", "2 events: 2 task.failed");
  texts.count = 2;
  texts.json = R"({"events":[{"message":"one failed"},{"message":"<two> failed"}]})";
  const auto facts = facts_of_texts(texts);
  CHECK(has(plain_text(facts), "- one failed\n- <two> failed\n"));
  CHECK(has(html_text(facts), "<li>&lt;two&gt; failed</li>"));
}

TEST_CASE("an event that has to do with no task has no empty tables") {
  const auto html = html_text(facts_of_texts(EventTexts::without_task("test", "It works")));
  CHECK(!has(html, "<table"));
  CHECK(!has(html, "<pre"));
  CHECK(has(html, "It works"));
}
