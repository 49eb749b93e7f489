// Keeps many deliveries to one new host from asking for its address at the same time: curl runs one resolver thread (with
// two descriptors) for each transfer that does not find the address in its cache. One delivery leads, the others wait
// until it has the address. Also bounds the lookups under way for different hosts. Only the thread of its loop may use it.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

#include "transport/transfer.hpp"

namespace punctual {

class LookupGate {
 public:
  static constexpr std::chrono::seconds address_lifetime{60};

  enum class Pass : std::uint8_t {
    go,    // the address is known
    lead,  // go, look it up, and tell
    wait,  // it will come back from known, leave or fail
  };

  struct Admitted {
    Transfer* transfer;
    Lookup lookup;
  };

  explicit LookupGate(std::size_t max_lookups = 128) : max_lookups_(max_lookups) {}

  // `host`: what curl's cache goes by, "name:port".
  [[nodiscard]] Pass enter(Transfer& transfer, const std::string& host, Steady::time_point now);

  // The address of the leader's host is known: who waited for it is admitted. Of others: nothing.
  void known(Transfer& leader, Steady::time_point now, std::vector<Admitted>& admitted);
  // The transfer looks nothing up any more, or waits no more: another leads in its place.
  void leave(Transfer& transfer, std::vector<Admitted>& admitted);
  // The leader's host has no address: who waited for it leaves and is returned.
  [[nodiscard]] std::vector<Transfer*> fail(Transfer& leader, std::vector<Admitted>& admitted);

  // Somebody leads or waits.
  [[nodiscard]] bool busy() const noexcept { return !places_.empty(); }
  [[nodiscard]] bool somebody_waits() const noexcept { return places_.size() > lookups_; }
  // Those who wait and whose deadline has come.
  [[nodiscard]] std::vector<Transfer*> late(Steady::time_point now) const;

 private:
  struct Host {
    Steady::time_point known_until{};
    Transfer* leader = nullptr;
    std::deque<Transfer*> waiting;
  };

  Host* led_by(const Transfer& transfer) const;
  void end_lookup(Host& host, std::vector<Admitted>& admitted);
  void lead_next(Host& host, std::vector<Admitted>& admitted);
  void forget_old(Steady::time_point now);

  std::size_t max_lookups_;
  std::size_t lookups_ = 0;
  std::unordered_map<std::string, Host> hosts_;  // its elements stay where they are
  std::unordered_map<const Transfer*, Host*> places_;
  std::deque<Host*> leaderless_;  // hosts that wait for a lookup to become free
  Steady::time_point next_sweep_{};
};

}  // namespace punctual
