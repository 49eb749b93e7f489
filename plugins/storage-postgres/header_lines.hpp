// Headers as one text: lines "Name: value", each ended by CR LF, which neither a name nor a value can hold. Any thread.
#pragma once

#include <string>
#include <string_view>

#include "punctual/errors.hpp"
#include "punctual/model.hpp"

namespace punctual::postgres {

[[nodiscard]] inline std::string header_lines(const Headers& headers) {
  std::string out;
  for (const auto& [name, value] : headers) {
    out += name;
    out += ": ";
    for (const char c : value) {
      if (c != '\r' && c != '\n') out += c;
    }
    out += "\r\n";
  }
  return out;
}

[[nodiscard]] inline Headers headers_from_lines(std::string_view lines) {
  Headers out;
  while (!lines.empty()) {
    const auto end = lines.find("\r\n");
    const auto colon = lines.find(": ");
    if (end == std::string_view::npos || colon >= end)
      throw Corrupt("stored headers are not lines of a name and a value");
    out.emplace_back(lines.substr(0, colon), lines.substr(colon + 2, end - colon - 2));
    lines.remove_prefix(end + 2);
  }
  return out;
}

}  // namespace punctual::postgres
