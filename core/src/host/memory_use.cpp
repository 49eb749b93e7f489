#include "host/memory_use.hpp"

#include <malloc.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>

// Of jemalloc, where it is the allocator of the process.
extern "C" [[gnu::weak]] int mallctl(const char* name, void* out, std::size_t* out_size, void* in, std::size_t in_size);

namespace punctual {
namespace {

std::size_t allocated() {
  if (mallctl == nullptr) {
    const auto info = mallinfo2();
    return info.uordblks + info.hblkhd;
  }
  // What this thread keeps for its next allocations counts as allocated. The numbers are those of the last time that the epoch
  // was set.
  (void)mallctl("thread.tcache.flush", nullptr, nullptr, nullptr, 0);
  std::uint64_t epoch = 1;
  std::size_t bytes = 0;
  std::size_t size = sizeof bytes;
  if (mallctl("epoch", nullptr, nullptr, &epoch, sizeof epoch) != 0) return 0;
  return mallctl("stats.allocated", &bytes, &size, nullptr, 0) == 0 ? bytes : 0;
}

std::size_t resident() {
  std::ifstream file("/proc/self/statm");
  std::size_t total = 0;
  std::size_t pages = 0;
  file >> total >> pages;
  return pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace

MemoryUse memory_use() { return {allocated(), resident()}; }

}  // namespace punctual
