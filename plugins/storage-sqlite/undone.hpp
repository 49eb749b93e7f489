// Undone: leaves a job of the writer whose changes are to be rolled back, with what its caller is told. Value type.
#pragma once

#include <exception>

#include "punctual/storage.hpp"

namespace punctual::sqlite {

class Undone : public std::exception {
 public:
  explicit Undone(WriteResult why) : result(why) {}
  [[nodiscard]] const char* what() const noexcept override { return "rolled back"; }

  WriteResult result;
};

}  // namespace punctual::sqlite
