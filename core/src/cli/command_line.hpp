// The command line of `punctual`: reads the arguments, runs one command, says in one line what went wrong.
// Results go to standard output, everything else to standard error.
#pragma once

namespace punctual {

// The exit code: 0 done, 1 the command failed, 2 it was not understood (arguments, settings). Never throws. Main thread, once.
[[nodiscard]] int run_command_line(int argc, const char* const* argv) noexcept;

}  // namespace punctual
