// Sends deliveries over HTTP/1.1 and HTTP/2: thousands at once on a few threads. The contract is Transport's.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "punctual/host.hpp"
#include "punctual/transport.hpp"
#include "transport/delivery_loop.hpp"
#include "transport/outstanding.hpp"
#include "transport/transfer.hpp"
#include "transport/transport_metrics.hpp"
#include "transport/transport_settings.hpp"

namespace punctual {

class HttpTransport final : public Transport {
 public:
  // Starts its threads and raises the process's soft limit of open files to the hard one. Throws Error when a setting
  // makes no sense.
  HttpTransport(const Settings& settings, Host& host);
  ~HttpTransport() override;

  [[nodiscard]] std::vector<std::string> schemes() const override;
  [[nodiscard]] std::optional<TargetProblem> check_target(std::string_view url) const override;
  void start(Delivery delivery, DeliveryCompletion completion) noexcept override;
  void cancel(ExecutionId id) noexcept override;
  void drain(milliseconds limit) noexcept override;

 private:
  [[nodiscard]] DeliveryLoop& pick_loop() noexcept;

  Host& host_;
  TransferRules rules_;
  TransportMetrics metrics_;
  Outstanding outstanding_;
  std::vector<std::unique_ptr<DeliveryLoop>> loops_;
  std::atomic<std::size_t> next_loop_{0};
  std::atomic<bool> draining_{false};
  std::mutex draining_once_;
};

}  // namespace punctual
