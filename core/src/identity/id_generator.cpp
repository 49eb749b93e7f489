#include "identity/id_generator.hpp"

#include <algorithm>

namespace punctual {
namespace {

constexpr std::uint32_t counter_limit = 1u << 26;
// Seeds leave the upper half of the counter free: 33 million ids before a millisecond is full.
constexpr std::uint32_t seed_mask = (counter_limit >> 1) - 1;

Uuid compose(std::uint64_t millisecond, std::uint32_t counter, std::uint64_t random) {
  Uuid id;
  for (std::size_t i = 0; i < 6; ++i) id.bytes[i] = static_cast<std::uint8_t>(millisecond >> (40 - 8 * i));
  id.bytes[6] = static_cast<std::uint8_t>(0x70 | counter >> 22);          // version, counter bits 25..22
  id.bytes[7] = static_cast<std::uint8_t>(counter >> 14);                 // counter bits 21..14
  id.bytes[8] = static_cast<std::uint8_t>(0x80 | (counter >> 8 & 0x3f));  // variant, counter bits 13..8
  id.bytes[9] = static_cast<std::uint8_t>(counter);                       // counter bits 7..0
  for (std::size_t i = 10; i < 16; ++i) id.bytes[i] = static_cast<std::uint8_t>(random >> (8 * (i - 10)));
  return id;
}

}  // namespace

ClaimToken IdGenerator::next_token() {
  const auto state = state_.lock();
  std::uint64_t value = 0;
  while (value == 0) value = state->random.next();
  return ClaimToken{static_cast<std::int64_t>(value)};
}

void IdGenerator::fill(Time now, std::span<Uuid> out) {
  const auto since_1970 = std::chrono::floor<milliseconds>(now).time_since_epoch().count();
  const auto millisecond = static_cast<std::uint64_t>(std::max<std::int64_t>(since_1970, 0));
  const auto state = state_.lock();
  for (Uuid& id : out) id = make(*state, millisecond);
}

Uuid IdGenerator::make(State& state, std::uint64_t millisecond) {
  if (millisecond > state.millisecond) {
    state.millisecond = millisecond;
    state.counter = static_cast<std::uint32_t>(state.random.next()) & seed_mask;
  } else if (++state.counter == counter_limit) {
    ++state.millisecond;
    state.counter = static_cast<std::uint32_t>(state.random.next()) & seed_mask;
  }
  return compose(state.millisecond, state.counter, state.random.next());
}

Time id_time(const Uuid& id) {
  std::int64_t value = 0;
  for (std::size_t i = 0; i < 6; ++i) value = value << 8 | id.bytes[i];
  return Time{milliseconds{value}};
}

}  // namespace punctual
