#include "frontend/gate.hpp"

#include <functional>
#include <random>

#include "frontend/api_error.hpp"

namespace punctual {

namespace {

std::int64_t unless_off(const GateSettings& settings, std::int64_t limit) {
  return settings.requests_per_minute > 0 ? limit : 0;
}

// The text behind "Bearer", or "" when there is none, or more than one.
std::string_view bearer_token(const RequestHead& head) {
  constexpr std::string_view scheme = "bearer";
  const auto value = head.field("authorization");
  if (value.size() <= scheme.size() || !same_text(value.substr(0, scheme.size()), scheme)) return {};
  if (value[scheme.size()] != ' ' || head.count("authorization") != 1) return {};
  return trim_blanks(value.substr(scheme.size()));
}

}  // namespace

Gate::RecentKeys::RecentKeys() : seed_(std::random_device{}() * 0x9e3779b97f4a7c15ull + std::random_device{}()) {}

std::uint64_t Gate::RecentKeys::print_of(std::string_view key) const {
  return std::hash<std::string_view>{}(key) * (seed_ | 1) | 1;
}

std::atomic<std::uint64_t>& Gate::RecentKeys::slot_of(std::string_view key) {
  return slots_[(print_of(key) >> 32) % slots_.size()];
}

bool Gate::RecentKeys::contains(std::string_view key) const {
  const auto print = print_of(key);
  return slots_[(print >> 32) % slots_.size()].load(std::memory_order_relaxed) == print;
}

Gate::Gate(const GateSettings& settings, FrontMetrics& metrics)
    : proxies_(settings.trusted_proxies),
      addresses_(unless_off(settings, settings.address_requests_per_minute)),
      keys_(settings.requests_per_minute),
      failures_(unless_off(settings, settings.failed_sign_ins_per_minute)),
      metrics_(metrics) {}

void Gate::count_address(const IpAddress& client) {
  const auto verdict = addresses_.take(client.limited_as(), std::chrono::steady_clock::now());
  if (verdict.allowed) return;
  metrics_.limited_by_address.add();
  throw Limited(verdict);
}

Principal Gate::sign_in(const RequestHead& head, const IpAddress& client, Engine& engine) {
  const auto key = bearer_token(head);
  const auto now = std::chrono::steady_clock::now();
  if (!recent_.contains(key)) {
    if (const auto verdict = failures_.look(client.limited_as(), now); !verdict.allowed) {
      metrics_.limited_sign_ins.add();
      throw Limited(verdict);
    }
  }
  auto principal = key.empty() ? std::nullopt : engine.authenticate(key);
  if (!principal) {
    (void)failures_.take(client.limited_as(), now);
    throw ApiError(ErrorCode::unauthorized, "Invalid or missing API key");
  }
  recent_.remember(key);
  return std::move(*principal);
}

void Gate::count_key(const Principal& principal) {
  const auto verdict = keys_.take(principal.key_id.value.bytes, std::chrono::steady_clock::now());
  if (verdict.allowed) return;
  metrics_.limited_by_key.add();
  throw Limited(verdict);
}

}  // namespace punctual
