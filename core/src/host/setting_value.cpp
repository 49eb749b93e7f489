#include "host/setting_value.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <stdexcept>
#include <utility>

namespace punctual {
namespace {

using Unit = std::pair<std::string_view, std::int64_t>;
constexpr std::array<Unit, 5> units{{{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}}};

std::optional<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

boost::json::array parse_list(std::string_view text) {
  boost::json::array items;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    if (const auto item = trimmed(text.substr(0, comma)); !item.empty()) items.emplace_back(item);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return items;
}

bool is_list_of_texts(const boost::json::value& value) {
  return value.is_array() && std::all_of(value.get_array().begin(), value.get_array().end(),
                                         [](const auto& item) { return item.is_string(); });
}

std::string joined(const boost::json::array& items) {
  std::string out;
  for (const auto& item : items) {
    if (!out.empty()) out += ',';
    out += item.as_string();
  }
  return out;
}

bool is_name_part(std::string_view part) {
  if (part.empty() || part.front() < 'a' || part.front() > 'z' || part.back() == '_') return false;
  return part.find("__") == std::string_view::npos && std::all_of(part.begin(), part.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
         });
}

}  // namespace

std::optional<milliseconds> parse_duration(std::string_view text) {
  const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto count = parse_integer(text.substr(0, digits));
  if (!count) return std::nullopt;
  const auto unit_text = digits == text.size() ? "s" : text.substr(digits);
  const auto unit =
      std::find_if(units.begin(), units.end(), [&](const Unit& known) { return known.first == unit_text; });
  if (unit == units.end() || *count > std::numeric_limits<std::int64_t>::max() / unit->second) return std::nullopt;
  return milliseconds{*count * unit->second};
}

std::string format_duration(milliseconds duration) {
  if (duration == milliseconds{0}) return "0s";
  const auto unit =
      std::find_if(units.begin(), units.end(), [&](const Unit& known) { return duration.count() % known.second == 0; });
  return std::to_string(duration.count() / unit->second) + std::string(unit->first);
}

std::optional<boost::json::value> parse_setting(punctual_setting_type type, std::string_view text) {
  switch (type) {
    case PUNCTUAL_STRING:
      return boost::json::value(text);
    case PUNCTUAL_INTEGER:
      if (const auto value = parse_integer(text)) return boost::json::value(*value);
      return std::nullopt;
    case PUNCTUAL_BOOLEAN:
      if (text == "true" || text == "false") return boost::json::value(text == "true");
      return std::nullopt;
    case PUNCTUAL_DURATION:
      if (const auto value = parse_duration(text)) return boost::json::value(std::int64_t{value->count()});
      return std::nullopt;
    case PUNCTUAL_STRING_LIST:
      return boost::json::value(parse_list(text));
  }
  throw std::logic_error("unknown setting type");
}

std::optional<boost::json::value> read_setting(punctual_setting_type type, const boost::json::value& value) {
  if (value.is_string()) return parse_setting(type, value.get_string());
  switch (type) {
    case PUNCTUAL_STRING:
      return std::nullopt;
    case PUNCTUAL_INTEGER:
      return value.is_int64() ? std::optional(value) : std::nullopt;
    case PUNCTUAL_BOOLEAN:
      return value.is_bool() ? std::optional(value) : std::nullopt;
    case PUNCTUAL_DURATION:
      return value.is_int64() ? parse_setting(type, std::to_string(value.get_int64())) : std::nullopt;
    case PUNCTUAL_STRING_LIST:
      return is_list_of_texts(value) ? std::optional(value) : std::nullopt;
  }
  throw std::logic_error("unknown setting type");
}

std::string written_setting(punctual_setting_type type, const boost::json::value& value) {
  if (type == PUNCTUAL_DURATION) return format_duration(milliseconds{value.as_int64()});
  return setting_for_plugin(type, value);
}

std::string setting_for_plugin(punctual_setting_type type, const boost::json::value& value) {
  switch (type) {
    case PUNCTUAL_STRING:
      return std::string(value.as_string());
    case PUNCTUAL_INTEGER:
    case PUNCTUAL_DURATION:
      return std::to_string(value.as_int64());
    case PUNCTUAL_BOOLEAN:
      return value.as_bool() ? "true" : "false";
    case PUNCTUAL_STRING_LIST:
      return joined(value.as_array());
  }
  throw std::logic_error("unknown setting type");
}

bool is_setting_type(std::int32_t type) { return type >= PUNCTUAL_STRING && type <= PUNCTUAL_STRING_LIST; }

bool is_setting_name(std::string_view name) {
  std::size_t parts = 0;
  for (;; ++parts) {
    const auto dot = name.find('.');
    if (!is_name_part(name.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return parts > 0;
    name.remove_prefix(dot + 1);
  }
}

std::string_view expected_form(punctual_setting_type type) {
  switch (type) {
    case PUNCTUAL_STRING:
      return "a text";
    case PUNCTUAL_INTEGER:
      return "an integer";
    case PUNCTUAL_BOOLEAN:
      return "true or false";
    case PUNCTUAL_DURATION:
      return "a duration such as 250ms, 30s, 5m, 2h or 1d";
    case PUNCTUAL_STRING_LIST:
      return "a list of texts";
  }
  throw std::logic_error("unknown setting type");
}

}  // namespace punctual
