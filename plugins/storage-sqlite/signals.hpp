// The role Signals on SQLite: one server a file, so there is nobody to hear from and nobody to tell.
#pragma once

#include "punctual/storage.hpp"

namespace punctual::sqlite {

class SqliteSignals final : public Signals {
 public:
  void listen(std::function<void(const Signal&)>) override {}
  void stop_listening() noexcept override {}
  void send(const Signal&) noexcept override {}
};

}  // namespace punctual::sqlite
