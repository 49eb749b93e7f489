#include "errors.hpp"

#include <sqlite3.h>

#include <stdexcept>
#include <string>

#include "punctual/errors.hpp"

namespace punctual::sqlite {
namespace {

// The low byte of a result code is its class (https://www.sqlite.org/rescode.html, "Result Codes versus Error Codes").
int class_of(const SQLite::Exception& problem) noexcept { return problem.getErrorCode() & 0xff; }

}  // namespace

void throw_translated(const SQLite::Exception& problem) {
  const std::string text = std::string("SQLite: ") + problem.what();
  switch (class_of(problem)) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_NOMEM:
    case SQLITE_PROTOCOL:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_INTERRUPT:
      throw Unavailable(text);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      throw Corrupt(text);
    default:
      throw std::logic_error(text);
  }
}

void throw_commit_failed(const SQLite::Exception& problem) {
  if (class_of(problem) == SQLITE_IOERR) throw Timeout(std::string("SQLite: commit: ") + problem.what());
  throw_translated(problem);
}

bool is_constraint(const SQLite::Exception& problem) noexcept { return class_of(problem) == SQLITE_CONSTRAINT; }

}  // namespace punctual::sqlite
