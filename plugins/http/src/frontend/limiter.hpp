// Limiter: at most so many events a minute for each of many keys, as a token bucket that holds a minute's worth. Kept in
// memory, in shards; every function may be called from any thread.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <unordered_map>

#include "frontend/steady_time.hpp"

namespace punctual {

using LimitKey = std::array<std::uint8_t, 16>;

struct LimitVerdict {
  bool allowed = true;
  std::int64_t limit = 0;        // a minute
  std::int64_t remaining = 0;    // after this event
  std::chrono::seconds wait{0};  // until the next one is allowed, when this one was not; at least 1
};

class Limiter {
 public:
  // 0: everything is allowed.
  explicit Limiter(std::int64_t per_minute, std::size_t max_entries = 65536);

  // Counts an event if it is allowed.
  [[nodiscard]] LimitVerdict take(const LimitKey& key, SteadyTime now);
  // What take would say; counts nothing.
  [[nodiscard]] LimitVerdict look(const LimitKey& key, SteadyTime now);

 private:
  struct Hash {
    std::size_t operator()(const LimitKey& key) const noexcept;
  };
  struct Shard {
    std::mutex mutex;
    // When the bucket will be full again: all that a token bucket has to remember.
    std::unordered_map<LimitKey, SteadyTime, Hash> full_at;
    SteadyTime swept{};
  };
  static constexpr std::size_t shard_count = 16;

  [[nodiscard]] LimitVerdict decide(const LimitKey& key, SteadyTime now, bool count);
  void make_room(Shard& shard, SteadyTime now) const;

  std::int64_t per_minute_;
  std::chrono::nanoseconds interval_{};  // between two events at the allowed rate
  std::size_t max_per_shard_;
  std::array<Shard, shard_count> shards_;
};

}  // namespace punctual
