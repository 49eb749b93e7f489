#include "host/setting_names.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <vector>

namespace punctual {
namespace {

// Insertions, deletions, substitutions and swaps of neighbours.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

}  // namespace

std::string_view short_name(std::string_view setting) { return setting.substr(setting.find('.') + 1); }

const punctual_setting* find_setting(std::span<const punctual_setting> settings, std::string_view name) {
  const punctual_setting* found = nullptr;
  bool unique = true;
  for (const auto& setting : settings) {
    if (setting.name == name) return &setting;
    if (short_name(setting.name) != name) continue;
    unique = found == nullptr;
    found = &setting;
  }
  return unique ? found : nullptr;
}

std::optional<std::string_view> nearest_name(std::string_view name, std::span<const std::string_view> names) {
  std::optional<std::string_view> best;
  std::size_t best_distance = std::numeric_limits<std::size_t>::max();
  for (const auto known : names) {
    const auto distance = edit_distance(name, known);
    // With more than half of it wrong it is not a misspelling.
    if (distance < best_distance && 2 * distance <= std::max(name.size(), known.size())) {
      best = known;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace punctual
