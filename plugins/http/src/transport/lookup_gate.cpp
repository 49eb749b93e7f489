#include "transport/lookup_gate.hpp"

#include <algorithm>
#include <iterator>

namespace punctual {

LookupGate::Pass LookupGate::enter(Transfer& transfer, const std::string& host_name, Steady::time_point now) {
  if (now >= next_sweep_) forget_old(now);
  auto& host = hosts_[host_name];
  if (host.known_until > now) return Pass::go;
  places_.emplace(&transfer, &host);
  if (host.leader == nullptr && host.waiting.empty() && lookups_ < max_lookups_) {
    host.leader = &transfer;
    ++lookups_;
    return Pass::lead;
  }
  if (host.leader == nullptr && host.waiting.empty()) leaderless_.push_back(&host);
  host.waiting.push_back(&transfer);
  return Pass::wait;
}

void LookupGate::known(Transfer& leader, Steady::time_point now, std::vector<Admitted>& admitted) {
  auto* host = led_by(leader);
  if (host == nullptr) return;
  places_.erase(&leader);
  host->known_until = now + address_lifetime;
  for (auto* transfer : host->waiting) {
    places_.erase(transfer);
    admitted.push_back({transfer, Lookup::cached});
  }
  host->waiting.clear();
  end_lookup(*host, admitted);
}

void LookupGate::leave(Transfer& transfer, std::vector<Admitted>& admitted) {
  const auto place = places_.find(&transfer);
  if (place == places_.end()) return;
  auto& host = *place->second;
  places_.erase(place);
  if (host.leader == &transfer) {
    end_lookup(host, admitted);
  } else {
    std::erase(host.waiting, &transfer);
    if (host.waiting.empty()) std::erase(leaderless_, &host);
  }
}

std::vector<Transfer*> LookupGate::fail(Transfer& leader, std::vector<Admitted>& admitted) {
  auto* host = led_by(leader);
  if (host == nullptr) return {};
  places_.erase(&leader);
  std::vector<Transfer*> failed(host->waiting.begin(), host->waiting.end());
  for (const auto* transfer : failed) places_.erase(transfer);
  host->waiting.clear();
  end_lookup(*host, admitted);
  return failed;
}

std::vector<Transfer*> LookupGate::late(Steady::time_point now) const {
  std::vector<Transfer*> out;
  for (const auto& [name, host] : hosts_) {
    std::copy_if(host.waiting.begin(), host.waiting.end(), std::back_inserter(out),
                 [&](const auto* transfer) { return transfer->deadline() <= now; });
  }
  return out;
}

LookupGate::Host* LookupGate::led_by(const Transfer& transfer) const {
  const auto place = places_.find(&transfer);
  return place != places_.end() && place->second->leader == &transfer ? place->second : nullptr;
}

void LookupGate::end_lookup(Host& host, std::vector<Admitted>& admitted) {
  host.leader = nullptr;
  --lookups_;
  if (!host.waiting.empty()) leaderless_.push_back(&host);
  if (leaderless_.empty()) return;
  auto& next = *leaderless_.front();
  leaderless_.pop_front();
  lead_next(next, admitted);
}

void LookupGate::lead_next(Host& host, std::vector<Admitted>& admitted) {
  host.leader = host.waiting.front();
  host.waiting.pop_front();
  ++lookups_;
  admitted.push_back({host.leader, Lookup::fresh});
}

void LookupGate::forget_old(Steady::time_point now) {
  next_sweep_ = now + address_lifetime;
  std::erase_if(hosts_, [&](const auto& entry) {
    const auto& host = entry.second;
    return host.known_until <= now && host.leader == nullptr && host.waiting.empty();
  });
}

}  // namespace punctual
