// Turns what SQLite reports into the errors of punctual/errors.hpp. Any thread.
#pragma once

#include <SQLiteCpp/Exception.h>

#include <string_view>
#include <utility>

namespace punctual::sqlite {

// Throws Unavailable for what may pass (busy, full, input/output), Corrupt for a damaged file, std::logic_error for
// everything else: a statement or a value that should not have been.
[[noreturn]] void throw_translated(const SQLite::Exception& problem);

// As throw_translated, for a failed commit: after an input/output error it may or may not be on disk, which is Timeout.
[[noreturn]] void throw_commit_failed(const SQLite::Exception& problem);

// True when a unique, primary key, foreign key or check constraint refused the row.
[[nodiscard]] bool is_constraint(const SQLite::Exception& problem) noexcept;

template <class Work>
decltype(auto) translating_errors(Work&& work) {
  try {
    return std::forward<Work>(work)();
  } catch (const SQLite::Exception& problem) {
    throw_translated(problem);
  }
}

}  // namespace punctual::sqlite
