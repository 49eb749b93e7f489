// Undone: leaves a transaction that is to be rolled back, with what its caller is told. Value type.
#pragma once

#include <exception>
#include <utility>

#include "replies.hpp"

namespace punctual::postgres {

class Undone : public std::exception {
 public:
  explicit Undone(WriteResult result) : why{result, std::nullopt} {}
  explicit Undone(EarlierUse use) : why(std::move(use)) {}
  [[nodiscard]] const char* what() const noexcept override { return "rolled back"; }

  EarlierUse why;
};

}  // namespace punctual::postgres
