#include "engine/messages_in_flight.hpp"

#include <algorithm>

namespace punctual {

MessagesInFlight::Allowance MessagesInFlight::allowance() const {
  Allowance out;
  if (messages_.size() >= capacity_ || bytes_ >= most_bytes) return out;
  out.bytes = most_bytes - bytes_;
  const std::size_t open = capacity_ - capacity_ / 10;
  if (messages_.size() < open) {
    out.limit = open - messages_.size();
    return out;
  }
  out.limit = capacity_ - messages_.size();
  const std::size_t equal = std::max<std::size_t>(1, capacity_ / (held_by_.size() + 1));
  for (const auto& [organization, number] : held_by_) {
    if (number >= equal) out.passed_over.push_back(organization);
  }
  return out;
}

void MessagesInFlight::add(const ClaimedMessage& message) {
  const Entry entry{message.organization_id, message.content.size()};
  if (!messages_.emplace(MessageClaim{message.id, message.token}, entry).second) return;
  bytes_ += entry.bytes;
  ++held_by_[entry.organization_id];
}

void MessagesInFlight::remove(const MessageClaim& claim) {
  const auto found = messages_.find(claim);
  if (found == messages_.end()) return;
  bytes_ -= found->second.bytes;
  const auto number = held_by_.find(found->second.organization_id);
  if (--number->second == 0) held_by_.erase(number);
  messages_.erase(found);
}

}  // namespace punctual
