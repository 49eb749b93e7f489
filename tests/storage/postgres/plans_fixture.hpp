// PlansFixture: a store whose plans are worth looking at, with six weeks of finished work of two hundred organisations, and
// one that has far more pending than all others together.
#pragma once

#include <set>

#include "postgres/explained_session.hpp"
#include "support/storage_fixture.hpp"

namespace punctual::testing {

struct PlansFixture : StorageFixture {
  PlansFixture();

  // What is pending is due one millisecond after the other from this on. One in 25 is not of the greedy organisation.
  static constexpr microseconds first_due = -24h;
  static constexpr int greedy = 100;

  void fill();                                                   // while plans made before know nothing of it
  void analyze();                                                // so that plans are made anew
  [[nodiscard]] static OrganizationId organization(int number);  // 0 to 199

  PostgresSession session = site.database().postgres()->connect();
  ExplainedSession explained{*site.database().postgres()};
};

// The most rows that one step of these plans met; what functions and other steps gave it counts too.
[[nodiscard]] double most_rows(const std::vector<Plan>& plans);
// The indexes of tables beginning with `table` that were used; a sequential scan is one named "Seq Scan".
[[nodiscard]] std::set<std::string> indexes_used(const std::vector<Plan>& plans, const std::string& table);
// The leaves of the table that were looked into by primary key.
[[nodiscard]] std::set<std::string> leaves_read(const std::vector<Plan>& plans, const std::string& table);

}  // namespace punctual::testing
