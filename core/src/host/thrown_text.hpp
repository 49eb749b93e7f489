// How every call into a plugin is wrapped.
#pragma once

#include <exception>
#include <optional>
#include <string>

#include "host/masking.hpp"

namespace punctual {

// Runs `call`. What it threw, as one line that may be shown, copied while the plugin is loaded; nullopt when it returned.
template <class Call>
[[nodiscard]] std::optional<std::string> thrown_by(Call&& call) {
  try {
    call();
    return std::nullopt;
  } catch (const std::exception& problem) {
    return one_line(mask_secrets(problem.what()));
  } catch (...) {
    return "something that is not a std::exception";
  }
}

}  // namespace punctual
