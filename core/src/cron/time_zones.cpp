#include "cron/time_zones.hpp"

#include <cctz/time_zone.h>

#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <string>

#include "punctual/errors.hpp"

namespace punctual {
namespace {

// Letters, digits, '+', '-' and '_' in parts that begin with a letter and are parted by '/': what the names of the IANA
// database look like. Leaves no way to another directory, and none to what cctz reads into other names ("libc:…").
bool looks_like_zone(std::string_view name) {
  bool part_begins = true;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (part_begins ? std::isalpha(byte) == 0
                    : std::isalnum(byte) == 0 && c != '+' && c != '-' && c != '_' && c != '/') {
      return false;
    }
    part_begins = c == '/';
  }
  return !part_begins && name.size() <= 64;
}

// Entries of the zone directory that are not zones of the database but this machine's zone or other forms of the others.
bool is_local_entry(std::string_view name) {
  return name == "localtime" || name == "posixrules" || name.starts_with("posix/") || name.starts_with("right/");
}

// cctz remembers every name it was ever asked for, and a failure for good. So it is asked only for what is there and can be
// read.
bool has_data(const std::string& name) {
  const char* setting = std::getenv("TZDIR");
  const std::filesystem::path directory = setting != nullptr ? setting : "/usr/share/zoneinfo";
  std::error_code error;
  if (!std::filesystem::is_directory(directory, error)) throw Unavailable("the time zone data cannot be read");
  const auto status = std::filesystem::status(directory / name, error);
  // Not there is an answer; not to be seen is none.
  if (status.type() == std::filesystem::file_type::none) throw Unavailable("the time zone data cannot be read");
  if (!std::filesystem::is_regular_file(status)) return false;
  if (!std::ifstream(directory / name, std::ios::binary)) {
    throw Unavailable("time zone data of " + name + " cannot be read");
  }
  return true;
}

class LoadedZones {
 public:
  std::shared_ptr<const cctz::time_zone> find(std::string_view name) {
    const std::lock_guard lock(mutex_);
    if (const auto found = zones_.find(name); found != zones_.end()) return found->second;
    const std::string key(name);
    if (key != "UTC" && !has_data(key)) return nullptr;
    cctz::time_zone zone;
    if (!cctz::load_time_zone(key, &zone)) return nullptr;
    return zones_.emplace(key, std::make_shared<const cctz::time_zone>(zone)).first->second;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const cctz::time_zone>, std::less<>> zones_;
};

}  // namespace

std::shared_ptr<const cctz::time_zone> find_time_zone(std::string_view name) {
  static LoadedZones zones;
  if (!looks_like_zone(name) || is_local_entry(name)) return nullptr;
  return zones.find(name);
}

}  // namespace punctual
