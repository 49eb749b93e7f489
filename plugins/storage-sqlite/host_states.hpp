// The role HostStates on SQLite: every change is one job of the writer.
#pragma once

#include "punctual/storage.hpp"
#include "reader_pool.hpp"
#include "writer.hpp"

namespace punctual::sqlite {

class SqliteHostStates final : public HostStates {
 public:
  SqliteHostStates(Writer& writer, ReaderPool& readers) : writer_(writer), readers_(readers) {}

  [[nodiscard]] std::vector<HostState> list() override;
  [[nodiscard]] std::vector<HostChange> report(std::span<const HostReport> reports) override;
  [[nodiscard]] std::vector<HostAnswer> ask(std::span<const HostQuestion> questions, Time now) override;
  [[nodiscard]] LetGo advance(Time now) override;
  [[nodiscard]] std::size_t count_held(std::size_t most) override;

 private:
  Writer& writer_;
  ReaderPool& readers_;
};

}  // namespace punctual::sqlite
