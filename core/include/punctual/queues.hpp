// Queues: what is set for the lines of an organisation's executions, and the role of Storage that keeps it. What holds for
// all roles (threads, errors, transactions) stands in storage.hpp; what a claim makes of it, at WorkStore::claim.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "punctual/errors.hpp"
#include "punctual/storage.hpp"

namespace punctual {

inline constexpr int max_queue_concurrency = 100;
inline constexpr int max_queue_rate = 100'000;

// No more than `count` of a queue are started in any span of time that is as long as `period` (without its end).
struct QueueRate {
  int count = 1;      // 1..max_queue_rate
  seconds period{1};  // a second, a minute or an hour
  friend bool operator==(const QueueRate&, const QueueRate&) = default;
};

// "10/s", "100/m", "1000/h".
[[nodiscard]] inline std::string text_of(const QueueRate& rate) {
  return std::to_string(rate.count) + (rate.period == seconds{1} ? "/s" : rate.period == seconds{60} ? "/m" : "/h");
}

// nullopt: not written so, or beyond the bounds.
[[nodiscard]] inline std::optional<QueueRate> parse_queue_rate(std::string_view text) {
  if (text.size() < 3 || text[0] < '1' || text[0] > '9') return std::nullopt;
  const auto unit = text.substr(text.size() - 2);
  QueueRate rate;
  if (unit == "/m") {
    rate.period = seconds{60};
  } else if (unit == "/h") {
    rate.period = seconds{3600};
  } else if (unit != "/s") {
    return std::nullopt;
  }
  const char* end = text.data() + text.size() - unit.size();
  const auto read = std::from_chars(text.data(), end, rate.count);
  if (read.ec != std::errc{} || read.ptr != end || rate.count > max_queue_rate) return std::nullopt;
  return rate;
}

// As it was stored by text_of. Throws Corrupt when it was not.
[[nodiscard]] inline std::optional<QueueRate> stored_queue_rate(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  const auto rate = parse_queue_rate(*text);
  if (!rate) throw Corrupt("a stored rate of a queue is none: " + *text);
  return rate;
}

// How a rate is kept: by a bucket that holds `at_once` starts, loses one with each start and gets one back every `every`
// (ITU-T I.371, the generic cell rate algorithm). In a span of the period that are never more than
// at_once + period / every - 1 starts, which is the rate's count. The bucket is as small as the number of starts that belong
// to 50 ms: enough for a start that comes a little late not to slow down those that follow, and no burst to speak of.
//
// The one thing that is stored is `next_at`, when the bucket is full; nullopt: it is.
struct QueuePace {
  int at_once = 1;
  microseconds every{};

  explicit QueuePace(const QueueRate& rate)
      : at_once(std::max(1, static_cast<int>(rate.count / (20 * rate.period.count())))) {
    const std::int64_t fills = rate.count - at_once + 1;
    every = microseconds{(microseconds{rate.period}.count() + fills - 1) / fills};
  }

  // How many may be started at `now`.
  [[nodiscard]] int starts_left(std::optional<Time> next_at, Time now) const {
    if (!next_at || *next_at <= now) return at_once;
    const std::int64_t missing = (*next_at - now + every - microseconds{1}) / every;
    return missing >= at_once ? 0 : at_once - static_cast<int>(missing);
  }
  // next_at after `starts` at `now`.
  [[nodiscard]] Time after(std::optional<Time> next_at, Time now, int starts) const {
    return std::max(next_at.value_or(now), now) + every * starts;
  }
  // When there is one start in the bucket.
  [[nodiscard]] Time first_start(Time next_at) const { return next_at - every * (at_once - 1); }
  // When a line that has used its starts up is worth a look: half of the bucket is full, so that a claim brings several.
  [[nodiscard]] Time worth_a_look(Time next_at) const { return next_at - every * (at_once / 2); }
};

struct Queue {
  std::string name;  // 1..255 characters
  bool paused = false;
  int concurrency = 1;            // how many may run at once; 1..max_queue_concurrency
  std::optional<QueueRate> rate;  // nullopt: without
  std::int64_t pending = 0;
  std::int64_t running = 0;
};

struct QueueChange {
  std::optional<int> concurrency;  // nullopt: stays
  bool changes_rate = false;
  std::optional<QueueRate> rate;  // with changes_rate; nullopt: none from now on
};

// `reply` of a change: called with the queue as it was set and as it will be, before the commit, and gives what is stored for
// the idempotency key; perhaps on a thread of the backend, perhaps more than once, the last call counts. `before` has no
// counts.
using QueueReply = std::function<StoredReply(const Queue& before, const Queue& after)>;

struct PauseOutcome {
  TaskWriteOutcome write;     // `revoked`: claims of this node that are void now
  std::vector<TaskId> asked;  // held_elsewhere: the tasks of the claims that their servers have to say something about
};

// The task_id of a TaskWrite is not used here; its audit entry is written where what is set for the queue is not as it was.
// Results are applied, replayed, key_reused and what is named in addition.
class QueueStore {
 public:
  virtual ~QueueStore() = default;

  // Those for which something is set and those with executions that are pending or running, by the bytes of their names.
  // Looks at nothing that has ended.
  [[nodiscard]] virtual std::vector<Queue> list(OrganizationId organization) = 0;
  // nullopt: nothing is set for it, and it has no such execution.
  [[nodiscard]] virtual std::optional<Queue> find(OrganizationId organization, std::string_view name) = 0;

  // Sets concurrency and rate, whether the queue is known or not. What runs beyond a lower concurrency runs on. A rate that
  // is set anew counts from its setting, one that is changed goes on from the last start.
  [[nodiscard]] virtual TaskWriteOutcome change(const TaskWrite& write, std::string_view name,
                                                const QueueChange& change, const QueueReply& reply) = 0;
  // Forgets what is set, a pause too. Or not_found: as in find. `forgetting` is called as the reply of a change is, with what
  // was set, without counts; where nothing was it is not.
  [[nodiscard]] virtual TaskWriteOutcome forget(const TaskWrite& write, std::string_view name,
                                                const std::function<void(const Queue& before)>& forgetting = {}) = 0;

  // Nothing of the line is claimed from now on, and its claims that are not being sent are void: the executions are pending
  // again. Those in `sending`, and those that another node has marked as started, go on. Or held_elsewhere: the line is
  // paused, but the key is not used, and another node has a claim that is not marked; to be called again.
  [[nodiscard]] virtual PauseOutcome pause(const TaskWrite& write, std::string_view name) = 0;
  // What is first in the line is claimable at once.
  [[nodiscard]] virtual TaskWriteOutcome resume(const TaskWrite& write, std::string_view name) = 0;
};

}  // namespace punctual
