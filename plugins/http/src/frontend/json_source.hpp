// The text of values inside a JSON document, as the client wrote it: what Boost.JSON makes of a number is not always the
// number that was sent. All of this takes text that Boost.JSON has parsed without complaint, and gives views into it. Pure;
// any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace punctual {

// Goes through the members of an object, once, in their order; a key may come more than once.
class JsonMembers {
 public:
  explicit JsonMembers(std::string_view object);

  struct Member {
    std::string_view key;  // as it was written, with its quotes and escapes
    std::string_view value;
  };
  // nullopt: there are no more.
  [[nodiscard]] std::optional<Member> next();

 private:
  std::string_view rest_;
};

// A key of a Member without quotes and escapes.
[[nodiscard]] std::string decoded_key(std::string_view written);

// The value of this member; of several with the same key that of the last, as Boost.JSON has it. "" when there is none.
[[nodiscard]] std::string_view member_source(std::string_view object, std::string_view key);

// The elements of an array that is a member of an object, found as far as they are asked for: whoever asks for none goes
// through nothing, whoever asks for all goes through the object and the array once.
class ElementSources {
 public:
  ElementSources(std::string_view object, std::string_view key) : object_(object), key_(key) {}

  // `index` is that of an element, and greater than that of the call before.
  [[nodiscard]] std::string_view at(std::size_t index);

 private:
  std::string_view object_;
  std::string_view key_;
  std::optional<std::string_view> rest_;  // of the array, from the element `next_` on
  std::size_t next_ = 0;
};

// Appends `source` without the white space between its parts.
void append_compact(std::string& out, std::string_view source);

}  // namespace punctual
