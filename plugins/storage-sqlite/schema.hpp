// The tables, and how older ones become them. Numbered steps, forward only; the number is pragma user_version.
#pragma once

#include "connection.hpp"
#include "punctual/storage.hpp"

namespace punctual::sqlite {

// Brings the schema to the newest version. Inside a write transaction, which is the lock. Throws Conflict when the schema is
// newer than this code.
[[nodiscard]] Migration migrate_schema(Connection& connection);

}  // namespace punctual::sqlite
