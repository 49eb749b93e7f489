// How every call into a plugin is wrapped.
#pragma once

#include <cxxabi.h>
#include <pthread.h>

#include <exception>
#include <optional>
#include <string>

#include "host/masking.hpp"

namespace punctual {

// Runs `call`. What it threw, as one line that may be shown, copied while the plugin is loaded; nullopt when it returned.
// When the plugin ends the thread (pthread_exit), everything up to the thread's first function is unwound as by an
// exception, which nobody may keep. The thread cannot be cancelled (pthread_cancel) from then on: it could be ended
// anywhere, also where nothing may be thrown.
// What unwinds the thread is no C++ object: the reference that it is caught by is null, which UBSan must not mind.
template <class Call>
[[nodiscard]] __attribute__((no_sanitize("null", "alignment"))) std::optional<std::string> thrown_by(Call&& call) {
  (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, nullptr);
  try {
    call();
    return std::nullopt;
  } catch (abi::__forced_unwind&) {
    throw;
  } catch (const std::exception& problem) {
    return one_line(mask_secrets(problem.what()));
  } catch (...) {
    return "something that is not a std::exception";
  }
}

}  // namespace punctual
