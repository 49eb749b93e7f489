#include "support/frontend_settings.hpp"

#include <map>
#include <stdexcept>

#include "frontend/http_frontend.hpp"

namespace punctual::testing {

namespace {

boost::json::value typed(const punctual_setting& setting, const std::string& text) {
  switch (setting.type) {
    case PUNCTUAL_INTEGER:
      return std::stoll(text);
    case PUNCTUAL_BOOLEAN:
      return text == "true";
    case PUNCTUAL_DURATION: {
      std::size_t unit = 0;
      const auto count = std::stoll(text, &unit);
      return text.substr(unit) == "ms" ? count : count * 1000;
    }
    case PUNCTUAL_STRING_LIST: {
      boost::json::array items;
      for (std::size_t at = 0; at < text.size();) {
        const auto end = std::min(text.find(',', at), text.size());
        items.emplace_back(text.substr(at, end - at));
        at = end + 1;
      }
      return items;
    }
    default:
      return boost::json::string(text);
  }
}

Settings made_of(const std::map<std::string, std::string>& changes) {
  boost::json::object values;
  for (const auto& setting : http_frontend_settings()) {
    const auto changed = changes.find(setting.name);
    values[setting.name] = typed(setting, changed == changes.end() ? setting.default_value : changed->second);
  }
  for (const auto& [name, value] : changes) {
    if (!values.contains(name)) throw std::logic_error("no setting " + name);
  }
  return Settings(boost::json::serialize(values));
}

std::map<std::string, std::string> by_name(Changes changes) {
  std::map<std::string, std::string> out;
  for (const auto& change : changes) out[change.name] = change.value;
  return out;
}

}  // namespace

Settings settings_with(Changes changes) { return made_of(by_name(changes)); }

Settings settings_for_test(Changes changes) {
  auto all = by_name(changes);
  all.emplace("http.listen", "127.0.0.1:0");
  all.emplace("limits.requests_per_minute", "0");
  return made_of(all);
}

}  // namespace punctual::testing
