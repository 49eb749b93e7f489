// What the transport counts. Every function may be called from any thread.
#pragma once

#include <array>

#include "punctual/metrics.hpp"
#include "punctual/transport.hpp"

namespace punctual {

class TransportMetrics {
 public:
  explicit TransportMetrics(Metrics& metrics);

  void started() noexcept {
    started_.add();
    in_flight_.add(1);
  }
  void finished(const DeliveryOutcome& outcome) noexcept;
  void connected(bool opened) noexcept { (opened ? connections_opened_ : connections_reused_).add(); }

 private:
  Counter& started_;
  Gauge& in_flight_;
  std::array<Counter*, 5> finished_;  // by DeliveryResult
  Histogram& duration_;
  Counter& connections_opened_;
  Counter& connections_reused_;
};

}  // namespace punctual
