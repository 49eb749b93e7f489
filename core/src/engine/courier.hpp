// Courier: delivers what is in the outbox: callbacks, and the news that a task has failed or recovered.
//
// A message is claimed when it is due, sent at once through the transport of its URL, and leaves the outbox when a 2xx came
// back; else it is sent again after 5, 20 and 60 s, and given up after that. Whatever happens to a server meanwhile, a message
// is sent at least once or given up, with the same webhook-id. It has places of its own (delivery.max_callbacks_in_flight):
// slow receivers of messages never take one of a delivery.
//
// One thread claims, sends and stores what came of it. All public functions may be called from any thread, but start, stop
// and the destructor only from the main thread.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "engine/background_loop.hpp"
#include "engine/engine_metrics.hpp"
#include "engine/lease.hpp"
#include "engine/messages_in_flight.hpp"
#include "engine/sender.hpp"
#include "engine/task_engine.hpp"
#include "identity/id_generator.hpp"

namespace punctual {

struct CourierMetrics {
  explicit CourierMetrics(Metrics& metrics);

  Counter& delivered;
  Counter& retried;
  Counter& given_up;
  Gauge& in_flight;
  Gauge& stored;
  Gauge& lag_seconds;
};

class Courier {
 public:
  // `sender` says which transport a URL has.
  Courier(Outbox& outbox, const Lease& lease, const Sender& sender, Clock& clock, Host& host, IdGenerator& ids,
          EngineMetrics& metrics, const EngineSettings& settings);

  void start() { loop_.start(); }

  // There may be messages due at `due`.
  void wake(Time due);

  // Nothing more is taken out of the outbox; what is under way goes on.
  void stop_claiming() { claims_ = false; }

  // After the transports' drain: stores what came of what was sent, trying for `limit`, gives the rest back, ends the thread.
  void stop(milliseconds limit) noexcept;

 private:
  // A message that needs no more sending for now.
  struct Ended {
    std::shared_ptr<const ClaimedMessage> message;
    DeliveryOutcome outcome;
    Time at;
  };
  struct State {
    std::vector<Ended> ended;
    Time claim_at = Time::min();
  };

  Time step();
  void claim(Time now);
  void send(ClaimedMessage message, Time now);
  void finish(Ended ended);
  void store_results();
  void count(const Ended& ended, const std::optional<Time>& retry_at);
  void look_around(Time now);
  void show(Time now);

  Outbox& outbox_;
  const Lease& lease_;
  const Sender& sender_;
  Clock& clock_;
  Host& host_;
  IdGenerator& ids_;
  Counter& storage_errors_;
  CourierMetrics metrics_;
  milliseconds poll_;
  milliseconds timeout_;
  bool compat_headers_;
  std::atomic<bool> claims_{true};
  Guarded<State> state_;

  // Of the loop's thread alone.
  MessagesInFlight in_flight_;
  bool more_ = false;             // something was due that has not been claimed
  bool at_once_ = false;          // and can be
  std::optional<Time> next_due_;  // as the last claim said
  Time next_look_ = Time::min();
  int failures_ = 0;  // in a row

  BackgroundLoop loop_;
};

}  // namespace punctual
