// Tries again what failed for a reason that passes: a lost connection, a busy database.
#pragma once

#include <algorithm>
#include <chrono>
#include <exception>
#include <random>
#include <thread>

#include "punctual/errors.hpp"
#include "punctual/time.hpp"

namespace punctual {

// Between half of `base` and `base`, doubled with each attempt (from 1) up to 2 s.
[[nodiscard]] inline milliseconds transient_wait(int attempt, milliseconds base = milliseconds{20}) {
  thread_local std::minstd_rand random{std::random_device{}()};
  const auto top = std::min<std::int64_t>(base.count() << std::min(attempt - 1, 10), 2000);
  return milliseconds{std::uniform_int_distribution<std::int64_t>{top / 2, top}(random)};
}

// Calls `call`, which may be repeated even when it is unclear whether it took place, up to three times while it throws
// Unavailable or Timeout; for the request path, where somebody waits.
template <class Call>
auto retry_transient(Call call) {
  for (int attempt = 1;; ++attempt) {
    try {
      return call();
    } catch (const Unavailable&) {
      if (attempt == 3) throw;
    } catch (const Timeout&) {
      if (attempt == 3) throw;
    }
    std::this_thread::sleep_for(transient_wait(attempt));
  }
}

// Calls `call` until it does not throw, for `limit`, with `failed(what)` for each time that it does; false: it threw to the end.
template <class Call, class Failed>
bool insist_for(milliseconds limit, Call call, Failed failed) {
  const auto give_up = std::chrono::steady_clock::now() + limit;
  for (int attempt = 1;; ++attempt) {
    try {
      call();
      return true;
    } catch (const std::exception& error) {
      failed(error.what());
    }
    if (std::chrono::steady_clock::now() >= give_up) return false;
    std::this_thread::sleep_for(transient_wait(attempt));
  }
}

}  // namespace punctual
