#include "notifier-text/event_facts.hpp"

#include <catch2/catch.hpp>

#include "support/loaded_notifier.hpp"

using namespace punctual;
using namespace punctual::text;
using punctual::testing::EventTexts;

namespace {

EventFacts facts_of_texts(const EventTexts& texts) {
  const auto event = texts.as_event();
  return facts_of(Event(event));
}

std::string value(const EventFacts& facts, const std::string& name) {
  for (const auto& fact : facts.facts) {
    if (fact.name == name) return fact.value;
  }
  return "(none)";
}

}  // namespace

TEST_CASE("a failure tells the task, its target, the result and since when") {
  const auto facts = facts_of_texts({});
  CHECK(facts.tone == Tone::bad);
  CHECK(facts.title == "Task failed: nightly report");
  CHECK(facts.message == "\"nightly report\" has failed after 3 attempts: HTTP 500");
  CHECK(value(facts, "Target") == "POST https://reports.example.com/run");
  CHECK(value(facts, "Status") == "failed, HTTP 500");
  CHECK(value(facts, "Error") == "(none)");  // the status says it
  CHECK(value(facts, "Attempt") == "3");
  CHECK(value(facts, "Run began") == "2026-05-01 11:55:00 UTC");
  CHECK(facts.response == "no space left on device");
  CHECK(facts.source == "Punctual, organization acme, 2026-05-01 12:00:00 UTC");
}

TEST_CASE("a recovery tells for how long the task had failed") {
  EventTexts texts;
  texts.kind = "task.recovered";
  texts.since_ms = texts.occurred_at_ms - 2 * 3'600'000 - 5 * 60'000;
  const auto facts = facts_of_texts(texts);
  CHECK(facts.tone == Tone::good);
  CHECK(value(facts, "Failed for") == "2 h 5 min");
}

TEST_CASE("an error that says more than the status is told") {
  EventTexts texts;
  texts.status_code = 0;
  texts.execution_status = "timeout";
  texts.error_message = "Request timed out";
  const auto facts = facts_of_texts(texts);
  CHECK(value(facts, "Status") == "timeout");
  CHECK(value(facts, "Error") == "Request timed out");
}

TEST_CASE("who signs in to a target by its URL is not told to a channel") {
  EventTexts texts;
  texts.task_url = "https://user:pass@example.com/";
  CHECK(value(facts_of_texts(texts), "Target") == "POST https://***@example.com/");
}

TEST_CASE("every kind of event has a title") {
  for (const char* kind : {"task.failed", "task.recovered", "task.disabled", "queue.stalled", "quota.warning",
                           "quota.reached", "host.circuit_opened", "summary", "test"}) {
    INFO(kind);
    const auto facts = facts_of_texts(EventTexts::without_task(kind, "something"));
    CHECK(!facts.title.empty());
    CHECK(facts.title.find(kind) == std::string::npos);
  }
}

TEST_CASE("a kind that is not known is told by its name and message") {
  auto texts = EventTexts::without_task("monitor.missed", "Nothing has been heard");
  texts.subject = "backup";
  const auto facts = facts_of_texts(texts);
  CHECK(facts.tone == Tone::neutral);
  CHECK(facts.title == "monitor.missed: backup");
  CHECK(facts.message == "Nothing has been heard");
}

TEST_CASE("a summary tells its events by their messages, the first twenty of them") {
  auto texts = EventTexts::without_task("summary", "30 events");
  texts.count = 30;
  texts.json = R"({"events":[)";
  for (int i = 0; i < 30; ++i) texts.json += (i == 0 ? "" : ",") + std::string(R"({"message":"one\nof them"})");
  texts.json += "]}";
  const auto facts = facts_of_texts(texts);
  CHECK(facts.title == "30 events");
  REQUIRE(facts.events.size() == 21);
  CHECK(facts.events.front() == "one of them");
  CHECK(facts.events.back() == "and 10 more");
}

TEST_CASE("a summary whose JSON cannot be read tells its message") {
  for (const char* json : {"", "[]", "{", R"({"events":3})", R"({"events":[1,{"message":2}]})"}) {
    auto texts = EventTexts::without_task("summary", "30 events");
    texts.json = json;
    CHECK(facts_of_texts(texts).events.empty());
  }
}

TEST_CASE("an event of an older server, which knows less, is told all the same") {
  const EventTexts texts;
  auto event = texts.as_event();
  event.struct_size = offsetof(punctual_event, channel);
  const auto facts = facts_of(Event(event));
  CHECK(facts.title == "Task failed: nightly report");
  CHECK(value(facts, "Status") == "(none)");
  CHECK(facts.link.empty());
}

TEST_CASE("only a link that a browser opens as a page is one") {
  EventTexts texts;
  for (const char* link : {"javascript:alert(1)", "https://x.example/ a", "ftp://x.example/"}) {
    texts.link = link;
    CHECK(facts_of_texts(texts).link.empty());
  }
}

TEST_CASE("lines in a name do not become lines of a message") {
  EventTexts texts;
  texts.subject = "a\r\nBcc: x@example.com";
  CHECK(facts_of_texts(texts).title == "Task failed: a Bcc: x@example.com");
}

TEST_CASE("durations are told as people say them") {
  CHECK(duration_text(-5) == "0 s");
  CHECK(duration_text(42'000) == "42 s");
  CHECK(duration_text(5 * 60'000) == "5 min");
  CHECK(duration_text(2 * 3'600'000) == "2 h");
  CHECK(duration_text(74 * 3'600'000) == "3 d 2 h");
}
