// The role Schedules on Postgres.
#pragma once

#include "claim_floor.hpp"
#include "punctual/storage.hpp"
#include "session_pool.hpp"

namespace punctual::postgres {

class PostgresSchedules final : public Schedules {
 public:
  PostgresSchedules(SessionPool& pool, ClaimFloor& floor) : pool_(pool), floor_(floor) {}

  [[nodiscard]] Due due(Time horizon, std::size_t limit) override;
  [[nodiscard]] std::vector<std::size_t> advance(std::span<const ScheduleStep> steps) override;

 private:
  SessionPool& pool_;
  ClaimFloor& floor_;
};

}  // namespace punctual::postgres
