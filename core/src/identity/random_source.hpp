// RandomSource: random numbers fit for secrets (OpenSSL), drawn in blocks so that a single number is cheap.
// Not for concurrent use; give each thread its own or put it behind a lock.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace punctual {

// Fills `out`. Throws std::runtime_error when the machine has no randomness to give. Any thread.
void fill_random(std::span<std::uint8_t> out);

class RandomSource {
 public:
  RandomSource() = default;
  RandomSource(const RandomSource&) = delete;
  RandomSource& operator=(const RandomSource&) = delete;

  [[nodiscard]] std::uint64_t next();

 private:
  std::array<std::uint8_t, 1024> block_{};
  std::size_t used_ = block_.size();
};

}  // namespace punctual
