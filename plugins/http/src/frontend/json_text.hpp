// Writes JSON straight into a string: what every reply is made with. One writer belongs to one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "punctual/time.hpp"

namespace punctual {

// Appends to `out`, which outlives it. Calls must make sense as JSON; texts must be UTF-8.
class JsonText {
 public:
  explicit JsonText(std::string& out) : out_(out) {}

  JsonText& begin_object() { return open('{'); }
  JsonText& end_object() { return close('}'); }
  JsonText& begin_array() { return open('['); }
  JsonText& end_array() { return close(']'); }

  JsonText& key(std::string_view name);
  JsonText& string(std::string_view text);
  JsonText& number(std::int64_t value);
  JsonText& boolean(bool value);
  JsonText& null();
  JsonText& time(Time value);
  // Text that is JSON already.
  JsonText& raw(std::string_view json);

  JsonText& optional(const std::optional<std::string>& value) { return value ? string(*value) : null(); }
  JsonText& optional(const std::optional<bool>& value) { return value ? boolean(*value) : null(); }
  JsonText& optional(const std::optional<int>& value) { return value ? number(*value) : null(); }
  JsonText& optional(const std::optional<Time>& value) { return value ? time(*value) : null(); }
  JsonText& optional(const std::optional<seconds>& value) { return value ? number(value->count()) : null(); }
  JsonText& optional(const std::optional<milliseconds>& value) { return value ? number(value->count()) : null(); }

 private:
  JsonText& open(char bracket);
  JsonText& close(char bracket);
  void separate();

  std::string& out_;
  bool comma_ = false;  // a value stands before the next one
};

}  // namespace punctual
