// Notifications: tells channels what has happened. Notices are stored with what they tell of (channels.hpp); here they are claimed
// when they are due, told through the notifier plugins, and settled: told, to be told again, or given up.
//
// Nothing of this is on the way of a task: the plugins have threads of their own, a channel that fails is left alone for a
// while, and what waits stays in storage. One thread claims and stores what came of it. All public functions may be called from
// any thread, but start, stop and the destructor only from the main thread.
#pragma once

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/background_loop.hpp"
#include "engine/engine_metrics.hpp"
#include "engine/lease.hpp"
#include "engine/notifiers.hpp"
#include "engine/task_engine.hpp"
#include "identity/id_generator.hpp"
#include "punctual/channels.hpp"

namespace punctual {

struct NotificationMetrics {
  explicit NotificationMetrics(Metrics& metrics);

  Counter& delivered;
  Counter& retried;
  Counter& dead;
  Gauge& in_flight;
  Gauge& circuits_open;
  Gauge& waiting_stored;
  Gauge& dead_stored;
};

class Notifications {
 public:
  // How often a notice is told before it is given up, and the waits between.
  static constexpr std::array<seconds, 7> waits{seconds{10},   seconds{30},   seconds{120}, seconds{600},
                                                seconds{1800}, seconds{3600}, seconds{7200}};
  // So many failures in a row, and a channel is left alone for host_rules::pause_after.
  static constexpr int failures_in_a_row = 3;
  // For so long notices wait for a plugin that is not loaded.
  static constexpr std::chrono::hours patience_without_plugin{7 * 24};

  Notifications(Channels& channels, Notifiers& notifiers, const Lease& lease, Clock& clock, Host& host,
                IdGenerator& ids, EngineMetrics& metrics, const EngineSettings& settings);

  void start() { loop_.start(); }

  // There may be notices that are due at `due`.
  void wake(Time due);

  // Nothing more is taken out of storage; what is under way goes on.
  void stop_claiming() { claims_ = false; }

  // After the notifiers' drain: stores what came of what was told, trying for `limit`, and ends the thread.
  void stop(milliseconds limit) noexcept;

 private:
  // What one channel was told.
  struct Told {
    ClaimedNotices notices;
    NotifierOutcome outcome;
    Time at;
  };
  struct Circuit {
    int failures = 0;  // in a row
    int openings = 0;  // in a row
    Time until;        // left alone before; while it is not, of its last failure
  };
  struct State {
    std::vector<Told> told;
    Time claim_at = Time::min();
  };

  Time step();
  void claim(Time now);
  void tell(ClaimedNotices notices);
  void store_results();
  [[nodiscard]] NoticeResult result_of(const Notice& notice, const Told& told) const;
  void count(const Told& told, std::span<const NoticeResult> results);
  void judge_channel(const Told& told);
  void look_around(Time now);
  void look_for_plugins(Time now);
  [[nodiscard]] std::vector<ChannelId> left_alone(Time now) const;

  Channels& channels_;
  Notifiers& notifiers_;
  const Lease& lease_;
  Clock& clock_;
  Host& host_;
  IdGenerator& ids_;
  Counter& storage_errors_;
  NotificationMetrics metrics_;
  const milliseconds poll_;
  const std::string public_url_;
  const std::vector<std::string> plugins_;
  std::atomic<bool> claims_{true};
  Guarded<State> state_;

  // Of the loop's thread alone.
  std::set<NoticeClaim> in_flight_;
  std::map<ChannelId, Circuit> circuits_;  // of channels that fail
  std::set<std::string> missing_;          // plugins that are not loaded and have been told of

  Time next_look_ = Time::min();
  int failures_ = 0;  // in a row

  BackgroundLoop loop_;
};

}  // namespace punctual
