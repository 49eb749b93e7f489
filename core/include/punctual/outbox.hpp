// Outbox: what is still to be told about attempts that have ended: callbacks, and the news that a task has failed or
// recovered. Messages are stored with the result that they tell of (Settlement::messages), and leave the outbox when they
// have been delivered or given up: none is lost, none is stored twice. A role of Storage; what storage.hpp says at its
// beginning about threads, transactions, instants and errors holds here too.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "punctual/ids.hpp"
#include "punctual/model.hpp"
#include "punctual/time.hpp"

namespace punctual {

// What receivers see as webhook-id: the same however often the message is sent.
using MessageId = Id<struct MessageKind>;

enum class MessageEvent : std::uint8_t { execution_completed, task_failed, task_recovered };

// The names used in messages and in storage.
[[nodiscard]] constexpr std::string_view name_of(MessageEvent value) {
  constexpr std::array<std::string_view, 3> names{"execution.completed", "task.failed", "task.recovered"};
  return names[static_cast<std::size_t>(value)];
}
template <>
[[nodiscard]] constexpr std::optional<MessageEvent> parse_name<MessageEvent>(std::string_view text) {
  for (const auto event :
       {MessageEvent::execution_completed, MessageEvent::task_failed, MessageEvent::task_recovered}) {
    if (name_of(event) == text) return event;
  }
  return std::nullopt;
}

struct NewMessage {
  MessageId id;  // follows from the execution and the event
  MessageEvent event = MessageEvent::execution_completed;
  std::string url;
  std::string content;  // any bytes
};

struct MessageClaim {
  MessageId id;
  ClaimToken token{};
  friend auto operator<=>(const MessageClaim&, const MessageClaim&) = default;
};

// Everything needed to send one message.
struct ClaimedMessage {
  MessageId id;
  ClaimToken token{};
  OrganizationId organization_id;
  TaskId task_id;
  ExecutionId execution_id;
  MessageEvent event = MessageEvent::execution_completed;
  bool final = false;  // the run has ended with that attempt
  // How that attempt has ended, where it is not as its settlement said: cancelled meanwhile.
  std::optional<ExecutionStatus> ended_as;
  int attempts = 0;  // how often it has been sent in vain
  std::string url;
  std::string content;
  std::vector<std::string> signing_secrets;   // the organisation's, newest first
  std::optional<Time> old_secret_until = {};  // Organization::old_secret_until
};

struct MessageRequest {
  NodeId node;
  ClaimToken token{};  // the same for all messages of this claim
  Time now;
  std::size_t limit = 0;
  std::size_t bytes = 0;                    // no more are claimed once their contents are as large as this together
  std::vector<OrganizationId> passed_over;  // nothing of these
};

struct MessageClaims {
  std::vector<ClaimedMessage> claimed;
  // When the earliest message that is unclaimed after this claim is due, whoever's it is. nullopt: there is none.
  std::optional<Time> next_due;
};

// What came of sending a message.
struct MessageResult {
  MessageClaim claim;
  std::optional<Time> retry_at;  // it is sent again then; nullopt: it leaves the outbox
};

class Outbox {
 public:
  virtual ~Outbox() = default;

  // Claims up to `limit` messages that are due at `now`, each organisation's earliest first; when more is due,
  // organisations take turns. A node without a lease claims nothing. A claim lasts until it is settled or released, or until
  // its node is dead (see Leases).
  [[nodiscard]] virtual MessageClaims claim(const MessageRequest& request) = 0;

  // One transaction for all; each is guarded by its claim, stale ones are ignored. How many were not.
  virtual std::size_t settle(std::span<const MessageResult> results) = 0;

  // Gives claims back, due as before. Stale ones are ignored.
  virtual void release(std::span<const MessageClaim> claims) = 0;

  // The claims stored under this lease.
  [[nodiscard]] virtual std::vector<MessageClaim> held(NodeId node) = 0;

  // How many messages there are, claimed or not; counted up to `limit`.
  [[nodiscard]] virtual std::size_t size(std::size_t limit) = 0;
};

}  // namespace punctual
