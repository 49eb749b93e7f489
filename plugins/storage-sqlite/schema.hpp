// The tables, and how older ones become them. Numbered steps, forward only; the number is pragma user_version.
#pragma once

#include "connection.hpp"
#include "punctual/storage.hpp"

namespace punctual::sqlite {

inline constexpr int newest_schema = 2;

// Brings the schema to version `to`; to an earlier one than the newest only in tests. Inside a write transaction, which is
// the lock. Throws Conflict when the schema is newer than that.
[[nodiscard]] Migration migrate_schema(Connection& connection, int to = newest_schema);

}  // namespace punctual::sqlite
