// Gate: who may make requests, and how many. Address limit, sign-in, key limit, in this order. Any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <exception>
#include <span>
#include <string>
#include <string_view>

#include "frontend/client_address.hpp"
#include "frontend/front_metrics.hpp"
#include "frontend/limiter.hpp"
#include "punctual/engine.hpp"

namespace punctual {

// A limit has been reached.
class Limited : public std::exception {
 public:
  explicit Limited(const LimitVerdict& found) : verdict(found) {}
  [[nodiscard]] const char* what() const noexcept override { return "Too many requests"; }
  LimitVerdict verdict;
};

struct GateSettings {
  std::int64_t requests_per_minute = 6000;  // of one key; 0: no limit of any kind
  std::int64_t address_requests_per_minute = 60000;
  std::int64_t failed_sign_ins_per_minute = 60;  // of one address
  std::vector<std::string> trusted_proxies;
};

class Gate {
 public:
  // Throws Error for a proxy that is not an address.
  Gate(const GateSettings& settings, FrontMetrics& metrics);

  [[nodiscard]] IpAddress client_of(const IpAddress& peer, const RequestHead& head) const {
    return proxies_.client_of(peer, head);
  }

  // Throws Limited.
  void count_address(const IpAddress& client);

  // Who signs in with the request's Authorization. Throws ApiError unauthorized, or Limited after too many failures from
  // `client`; a key that has worked lately is always let in, so that one client's mistake does not lock out its neighbours.
  [[nodiscard]] Principal sign_in(const RequestHead& head, const IpAddress& client, Engine& engine);

  // Throws Limited.
  void count_key(const Principal& principal);

 private:
  // Fingerprints of the keys that worked last, each in the one slot it can have.
  class RecentKeys {
   public:
    RecentKeys();
    void remember(std::string_view key) { slot_of(key).store(print_of(key), std::memory_order_relaxed); }
    [[nodiscard]] bool contains(std::string_view key) const;

   private:
    [[nodiscard]] std::uint64_t print_of(std::string_view key) const;
    [[nodiscard]] std::atomic<std::uint64_t>& slot_of(std::string_view key);
    std::uint64_t seed_;
    std::array<std::atomic<std::uint64_t>, 1024> slots_{};
  };

  TrustedProxies proxies_;
  Limiter addresses_;
  Limiter keys_;
  Limiter failures_;
  RecentKeys recent_;
  FrontMetrics& metrics_;
};

}  // namespace punctual
