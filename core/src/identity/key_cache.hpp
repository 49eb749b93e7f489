// KeyCache: who an API key belongs to, without asking storage on every request. Any thread.
//
// What was found is believed for 5 s: that is the longest a key works on after another process has revoked it, and one
// lookup by primary key in 5 s for each key in use costs nothing. What was not found is believed for 1 s, so that a new key
// works at once. Both are kept within fixed bounds, apart from each other: a flood of made-up keys displaces no real one.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/guarded.hpp"
#include "punctual/engine.hpp"
#include "punctual/ids.hpp"
#include "punctual/storage.hpp"
#include "punctual/time.hpp"

namespace punctual {

class KeyCache {
 public:
  static constexpr seconds found_lifetime{5};
  static constexpr seconds missing_lifetime{1};
  static constexpr std::chrono::minutes touch_interval{5};
  static constexpr std::size_t default_capacity = 16384;

  // `capacity`: how many found and how many missing keys are kept, about. `directory` outlives the cache.
  explicit KeyCache(Directory& directory, std::size_t capacity = default_capacity);

  // The owner of a key; nullopt when the text is not a key, is unknown, has the wrong secret, is revoked or has expired. Passes on what
  // storage throws, and remembers nothing then.
  [[nodiscard]] std::optional<Principal> authenticate(std::string_view text, Time now);

  // Forgets a key at once: to be called after it was changed by this process.
  void invalidate(std::string_view public_id);

  // Writes the last use of keys used since the last call, each key once in touch_interval at most. To be called every second
  // or so, by a thread that may wait for storage. When storage throws, passes it on; what was not written stays due.
  void flush_touches();

 private:
  struct Known {
    Principal principal;
    Digest secret_hash{};
    Time next_touch;  // when a use is to be written again
    std::optional<Time> expires_at;
  };
  struct Entry {
    std::string public_id;
    Time read_at;
    std::optional<Known> known;  // nullopt: no such key, or a revoked one
  };
  // Entries in the order they were read, oldest first; the map's keys are views into them.
  struct Entries {
    std::list<Entry> by_age;
    std::unordered_map<std::string_view, std::list<Entry>::iterator> by_id;

    [[nodiscard]] Entry* find(std::string_view public_id, Time now, seconds lifetime);
    void put(Entry entry, std::size_t capacity);
    void erase(std::string_view public_id);
  };
  struct Shard {
    Entries found;
    Entries missing;
    std::uint64_t invalidations = 0;
  };
  struct Touches {
    std::vector<std::pair<KeyId, Time>> due;
    std::unordered_map<KeyId, Time> last;  // of the last touch_interval
  };
  struct Answer {
    bool cached = false;
    std::optional<Principal> principal;
    bool touch = false;
  };

  [[nodiscard]] Guarded<Shard>& shard_of(std::string_view public_id);
  [[nodiscard]] static Answer look_up(Shard& shard, std::string_view public_id, const Digest& secret_hash, Time now);
  [[nodiscard]] static Answer answer(Entry& entry, const Digest& secret_hash, Time now);
  [[nodiscard]] Entry read(std::string_view public_id, Time now);
  void keep(Entry entry, std::uint64_t invalidations);
  void note_use(KeyId key, Time now);

  Directory& directory_;
  std::size_t shard_capacity_;
  std::array<Guarded<Shard>, 16> shards_;
  Guarded<Touches> touches_;
};

}  // namespace punctual
