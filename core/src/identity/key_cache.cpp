#include "identity/key_cache.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "identity/api_key.hpp"

namespace punctual {

KeyCache::Entry* KeyCache::Entries::find(std::string_view public_id, Time now, seconds lifetime) {
  const auto found = by_id.find(public_id);
  if (found == by_id.end()) return nullptr;
  Entry& entry = *found->second;
  // An entry from the future means that the clock stepped back: its age is unknown.
  if (now < entry.read_at || now - entry.read_at >= lifetime) return nullptr;
  return &entry;
}

void KeyCache::Entries::put(Entry entry, std::size_t capacity) {
  erase(entry.public_id);
  while (by_age.size() >= capacity) erase(by_age.front().public_id);
  by_age.push_back(std::move(entry));
  by_id.emplace(by_age.back().public_id, std::prev(by_age.end()));
}

void KeyCache::Entries::erase(std::string_view public_id) {
  const auto found = by_id.find(public_id);
  if (found == by_id.end()) return;
  const auto entry = found->second;
  by_id.erase(found);
  by_age.erase(entry);
}

KeyCache::KeyCache(Directory& directory, std::size_t capacity)
    : directory_(directory), shard_capacity_(std::max<std::size_t>(1, capacity / shards_.size())) {}

std::optional<Principal> KeyCache::authenticate(std::string_view text, Time now) {
  const auto parts = parse_api_key(text);
  if (!parts) return std::nullopt;
  const Digest secret_hash = hash_secret(parts->secret);
  std::uint64_t invalidations = 0;
  Answer found;
  {
    const auto shard = shard_of(parts->public_id).lock();
    found = look_up(*shard, parts->public_id, secret_hash, now);
    invalidations = shard->invalidations;
  }
  if (!found.cached) {
    Entry entry = read(parts->public_id, now);
    found = answer(entry, secret_hash, now);
    keep(std::move(entry), invalidations);
  }
  if (found.touch) note_use(found.principal->key_id, now);
  return std::move(found.principal);
}

KeyCache::Answer KeyCache::look_up(Shard& shard, std::string_view public_id, const Digest& secret_hash, Time now) {
  if (Entry* entry = shard.found.find(public_id, now, found_lifetime)) return answer(*entry, secret_hash, now);
  return {shard.missing.find(public_id, now, missing_lifetime) != nullptr, std::nullopt, false};
}

KeyCache::Answer KeyCache::answer(Entry& entry, const Digest& secret_hash, Time now) {
  if (!entry.known || !same_digest(entry.known->secret_hash, secret_hash)) return {true, std::nullopt, false};
  if (entry.known->expires_at && now >= *entry.known->expires_at) return {true, std::nullopt, false};
  const bool touch = now >= entry.known->next_touch;
  if (touch) entry.known->next_touch = now + touch_interval;
  return {true, entry.known->principal, touch};
}

KeyCache::Entry KeyCache::read(std::string_view public_id, Time now) {
  Entry entry{std::string(public_id), now, std::nullopt};
  auto owner = directory_.find_key(public_id);
  if (!owner || owner->key.revoked_at) return entry;
  entry.known = Known{{owner->organization.id, owner->key.id, std::move(owner->key.public_id),
                       std::move(owner->organization.signing_secrets), owner->organization.limits,
                       owner->organization.old_secret_until, owner->organization.name},
                      owner->key.secret_hash,
                      owner->key.last_used_at ? *owner->key.last_used_at + touch_interval : Time::min(),
                      owner->key.expires_at};
  return entry;
}

void KeyCache::keep(Entry entry, std::uint64_t invalidations) {
  const auto shard = shard_of(entry.public_id).lock();
  // Read before an invalidation and kept after it, the old state would live on.
  if (shard->invalidations != invalidations) return;
  Entries& kept = entry.known ? shard->found : shard->missing;
  Entries& other = entry.known ? shard->missing : shard->found;
  other.erase(entry.public_id);
  kept.put(std::move(entry), shard_capacity_);
}

void KeyCache::invalidate(std::string_view public_id) {
  const auto shard = shard_of(public_id).lock();
  ++shard->invalidations;
  shard->found.erase(public_id);
  shard->missing.erase(public_id);
}

void KeyCache::note_use(KeyId key, Time now) {
  const auto touches = touches_.lock();
  const auto [last, first_use] = touches->last.try_emplace(key, now);
  if (!first_use && now - last->second < touch_interval) return;
  last->second = now;
  touches->due.emplace_back(key, now);
}

void KeyCache::flush_touches() {
  const auto due = std::exchange(touches_.lock()->due, {});
  if (due.empty()) return;
  auto next = due.begin();
  try {
    for (; next != due.end(); ++next) directory_.touch_key(next->first, next->second);
  } catch (...) {
    const auto touches = touches_.lock();
    touches->due.insert(touches->due.begin(), next, due.end());
    throw;
  }
  const Time newest = due.back().second;
  std::erase_if(touches_.lock()->last, [&](const auto& last) { return newest - last.second >= touch_interval; });
}

Guarded<KeyCache::Shard>& KeyCache::shard_of(std::string_view public_id) {
  return shards_[std::hash<std::string_view>{}(public_id) % shards_.size()];
}

}  // namespace punctual
