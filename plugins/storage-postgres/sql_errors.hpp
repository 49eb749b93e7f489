// What Postgres reports by SQLSTATE (documentation, appendix A), as the errors of punctual/errors.hpp:
//   no state, class 08, 57P01 to 57P03 (shut down, crashed, cannot connect now) while a statement runs: Timeout, because the
//     statement may have taken place; whoever repeats it must be able to
//   40001, 40P01, 55P03 (serialisation, deadlock, lock not available): Unavailable; nothing took place
//   class 53, 57014 (out of resources, statement timeout), 25006 (a standby), 25P03, 25P04 (the transaction was idle or open
//     for too long, as when this machine stood still): Unavailable; nothing took place
//   classes 22 and 23 (data, constraints): RowRefused
//   XX001, XX002: Corrupt
//   anything else is a bug of this plugin or a missing grant: std::logic_error
// Any thread.
#pragma once

#include <string>
#include <string_view>

#include "punctual/errors.hpp"

namespace punctual::postgres {

// A row that the database will never take: the mistake of whoever sent it.
class RowRefused : public Invalid {
 public:
  explicit RowRefused(const std::string& what) : Invalid("request", "cannot be stored (" + what + ")") {}
};

// Nothing took place, and the same transaction may succeed at once.
class Collision : public Unavailable {
 public:
  explicit Collision(const std::string& what) : Unavailable(what) {}
};

// A Collision that lasted for as long as lock_timeout: somebody holds a lock and does not let go of it.
class LockHeld : public Collision {
 public:
  using Collision::Collision;
};

[[noreturn]] void throw_sql_error(std::string_view state, const std::string& text);

}  // namespace punctual::postgres
