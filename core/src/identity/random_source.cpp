#include "identity/random_source.hpp"

#include <openssl/rand.h>

#include <cstring>
#include <stdexcept>

namespace punctual {

void fill_random(std::span<std::uint8_t> out) {
  if (RAND_bytes(out.data(), static_cast<int>(out.size())) != 1) {
    throw std::runtime_error("the system gives no random numbers");
  }
}

std::uint64_t RandomSource::next() {
  std::uint64_t value = 0;
  if (block_.size() - used_ < sizeof value) {
    fill_random(block_);
    used_ = 0;
  }
  std::memcpy(&value, block_.data() + used_, sizeof value);
  // What was handed out is not kept: it must not be read back from memory later.
  std::memset(block_.data() + used_, 0, sizeof value);
  used_ += sizeof value;
  return value;
}

}  // namespace punctual
