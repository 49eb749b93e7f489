// A page of a list. Plain values without behaviour.
#pragma once

#include <vector>

namespace punctual {

template <class T>
struct Page {
  std::vector<T> items;
  bool has_more = false;
};

}  // namespace punctual
