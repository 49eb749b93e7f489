// What is posted for one event.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace punctual::webhook {

using HeaderList = std::vector<std::pair<std::string, std::string>>;

struct Message {
  HeaderList headers;  // each value on one line of printable ASCII
  std::string body;
};

}  // namespace punctual::webhook
