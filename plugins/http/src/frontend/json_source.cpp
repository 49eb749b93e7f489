#include "frontend/json_source.hpp"

#include <algorithm>
#include <boost/json.hpp>

namespace punctual {

namespace {

constexpr bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// Where the string that begins at `at` ends.
std::size_t string_end(std::string_view text, std::size_t at) {
  for (++at; at < text.size() && text[at] != '"'; ++at) {
    if (text[at] == '\\') ++at;
  }
  return std::min(at + 1, text.size());
}

// Where the object or array at the beginning of `text` ends.
std::size_t structure_end(std::string_view text) {
  std::size_t depth = 0;
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c == '"') {
      at = string_end(text, at);
      continue;
    }
    ++at;
    if (c == '{' || c == '[') ++depth;
    if ((c == '}' || c == ']') && --depth == 0) return at;
  }
  return text.size();
}

std::size_t value_end(std::string_view text) {
  if (text.starts_with('"')) return string_end(text, 0);
  if (text.starts_with('{') || text.starts_with('[')) return structure_end(text);
  const auto end = std::find_if(text.begin(), text.end(),
                                [](char c) { return is_space(c) || c == ',' || c == ':' || c == '}' || c == ']'; });
  return static_cast<std::size_t>(end - text.begin());
}

void skip_space(std::string_view& rest) {
  while (!rest.empty() && is_space(rest.front())) rest.remove_prefix(1);
}

// Skips one character, a bracket, comma or colon, and the space around it.
void skip_mark(std::string_view& rest) {
  skip_space(rest);
  if (!rest.empty()) rest.remove_prefix(1);
  skip_space(rest);
}

std::string_view take_value(std::string_view& rest) {
  const auto value = rest.substr(0, value_end(rest));
  rest.remove_prefix(value.size());
  return value;
}

std::string_view unquoted(std::string_view written) { return written.substr(1, written.size() - 2); }

bool has_escape(std::string_view text) { return text.find('\\') != std::string_view::npos; }

bool is_key(std::string_view written, std::string_view key) {
  const auto text = unquoted(written);
  constexpr std::size_t longest_escape = 6;  // of one byte
  if (text.size() < key.size() || text.size() > key.size() * longest_escape) return false;
  return has_escape(text) ? decoded_key(written) == key : text == key;
}

}  // namespace

JsonMembers::JsonMembers(std::string_view object) : rest_(object) { skip_mark(rest_); }

std::optional<JsonMembers::Member> JsonMembers::next() {
  if (!rest_.starts_with('"')) return std::nullopt;
  Member member;
  member.key = take_value(rest_);
  skip_mark(rest_);
  member.value = take_value(rest_);
  skip_mark(rest_);
  return member;
}

std::string decoded_key(std::string_view written) {
  const auto text = unquoted(written);
  if (!has_escape(text)) return std::string(text);
  return std::string(boost::json::parse(written).get_string());
}

std::string_view member_source(std::string_view object, std::string_view key) {
  std::string_view source;
  JsonMembers members(object);
  while (const auto member = members.next()) {
    if (is_key(member->key, key)) source = member->value;
  }
  return source;
}

std::string_view ElementSources::at(std::size_t index) {
  if (!rest_) {
    rest_ = member_source(object_, key_);
    skip_mark(*rest_);
  }
  std::string_view element;
  for (; next_ <= index; ++next_) {
    element = take_value(*rest_);
    skip_mark(*rest_);
  }
  return element;
}

void append_compact(std::string& out, std::string_view source) {
  out.reserve(out.size() + source.size());
  for (std::size_t at = 0; at < source.size();) {
    if (is_space(source[at])) {
      ++at;
      continue;
    }
    const auto end = source[at] == '"' ? string_end(source, at) : at + 1;
    out.append(source, at, end - at);
    at = end;
  }
}

}  // namespace punctual
