// What other threads hand to a loop: deliveries to start and ids to cancel, in their order. Any thread may push, the loop
// takes.
#pragma once

#include <mutex>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "transport/transfer.hpp"

namespace punctual {

using Command = std::variant<StartedDelivery, ExecutionId>;  // start this; cancel that

class Inbox {
 public:
  enum class Pushed : std::uint8_t { first, further, closed };

  // Moves from `item`, a part of Command. first: the loop is to be woken. closed, and std::bad_alloc: `item` was left as
  // it was.
  template <class Item>
  [[nodiscard]] Pushed push(Item& item) {
    const std::lock_guard lock(mutex_);
    if (closed_) return Pushed::closed;
    commands_.emplace_back(std::in_place_type<Item>, std::move(item));
    return commands_.size() == 1 ? Pushed::first : Pushed::further;
  }

  // Takes nothing more.
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }

  // Moves what is there into the empty `out`. True: it was closed, this was the last.
  [[nodiscard]] bool take(std::vector<Command>& out) {
    const std::lock_guard lock(mutex_);
    std::swap(out, commands_);
    return closed_;
  }

 private:
  std::mutex mutex_;
  std::vector<Command> commands_;
  bool closed_ = false;
};

}  // namespace punctual
