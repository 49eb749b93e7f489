#include "sql_errors.hpp"

#include <stdexcept>

namespace punctual::postgres {

void throw_sql_error(std::string_view state, const std::string& text) {
  const std::string what = "Postgres" + (state.empty() ? std::string{} : " " + std::string(state)) + ": " + text;
  const std::string_view kind = state.substr(0, 2);
  if (state.empty() || kind == "08" || state == "57P01" || state == "57P02" || state == "57P03") throw Timeout(what);
  if (state == "55P03") throw LockHeld(what);
  if (state == "40001" || state == "40P01") throw Collision(what);
  if (kind == "53" || kind == "57" || kind == "58") throw Unavailable(what);
  if (state == "25006" || state == "25P03" || state == "25P04") throw Unavailable(what);
  if (kind == "22" || kind == "23") throw RowRefused(what);
  if (state == "XX001" || state == "XX002") throw Corrupt(what);
  throw std::logic_error(what);
}

}  // namespace punctual::postgres
