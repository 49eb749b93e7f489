// DueWheel: executions that are claimed and wait in memory for their time, earliest first. Not synchronised.
#pragma once

#include <map>
#include <optional>
#include <unordered_map>
#include <vector>

#include "punctual/storage.hpp"

namespace punctual {

class DueWheel {
 public:
  void add(Claimed claimed) {
    const ExecutionId id = claimed.id;
    const Time due = claimed.scheduled_for;
    places_[id] = entries_.emplace(due, std::move(claimed));
  }

  [[nodiscard]] std::optional<Time> next_due() const {
    if (entries_.empty()) return std::nullopt;
    return entries_.begin()->first;
  }

  // The earliest one, if it is due at `now`.
  [[nodiscard]] std::optional<Claimed> take_due(Time now) {
    if (entries_.empty() || entries_.begin()->first > now) return std::nullopt;
    auto node = entries_.extract(entries_.begin());
    places_.erase(node.mapped().id);
    return std::move(node.mapped());
  }

  // False when it is not here, or here under another claim.
  bool remove(const ClaimRef& claim) {
    const auto place = places_.find(claim.id);
    if (place == places_.end() || place->second->second.token != claim.token) return false;
    entries_.erase(place->second);
    places_.erase(place);
    return true;
  }

  [[nodiscard]] std::vector<ClaimRef> clear() {
    std::vector<ClaimRef> claims;
    claims.reserve(entries_.size());
    for (const auto& [due, claimed] : entries_) claims.push_back({claimed.id, claimed.token});
    entries_.clear();
    places_.clear();
    return claims;
  }

  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

 private:
  using Entries = std::multimap<Time, Claimed>;
  Entries entries_;
  std::unordered_map<ExecutionId, Entries::iterator> places_;
};

}  // namespace punctual
