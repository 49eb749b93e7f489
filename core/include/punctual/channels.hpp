// Channels: whom an organisation tells what has happened, and the notices that are still to be told. A role of Storage; what
// storage.hpp says at its beginning about threads, transactions, instants and errors holds here too.
//
// A notice is one event for one channel. It is stored by the transaction of what it tells of, for each channel of the
// organisation that is enabled and wants the event at that moment, and for none when there is none; it leaves when it has been
// told. What is given up stays as `dead` until somebody tries it again, its channel is deleted, or it expires.
//
// Which function stores which notices:
//   task_failed          WorkStore::settle: a run of the task has ended as failed, timeout or missed (no retry was stored),
//                        and the one that ended before had not, or there was none; unless notify_on_failure of the task,
//                        or where that is unset of its organisation, is false
//   task_recovered       WorkStore::settle: a run has ended as success, and the one that ended before had failed; unless
//                        notify_on_recovery is false
//   task_disabled        WorkStore::settle, Schedules::advance: with Settlement::disable and ScheduleStep::disable; detail is
//                        that of the audit entry
//   quota_warning,       Quotas::take_notices: near and reached; detail is that of the audit entry
//   quota_reached
//   host_circuit_opened  HostStates::report: a circuit has opened that was not open (HostState::openings is 1)
//   queue_stalled        Channels::note_stalled_queues
// In which order runs end stands at Settlement::messages.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "punctual/storage.hpp"

namespace punctual {

using ChannelId = Id<struct ChannelKind>;
using NoticeId = Id<struct NoticeKind>;

enum class NoticeEvent : std::uint8_t {
  task_failed,
  task_recovered,
  task_disabled,
  queue_stalled,
  quota_warning,
  quota_reached,
  host_circuit_opened,
};
inline constexpr std::array notice_events{NoticeEvent::task_failed,        NoticeEvent::task_recovered,
                                          NoticeEvent::task_disabled,      NoticeEvent::queue_stalled,
                                          NoticeEvent::quota_warning,      NoticeEvent::quota_reached,
                                          NoticeEvent::host_circuit_opened};

// The names used in the API, in storage and in punctual_event::kind.
[[nodiscard]] constexpr std::string_view name_of(NoticeEvent value) {
  constexpr std::array<std::string_view, notice_events.size()> names{
      "task.failed",   "task.recovered", "task.disabled",      "queue.stalled",
      "quota.warning", "quota.reached",  "host.circuit_opened"};
  return names[static_cast<std::size_t>(value)];
}
template <>
[[nodiscard]] constexpr std::optional<NoticeEvent> parse_name<NoticeEvent>(std::string_view text) {
  for (const auto event : notice_events) {
    if (name_of(event) == text) return event;
  }
  return std::nullopt;
}

// A set of events. All of them includes those that later versions add.
struct NoticeEvents {
  std::uint32_t bits = all_bits;
  static constexpr std::uint32_t all_bits = 0x7fffffff;

