#include "frontend/limiter.hpp"

#include <algorithm>

namespace punctual {

std::size_t Limiter::Hash::operator()(const LimitKey& key) const noexcept {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  std::memcpy(&high, key.data(), sizeof high);
  std::memcpy(&low, key.data() + sizeof high, sizeof low);
  const std::uint64_t mixed = (high ^ (low * 0x9e3779b97f4a7c15ull)) * 0xff51afd7ed558ccdull;
  return static_cast<std::size_t>(mixed ^ (mixed >> 32));
}

Limiter::Limiter(std::int64_t per_minute, std::size_t max_entries)
    : per_minute_(per_minute), max_per_shard_(std::max<std::size_t>(max_entries / shard_count, 1)) {
  if (per_minute_ > 0) interval_ = std::chrono::nanoseconds{std::chrono::minutes{1}} / per_minute_;
}

LimitVerdict Limiter::take(const LimitKey& key, SteadyTime now) { return decide(key, now, true); }

LimitVerdict Limiter::look(const LimitKey& key, SteadyTime now) { return decide(key, now, false); }

LimitVerdict Limiter::decide(const LimitKey& key, SteadyTime now, bool count) {
  if (per_minute_ <= 0) return {};
  LimitVerdict verdict{.limit = per_minute_};
  auto& shard = shards_[(Hash{}(key) >> 7) % shard_count];
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.full_at.find(key);
  const auto full_at = found == shard.full_at.end() ? now : std::max(found->second, now);
  const auto debt = full_at - now + interval_;  // with this event
  const auto most = interval_ * per_minute_;
  if (debt > most) {
    verdict.allowed = false;
    verdict.wait = std::max(std::chrono::ceil<std::chrono::seconds>(debt - most), std::chrono::seconds{1});
    return verdict;
  }
  verdict.remaining = (most - debt) / interval_;
  if (!count) return verdict;
  if (found != shard.full_at.end()) {
    found->second = full_at + interval_;
  } else {
    if (shard.full_at.size() >= max_per_shard_) make_room(shard, now);
    shard.full_at.emplace(key, full_at + interval_);
  }
  return verdict;
}

// Full buckets say nothing and go first; they are looked for at most once a second, so that a flood of keys stays cheap.
void Limiter::make_room(Shard& shard, SteadyTime now) const {
  if (now - shard.swept >= std::chrono::seconds{1}) {
    shard.swept = now;
    std::erase_if(shard.full_at, [&](const auto& entry) { return entry.second <= now; });
  }
  if (shard.full_at.size() >= max_per_shard_) shard.full_at.erase(shard.full_at.begin());
}

}  // namespace punctual
