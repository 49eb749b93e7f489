// IdGenerator: makes UUIDs of version 7 (RFC 9562, section 5.7) and claim tokens. Any thread.
//
// Ids of one generator are strictly increasing in the order of the calls, also within a millisecond and when the clock steps
// back. After the 48 bits of the time come 26 bits of a counter with a random seed in each new millisecond (section 6.2,
// method 1) and 48 fresh random bits, so that one id tells nothing about the next. Things that must be in order among
// themselves get their ids from one generator.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/guarded.hpp"
#include "identity/random_source.hpp"
#include "punctual/ids.hpp"
#include "punctual/time.hpp"

namespace punctual {

class IdGenerator {
 public:
  // All functions throw std::runtime_error when the system gives no random numbers.

  // IdType: an Id<…> of ids.hpp.
  template <class IdType>
  [[nodiscard]] IdType next(Time now) {
    IdType id;
    fill(now, std::span{&id.value, 1});
    return id;
  }

  // `count` ids in ascending order, without one of another caller between them.
  template <class IdType>
  [[nodiscard]] std::vector<IdType> next_batch(Time now, std::size_t count) {
    std::vector<Uuid> values(count);
    fill(now, values);
    std::vector<IdType> ids;
    ids.reserve(count);
    for (const Uuid& value : values) ids.push_back(IdType{value});
    return ids;
  }

  // Random, never zero.
  [[nodiscard]] ClaimToken next_token();

 private:
  struct State {
    std::uint64_t millisecond = 0;  // of the last id
    std::uint32_t counter = 0;      // of the last id
    RandomSource random;
  };

  void fill(Time now, std::span<Uuid> out);
  static Uuid make(State& state, std::uint64_t millisecond);

  Guarded<State> state_;
};

// The instant in a version 7 id, exact to the millisecond; never later than the call that made it, unless the clock of its
// maker had stepped back.
[[nodiscard]] Time id_time(const Uuid& id);

}  // namespace punctual