  [[nodiscard]] static constexpr std::uint32_t bit(NoticeEvent event) { return 1U << static_cast<unsigned>(event); }
  [[nodiscard]] constexpr bool all() const { return bits == all_bits; }
  [[nodiscard]] constexpr bool contains(NoticeEvent event) const { return (bits & bit(event)) != 0; }
  friend bool operator==(const NoticeEvents&, const NoticeEvents&) = default;
};

struct Channel {
  ChannelId id;
  OrganizationId organization_id;
  std::string name;             // 1..255 bytes; unique in its organisation
  std::string plugin;           // "notifier-webhook"
  std::string settings = "{}";  // JSON object of texts by the whole names of the plugin's settings
  NoticeEvents events;
  bool enabled = true;
  Time inserted_at;
  Time updated_at;
  friend bool operator==(const Channel&, const Channel&) = default;
};

// No more than so many notices are told to one channel, each by itself, in a minute; what is more waits for the next minute and
// goes as one summary.
namespace notice_throttle {
inline constexpr int most_in_a_window = 10;
inline constexpr seconds window{60};
// What one summary tells of; the rest follows with the next.
inline constexpr int most_in_a_summary = 1000;
}  // namespace notice_throttle

struct NoticeClaim {
  NoticeId id;
  ClaimToken token{};
  friend auto operator<=>(const NoticeClaim&, const NoticeClaim&) = default;
};

// One notice with all that there is to tell. Task and execution are as they are stored now; absent where the event is not about
// one, or they are gone.
struct Notice {
  NoticeId id;
  ClaimToken token{};
  NoticeEvent event = NoticeEvent::task_failed;
  Time occurred_at;
  std::optional<Time>
      since;            // task_failed: when the run's first attempt was due; task_recovered: when the task had failed;
                        // queue_stalled: since when its head has been due
  std::string subject;  // queue, or host with port; empty for the rest
  std::string detail;
  std::optional<TaskId> task_id;
  std::string task_name;              // empty: the task is gone
  std::string task_url;               // the same
  std::optional<Method> task_method;  // the same
  // Its response_body is cut after 4096 bytes, at a UTF-8 boundary.
  std::optional<ExecutionDetail> execution;
  int attempts = 0;  // how often it has been told in vain
};

// What one channel is to be told in one go: one notice, or, as a summary, several.
struct ClaimedNotices {
  Channel channel;
  std::string organization_name;
  std::vector<Notice> notices;  // by occurred_at, then id; never empty
};

struct NoticeRequest {
  NodeId node;
  ClaimToken token{};  // the same for all notices of this claim
  Time now;
  std::size_t limit = 0;               // of ClaimedNotices, one a channel
  std::vector<std::string> plugins;    // of channels of these alone
  std::vector<ChannelId> passed_over;  // nothing of these
};

struct NoticeClaims {
  std::vector<ClaimedNotices> claimed;
  // When something more may be claimed, of any channel of these plugins that is not passed over: at once, when a notice
  // is to be claimed for which there was no room. A channel of which a notice is claimed does not count: settling that is what
  // makes the next claimable. nullopt: nothing waits.
  std::optional<Time> next_due;
};

// What came of telling one notice.
struct NoticeResult {
  enum class Kind : std::uint8_t { delivered, retry, dead };
  NoticeClaim claim;
  Kind kind = Kind::delivered;
  Time at;            // dead: since when; retry: when it is told again
  std::string error;  // retry, dead: why, for people
};

// A notice as people see it in a list.
struct NoticeRecord {
  NoticeId id;
  NoticeEvent event = NoticeEvent::task_failed;
  Time occurred_at;
  std::string subject;
  std::string detail;
  std::optional<TaskId> task_id;
  std::optional<ExecutionId> execution_id;
  int attempts = 0;
  std::optional<Time> next_at;  // when it is told next; nullopt: it is dead
  std::optional<Time> dead_at;
  std::string last_error;
};

struct NoticeQuery {
  OrganizationId organization_id;
  ChannelId channel_id;
  std::size_t limit = 50;
  std::size_t offset = 0;         // ignored when `after` is set
  std::optional<NoticeId> after;  // of the page before, its last
  std::optional<bool> dead;       // only those that are, or are not
};

struct StalledQueue {
  OrganizationId organization_id;
  std::string name;
  Time since;
};

// How a write of a client happens; as TaskWrite.
struct ChannelWrite {
  OrganizationId organization_id;
  Time now;
  std::optional<IdempotencyRecord> idempotency;
  const AuditEntry* audit = nullptr;  // written when something has changed
};

struct ChannelWriteOutcome {
  WriteResult result = WriteResult::applied;
  std::optional<StoredReply> replay;
};

class Channels {
 public:
  virtual ~Channels() = default;

  // ---- channels

  // By name.
  [[nodiscard]] virtual std::vector<Channel> list(OrganizationId organization) = 0;
  [[nodiscard]] virtual std::optional<Channel> find(OrganizationId organization, ChannelId id) = 0;
  // applied, replayed, key_reused; conflict: the name is taken; limit_exceeded: the organisation has most_channels.
  static constexpr std::size_t most_channels = 100;
  [[nodiscard]] virtual ChannelWriteOutcome create(const ChannelWrite& write, const Channel& channel) = 0;
  // Stores `channel` in place of the one with its id, whose updated_at must be `version`. What waits for it is told to the
  // channel as it is now. applied, replayed, key_reused, not_found, stale, or conflict: the name is taken.
  [[nodiscard]] virtual ChannelWriteOutcome update(const ChannelWrite& write, const Channel& channel, Time version) = 0;
  // Its notices go too. applied, replayed, key_reused, not_found.
  [[nodiscard]] virtual ChannelWriteOutcome remove(const ChannelWrite& write, ChannelId id) = 0;

