#include "frontend/queue_json.hpp"

#include <algorithm>
#include <array>

#include "frontend/field_checks.hpp"
#include "punctual/errors.hpp"

namespace punctual {

namespace {

using Key = JsonKey<Queue>;

constexpr std::string_view count = R"({"type":"integer","minimum":0})";

constexpr std::array keys{
    Key{"name", R"({"type":"string"})", [](JsonText& out, const Queue& q) { out.string(q.name); }},
    Key{"paused", R"({"type":"boolean"})", [](JsonText& out, const Queue& q) { out.boolean(q.paused); }},
    Key{"concurrency", R"({"type":"integer","minimum":1,"maximum":100})",
        [](JsonText& out, const Queue& q) { out.number(q.concurrency); }},
    Key{"rate", R"({"type":["string","null"]})",
        [](JsonText& out, const Queue& q) { q.rate ? out.string(text_of(*q.rate)) : out.null(); }},
    Key{"pending", count, [](JsonText& out, const Queue& q) { out.number(q.pending); }},
    Key{"running", count, [](JsonText& out, const Queue& q) { out.number(q.running); }},
};

constexpr const char* invalid = "is invalid";

// What is wrong with it; "": nothing.
std::string read_concurrency(const boost::json::value& given, QueueChange& change) {
  const auto bound = [](const char* words, int number) { return words + std::to_string(number); };
  if (given.is_null()) return "can't be blank";
  const auto number = whole_number(given);
  if (!number) return invalid;
  if (*number > max_queue_concurrency) return bound("must be less than or equal to ", max_queue_concurrency);
  if (*number < 1) return bound("must be greater than or equal to ", 1);
  change.concurrency = static_cast<int>(*number);
  return {};
}

std::string read_rate(const boost::json::value& given, QueueChange& change) {
  change.changes_rate = true;
  if (given.is_null()) return {};
  const auto* text = given.if_string();
  if (text != nullptr) change.rate = parse_queue_rate(*text);
  return change.rate ? "" : invalid;
}

std::string read_member(std::string_view name, const boost::json::value& given, QueueChange& change) {
  if (name == "concurrency") return read_concurrency(given, change);
  if (name == "rate") return read_rate(given, change);
  const bool is_shown = std::any_of(keys.begin(), keys.end(), [&](const Key& key) { return key.name == name; });
  return is_shown ? "" : "is not a known field";
}

}  // namespace

std::span<const JsonKey<Queue>> queue_keys() { return keys; }

void append_queue(JsonText& json, const Queue& queue) {
  json.begin_object();
  append_keys(json, queue_keys(), queue);
  json.end_object();
}

std::string queue_body(const Queue& queue) {
  std::string out;
  JsonText json(out);
  json.begin_object().key("data");
  append_queue(json, queue);
  json.end_object();
  return out;
}

QueueChange read_queue_change(const boost::json::object& fields) {
  QueueChange change;
  Invalid::Fields problems;
  for (const auto& member : fields) {
    auto problem = read_member(member.key(), member.value(), change);
    if (!problem.empty()) problems[std::string(member.key())].push_back(std::move(problem));
  }
  if (!problems.empty()) throw Invalid(std::move(problems));
  return change;
}

}  // namespace punctual
