// One thread that carries thousands of deliveries: curl's multi handle driven by epoll. post, cancel, finish and load may
// be called from any thread; everything else happens on the loop's own.
#pragma once

#include <curl/curl.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "punctual/host.hpp"
#include "transport/inbox.hpp"
#include "transport/lookup_gate.hpp"
#include "transport/outstanding.hpp"
#include "transport/transfer.hpp"
#include "transport/transport_metrics.hpp"

namespace punctual {

// A file descriptor that is closed at the end.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor();
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const noexcept { return fd_; }

 private:
  int fd_;
};

class DeliveryLoop final : private TransferListener {
 public:
  // Starts the thread. Everything referred to outlives the loop. Throws Error when the system lacks resources.
  DeliveryLoop(const TransferRules& rules, Host& host, TransportMetrics& metrics, Outstanding& outstanding);
  ~DeliveryLoop();  // after finish()
  DeliveryLoop(const DeliveryLoop&) = delete;
  DeliveryLoop& operator=(const DeliveryLoop&) = delete;

  // True: `started` was moved from; its completion runs once on the loop's thread, and Outstanding::remove is called after
  // that. False (the loop was finished) and std::bad_alloc: `started` is untouched.
  [[nodiscard]] bool post(StartedDelivery& started);
  // Of ids that the loop does not have: nothing.
  void cancel(ExecutionId id);
  // Cancels what is under way, waits for the completions and joins the thread.
  void finish();
  // Deliveries handed over and not ended.
  [[nodiscard]] std::size_t load() const noexcept { return load_.load(std::memory_order_relaxed); }

 private:
  struct CleanupMulti {
    void operator()(CURLM* multi) const noexcept { curl_multi_cleanup(multi); }
  };

  void set_up_multi();
  void wake() noexcept;
  void run();
  [[nodiscard]] int wait_limit() const;
  void take_inbox();
  void run_commands();
  void begin(StartedDelivery started);
  void enter_gate(Transfer& transfer);
  void admit_all();
  void send(Transfer& transfer, Lookup lookup);
  void run_timer();
  void note_connecting();
  void reap();
  void end_transfer(Transfer& transfer, CURLcode code);
  void end_late();
  void cancel_now(ExecutionId id);
  void cancel_everything();
  void abort(Transfer& transfer, DeliveryOutcome outcome);
  void complete(Transfer& transfer, DeliveryOutcome outcome);
  void report(DeliveryCompletion completion, DeliveryOutcome outcome);
  [[nodiscard]] std::unique_ptr<Transfer> new_transfer();

  void on_connecting(Transfer& transfer, bool address_known) override;
  static int on_socket(CURL*, curl_socket_t fd, int what, void* self, void* known);
  static int on_timer(CURLM*, long timeout_ms, void* self);

  const TransferRules& rules_;
  Host& host_;
  TransportMetrics& metrics_;
  Outstanding& outstanding_;
  std::atomic<std::size_t> load_{0};
  Inbox inbox_;
  Descriptor epoll_;
  Descriptor wakeup_;

  std::unique_ptr<CURLM, CleanupMulti> multi_;
  bool inbox_filled_ = false;  // since it was last taken
  std::vector<Command> commands_;
  std::size_t next_command_ = 0;
  bool closed_ = false;
  std::vector<std::unique_ptr<Transfer>> transfers_;  // in use
  std::vector<ExecutionId> ids_;                      // of transfers_, side by side so that cancelling scans little
  std::vector<std::unique_ptr<Transfer>> spare_;
  LookupGate gate_;
  std::vector<LookupGate::Admitted> admitted_;
  std::vector<std::pair<Transfer*, bool>> connecting_;
  std::optional<Steady::time_point> timer_;
  Steady::time_point next_late_check_{};

  std::thread thread_;
};

}  // namespace punctual