  // ---- notices, for people

  // Newest first: by id descending. Those of a channel that does not exist: none.
  [[nodiscard]] virtual Page<NoticeRecord> list_notices(const NoticeQuery& query) = 0;
  // Dead notices of the channel are due at write.now again, as if they had never been told. `reply` is called with how many,
  // before the commit, perhaps on a thread of the backend. applied, replayed, key_reused, not_found.
  [[nodiscard]] virtual ChannelWriteOutcome revive(const ChannelWrite& write, ChannelId id,
                                                   const std::function<StoredReply(std::size_t)>& reply) = 0;

  // ---- notices, for the servers

  // Claims what is due at `now` of channels that are enabled; one ClaimedNotices a channel, and none of a channel of which a
  // notice is claimed already. Channels take turns by when their earliest was due. Of a channel:
  // - its window begins with the first claim at or after the end of the one before (notice_throttle::window);
  // - in a window most_in_a_window notices are given, each claim one of them, the earliest by next_at, then id;
  // - when the first claim of a window finds more than most_in_a_window due, it gives all of them, up to most_in_a_summary,
  //   the earliest by occurred_at, as a summary, and nothing more until the window has ended.
  // This holds on all servers together. A claim lasts until it is settled or released, or its node is dead (Leases).
  [[nodiscard]] virtual NoticeClaims claim(const NoticeRequest& request) = 0;
  // One transaction for all; each guarded by its claim, stale ones are ignored.
  virtual void settle(std::span<const NoticeResult> results) = 0;
  // Gives claims back, due as before; what they took of their window stays taken. Stale ones are ignored.
  virtual void release(std::span<const NoticeClaim> claims) = 0;
  [[nodiscard]] virtual std::vector<NoticeClaim> held(NodeId node) = 0;

  // Of all organisations, each counted up to `limit`.
  struct Sizes {
    std::size_t waiting = 0;
    std::size_t dead = 0;
  };
  [[nodiscard]] virtual Sizes sizes(std::size_t limit) = 0;
  // The plugins of enabled channels for which something waits that is not claimed; each once, by name.
  [[nodiscard]] virtual std::vector<std::string> waiting_plugins() = 0;
  // Gives up what is not claimed and has been due since before `now - patience` of enabled channels of this plugin, at most
  // `limit`: dead since `now`, with `error` for people. How many. For a plugin that nobody has loaded: what has been claimed
  // ends by itself.
  [[nodiscard]] virtual std::size_t give_up(const std::string& plugin, Time now, seconds patience,
                                            const std::string& error, std::size_t limit) = 0;
  // Deletes notices that have been dead since before `before`, at most `limit`; how many.
  [[nodiscard]] virtual std::size_t expire(Time before, std::size_t limit) = 0;

  // Stores a notice for every queue that is not paused, of organisations with a channel that wants it, that stands still:
  // nothing of it is running, and its head
  // - has been claimed before, is a retry (whenever that is due), or is held for its host; and
  // - is of a run whose first attempt was due before `now - patience`, which is since when the head has been due.
  // Once for each run at the head. The head is what WorkStore::claim says. Gives those it has stored something for.
  [[nodiscard]] virtual std::vector<StalledQueue> note_stalled_queues(Time now, seconds patience) = 0;
};

// ---- For backends. Pure; any thread.

namespace notice_body {

inline constexpr std::size_t most_bytes = 4096;

// Cuts the response_body of a notice, at a boundary of UTF-8.
inline void cut(std::string& body) {
  if (body.size() <= most_bytes) return;
  std::size_t end = most_bytes;
  while (end > 0 && (static_cast<unsigned char>(body[end]) & 0xc0) == 0x80) --end;
  body.resize(end);
}

}  // namespace notice_body

}  // namespace punctual
