// ExplainedSession: a session as the plugin opens them, on which every statement tells the plan it was run by and how many
// rows each step of it met; statements inside of the functions in the database do so too. One thread.
#pragma once

#include <string>
#include <vector>

#include "session.hpp"
#include "support/postgres_database.hpp"

namespace punctual::testing {

// One node of a plan.
struct PlanStep {
  std::string type;  // "Index Scan", "Sort", …
  std::string table;
  std::string index;
  double loops = 0;      // 0: never executed
  double rows = 0;       // of all loops, as exact as Postgres rounds them
  double discarded = 0;  // were read and did not pass a filter

  [[nodiscard]] bool ran() const { return loops > 0; }
  [[nodiscard]] double read() const { return rows + discarded; }
};

struct Plan {
  std::string sql;
  std::vector<PlanStep> steps;
};

// Readable, for what a failed test prints.
[[nodiscard]] std::string text_of(const std::vector<Plan>& plans);

class ExplainedSession {
 public:
  explicit ExplainedSession(const PostgresDatabase& database);
  ExplainedSession(const ExplainedSession&) = delete;
  ExplainedSession& operator=(const ExplainedSession&) = delete;

  // The plans of all that `call(postgres::Session&)` runs, in the order in which they ended.
  template <class Call>
  std::vector<Plan> plans_of(Call&& call) {
    plans_.clear();
    call(session_);
    return std::move(plans_);
  }

 private:
  static void receive(void* self, const PGresult* notice);

  postgres::Session session_;
  std::vector<Plan> plans_;
};

}  // namespace punctual::testing
