// Query: the parameters behind '?' in a request's target. Value type.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "punctual/time.hpp"

namespace punctual {

// Percent-decoded text; nullopt when it is not valid percent-encoding of UTF-8 without NUL. In a query '+' is a space.
[[nodiscard]] std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_space);

class Query {
 public:
  // Throws ApiError bad_request when `text` cannot be decoded.
  explicit Query(std::string_view text);

  // The last one of this name.
  [[nodiscard]] const std::string* find(std::string_view name) const;
  // The same, but an empty value counts as none.
  [[nodiscard]] std::optional<std::string> text(std::string_view name) const;

  // The functions below throw ApiError invalid_params, naming the parameter, when the value is not what they read.
  // Out of range is brought to the nearest end.
  [[nodiscard]] std::int64_t integer(std::string_view name, std::int64_t otherwise, std::int64_t least,
                                     std::int64_t most) const;
  [[nodiscard]] std::optional<Time> time(std::string_view name) const;
  template <class E>
  [[nodiscard]] std::optional<E> named(std::string_view name, std::optional<E> (*parse)(std::string_view)) const {
    const auto value = text(name);
    if (!value) return std::nullopt;
    const auto found = parse(*value);
    if (!found) refuse(name);
    return found;
  }

 private:
  [[noreturn]] static void refuse(std::string_view name);

  std::vector<std::pair<std::string, std::string>> parameters_;
};

}  // namespace punctual
