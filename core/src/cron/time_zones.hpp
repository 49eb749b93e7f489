// The time zones of this machine, by their IANA names.
#pragma once

#include <memory>
#include <string_view>

namespace cctz {
class time_zone;
}

namespace punctual {

// The zone of this name, loaded once and kept for the life of the process; any thread. Null: no IANA name, or one that the
// machine's time zone data (TZDIR, else /usr/share/zoneinfo) lacks. Throws Unavailable when its data cannot be read now.
[[nodiscard]] std::shared_ptr<const cctz::time_zone> find_time_zone(std::string_view name);

}  // namespace punctual
