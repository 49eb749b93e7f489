// The settings of an HttpFrontend under test.
#pragma once

#include <initializer_list>
#include <string>

#include "punctual/host.hpp"

namespace punctual::testing {

// A setting as it would be written after --set.
struct Change {
  std::string name;
  std::string value;
};
using Changes = std::initializer_list<Change>;

// What the host would hand over: the declared defaults, with `changes` on top.
[[nodiscard]] Settings settings_with(Changes changes);

// As settings_with, but on a free port and without limits where `changes` do not set them.
[[nodiscard]] Settings settings_for_test(Changes changes);

}  // namespace punctual::testing
