// What an event tells a person, before any service has its way of writing it. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "punctual/notifier.hpp"

namespace punctual::text {

enum class Tone : std::uint8_t { neutral, good, warning, bad };

struct Fact {
  std::string name;
  std::string value;
};

// Texts are valid UTF-8 on one line, "" where there is nothing to tell, and not escaped for anything.
struct EventFacts {
  Tone tone = Tone::neutral;
  std::string title;                // "Task failed: nightly report"
  std::string message;              // the event's sentence
  std::vector<Fact> facts;          // in the order of their weight
  std::string response;             // the beginning of the response; may have several lines, the last of them not empty
  std::vector<std::string> events;  // of a summary: a sentence for each, at most 20, and how many more there are
  std::string link;                 // an http or https URL
  std::string source;               // "Punctual, organization acme, 2026-05-01 12:00:00 UTC"
};

// Of an event of any kind, also of one that this version does not know.
[[nodiscard]] EventFacts facts_of(const Event& event);

// "2026-05-01 12:00:00 UTC"
[[nodiscard]] std::string utc_text(std::int64_t milliseconds_since_1970);

// "42 s", "5 min", "2 h 5 min", "3 d 2 h"
[[nodiscard]] std::string duration_text(std::int64_t milliseconds);

}  // namespace punctual::text
