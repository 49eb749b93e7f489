// How much memory this process uses. Any thread.
#pragma once

#include <cstddef>

namespace punctual {

struct MemoryUse {
  std::size_t allocated = 0;  // and not freed, in bytes; 0: the allocator does not tell
  std::size_t resident = 0;   // in bytes, by whole pages
};

[[nodiscard]] MemoryUse memory_use();

}  // namespace punctual
