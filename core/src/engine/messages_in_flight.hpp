// MessagesInFlight: the messages of the outbox that this node has claimed and not yet settled, and what more it may claim.
// Not synchronised.
//
// A tenth of the places is kept for organisations that have less than their equal share, so that one whose receivers are slow
// cannot take them all; the rest goes to whoever comes.
#pragma once

#include <cstddef>
#include <map>
#include <vector>

#include "punctual/outbox.hpp"

namespace punctual {

class MessagesInFlight {
 public:
  static constexpr std::size_t most_bytes = std::size_t{64} << 20;

  // `capacity`: how many at once.
  explicit MessagesInFlight(std::size_t capacity) : capacity_(capacity) {}

  // limit, bytes and passed_over of a MessageRequest. limit 0: nothing now.
  struct Allowance {
    std::size_t limit = 0;
    std::size_t bytes = 0;
    std::vector<OrganizationId> passed_over;
  };
  [[nodiscard]] Allowance allowance() const;

  void add(const ClaimedMessage& message);
  void remove(const MessageClaim& claim);
  [[nodiscard]] bool knows(const MessageClaim& claim) const { return messages_.contains(claim); }
  [[nodiscard]] std::size_t size() const noexcept { return messages_.size(); }

 private:
  struct Entry {
    OrganizationId organization_id;
    std::size_t bytes = 0;
  };

  std::size_t capacity_;
  std::size_t bytes_ = 0;  // of all contents together
  std::map<MessageClaim, Entry> messages_;
  std::map<OrganizationId, std::size_t> held_by_;  // how many of each
};

}  // namespace punctual
