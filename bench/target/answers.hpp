// What a request to the target asks for, and what it is answered.
#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>

#include "punctual/time.hpp"

namespace punctual::bench {

// The query of /n/NUMBER?due=…&delay=…&jitter=…&status=…&fail=…; whatever else stands there is passed over.
struct Asked {
  std::optional<std::uint32_t> number;
  std::optional<Time> due;
  milliseconds delay{0};
  milliseconds jitter{0};  // up to so much more
  int status = 200;
  std::optional<double> fail;  // the part of requests that get `status` (500 if it has none); the others get 200

  [[nodiscard]] static Asked read(std::string_view path);

  // What this request is answered, and after how long.
  [[nodiscard]] int chosen_status(std::minstd_rand& random) const;
  [[nodiscard]] milliseconds chosen_delay(std::minstd_rand& random) const;
};

// The value of `name` in the query of `path`; 0 when it has none.
[[nodiscard]] std::uint64_t number_in_query(std::string_view path, std::string_view name);

[[nodiscard]] std::string http_reply(int status, std::string_view type, std::string_view body);

}  // namespace punctual::bench
