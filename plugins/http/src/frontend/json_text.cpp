#include "frontend/json_text.hpp"

#include <charconv>

namespace punctual {

namespace {

void append_quoted(std::string& out, std::string_view text) {
  static constexpr char digits[] = "0123456789abcdef";
  out += '"';
  std::size_t plain = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte >= 0x20 && byte != '"' && byte != '\\') continue;
    out.append(text, plain, i - plain);
    plain = i + 1;
    switch (byte) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        out += "\\u00";
        out += digits[byte >> 4];
        out += digits[byte & 0x0f];
    }
  }
  out.append(text, plain, text.size() - plain);
  out += '"';
}

template <class T>
std::string_view digits_of(char (&buffer)[32], T value) {
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  return {buffer, static_cast<std::size_t>(end - buffer)};
}

}  // namespace

void JsonText::separate() {
  if (comma_) out_ += ',';
  comma_ = true;
}

JsonText& JsonText::open(char bracket) {
  separate();
  out_ += bracket;
  comma_ = false;
  return *this;
}

JsonText& JsonText::close(char bracket) {
  out_ += bracket;
  comma_ = true;
  return *this;
}

JsonText& JsonText::key(std::string_view name) {
  separate();
  append_quoted(out_, name);
  out_ += ':';
  comma_ = false;
  return *this;
}

JsonText& JsonText::string(std::string_view text) {
  separate();
  append_quoted(out_, text);
  return *this;
}

JsonText& JsonText::number(std::int64_t value) {
  char buffer[32];
  return raw(digits_of(buffer, value));
}

JsonText& JsonText::boolean(bool value) { return raw(value ? "true" : "false"); }

JsonText& JsonText::null() { return raw("null"); }

JsonText& JsonText::time(Time value) {
  separate();
  out_ += '"';
  out_ += format_rfc3339(value);
  out_ += '"';
  return *this;
}

JsonText& JsonText::raw(std::string_view json) {
  separate();
  out_ += json;
  return *this;
}

void append_json(std::string& out, const boost::json::value& value) {
  char buffer[32];
  switch (value.kind()) {
    case boost::json::kind::null:
      out += "null";
      return;
    case boost::json::kind::bool_:
      out += value.get_bool() ? "true" : "false";
      return;
    case boost::json::kind::int64:
      out += digits_of(buffer, value.get_int64());
      return;
    case boost::json::kind::uint64:
      out += digits_of(buffer, value.get_uint64());
      return;
    case boost::json::kind::double_: {
      const auto digits = digits_of(buffer, value.get_double());
      out += digits;
      if (digits.find_first_of(".e") == std::string_view::npos) out += ".0";
      return;
    }
    case boost::json::kind::string:
      append_quoted(out, value.get_string());
      return;
    case boost::json::kind::array: {
      char before = '[';
      for (const auto& item : value.get_array()) {
        out += before;
        append_json(out, item);
        before = ',';
      }
      out += before == '[' ? "[]" : "]";
      return;
    }
    case boost::json::kind::object: {
      char before = '{';
      for (const auto& member : value.get_object()) {
        out += before;
        append_quoted(out, member.key());
        out += ':';
        append_json(out, member.value());
        before = ',';
      }
      out += before == '{' ? "{}" : "}";
      return;
    }
  }
}

}  // namespace punctual
