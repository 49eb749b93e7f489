// The rules a descriptor must keep before its plugin is used. Main thread only.
#pragma once

#include <filesystem>
#include <vector>

#include "host/plugin_library.hpp"
#include "punctual/plugin.h"

namespace punctual {

// Walks the chain that begins at `first` and checks each descriptor; throws PluginRefused at the first that breaks a rule.
// Reads no field of a descriptor before its size and ABI are known to be ours, or for a notifier those of the first version
// or a later one.
[[nodiscard]] std::vector<Plugin> check_descriptors(const std::filesystem::path& file, const punctual_plugin* first);

}  // namespace punctual
