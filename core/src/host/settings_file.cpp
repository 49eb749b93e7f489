#include "host/settings_file.hpp"

#include <toml++/toml.h>

#include <fstream>
#include <sstream>

#include "host/masking.hpp"
#include "host/settings_reader.hpp"

namespace punctual {
namespace {

std::string contents(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  // Reading a folder opens well and fails later.
  if (in) text << in.rdbuf();
  if (!in || in.bad() || std::filesystem::is_directory(file)) {
    throw SettingsError(one_line(file.string()) + ": cannot be read");
  }
  return text.str();
}

std::optional<boost::json::value> to_json(const toml::node& node) {
  if (const auto* text = node.as_string()) return boost::json::value(text->get());
  if (const auto* number = node.as_integer()) return boost::json::value(number->get());
  if (const auto* flag = node.as_boolean()) return boost::json::value(flag->get());
  const auto* list = node.as_array();
  if (list == nullptr) return std::nullopt;
  boost::json::array items;
  for (const auto& item : *list) {
    const auto* text = item.as_string();
    if (text == nullptr) return std::nullopt;
    items.emplace_back(text->get());
  }
  return boost::json::value(std::move(items));
}

std::string to_text(const toml::node& node) {
  std::ostringstream out;
  node.visit([&](const auto& value) { out << value; });
  return out.str();
}

void flatten(const toml::table& table, const std::string& prefix, const std::string& file,
             std::vector<FileSetting>& out) {
  for (const auto& [key, node] : table) {
    const auto name = prefix + std::string(key.str());
    if (const auto* inner = node.as_table()) {
      flatten(*inner, name + ".", file, out);
    } else {
      out.push_back({name, to_json(node), to_text(node), file + ":" + std::to_string(key.source().begin.line)});
    }
  }
}

}  // namespace

std::vector<FileSetting> read_settings_file(const std::filesystem::path& file) {
  const auto text = contents(file);
  std::vector<FileSetting> out;
  try {
    flatten(toml::parse(text), "", file.string(), out);
  } catch (const toml::parse_error& problem) {
    throw SettingsError(one_line(mask_secrets(file.string() + ":" + std::to_string(problem.source().begin.line) +
                                              ": is not TOML: " + std::string(problem.description()))));
  }
  return out;
}

}  // namespace punctual
