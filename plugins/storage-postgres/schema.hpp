// The schema and its steps. Several instances may migrate at once: one does, the others wait for it.
#pragma once

#include <string>

#include "punctual/storage.hpp"
#include "session.hpp"

namespace punctual::postgres {

// Inside the caller's transaction. Throws Conflict when the schema is newer than this plugin.
Migration migrate_schema(Session& session, const std::string& schema);

}  // namespace punctual::postgres
