// FrontMetrics: what the front end counts. Each series is looked up when it is first needed and remembered, so that counting
// takes no lookup and no series exists for what never happened. Every function may be called from any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "punctual/metrics.hpp"

namespace punctual {

struct ServerLoad {
  std::size_t threads = 0;
  std::size_t threads_busy = 0;     // that serve a request and do not wait for its client
  std::size_t requests_queued = 0;  // that wait for a thread
  std::size_t connections_open = 0;
};

class FrontMetrics {
 public:
  // `templates`: the path template of each route, by route number; the texts live as long as the process.
  FrontMetrics(Metrics& metrics, std::span<const std::string_view> templates);

  // For a request that met no route.
  static constexpr std::size_t no_route = static_cast<std::size_t>(-1);

  void request(std::size_t route, std::string_view method, int status, double seconds);
  void show(const ServerLoad& load);

  Counter& malformed;
  Counter& connections_refused;
  Counter& idle_connections_ended;
  Counter& requests_refused;
  Counter& limited_by_address;
  Counter& limited_by_key;
  Counter& limited_sign_ins;
  Counter& internal_errors;

 private:
  static constexpr std::size_t method_count = 8;
  static constexpr std::size_t class_count = 4;  // 2xx to 5xx
  struct PerRoute {
    std::string_view path;
    std::array<std::array<std::atomic<Counter*>, class_count>, method_count> requests{};
    std::atomic<Histogram*> duration{nullptr};
  };

  Metrics& metrics_;
  Gauge& threads_;
  Gauge& threads_busy_;
  Gauge& requests_queued_;
  Gauge& connections_open_;
  std::size_t last_;  // of routes_: no route
  std::unique_ptr<PerRoute[]> routes_;
};

}  // namespace punctual
