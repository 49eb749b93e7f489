// The role Schedules on SQLite.
#pragma once

#include "punctual/storage.hpp"
#include "reader_pool.hpp"
#include "writer.hpp"

namespace punctual::sqlite {

class SqliteSchedules final : public Schedules {
 public:
  SqliteSchedules(Writer& writer, ReaderPool& readers) : writer_(writer), readers_(readers) {}

  // With more due than `limit`, `next` is the first that was left out.
  [[nodiscard]] Due due(Time horizon, std::size_t limit) override;
  [[nodiscard]] std::vector<std::size_t> advance(std::span<const ScheduleStep> steps) override;

 private:
  Writer& writer_;
  ReaderPool& readers_;
};

}  // namespace punctual::sqlite
