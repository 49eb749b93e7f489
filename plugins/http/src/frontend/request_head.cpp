#include "frontend/request_head.hpp"

#include <algorithm>

#include "frontend/api_error.hpp"

namespace punctual {

namespace {

[[noreturn]] void refuse(std::string text) { throw ApiError(ErrorCode::bad_request, std::move(text), true); }

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

constexpr bool is_token_char(char c) {
  if ((c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z')) return true;
  return std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

// Takes the next line off `rest`. A bare LF ends a line, too (RFC 9112, 2.2).
std::string_view take_line(std::string_view& rest) {
  const auto end = rest.find('\n');
  auto line = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

void read_target(RequestHead& head, std::string_view target) {
  for (const char c : target) {
    if (c <= 0x20 || c == 0x7f) refuse("Malformed request target");
  }
  if (target != "*" && target.front() != '/') {  // RFC 9112, 3.2.2: absolute form must be understood
    const auto authority = target.find("://");
    if (authority == std::string_view::npos) refuse("Malformed request target");
    const auto scheme = target.substr(0, authority);
    if (!same_text(scheme, "http") && !same_text(scheme, "https")) refuse("Malformed request target");
    const auto path = target.find_first_of("/?#", authority + 3);
    target = path == std::string_view::npos ? std::string_view("/") : target.substr(path);
    if (target.front() != '/') refuse("Malformed request target");
  }
  head.target = target.substr(0, target.find('#'));
  const auto mark = head.target.find('?');
  head.path = head.target.substr(0, mark);
  head.query = mark == std::string_view::npos ? std::string_view{} : head.target.substr(mark + 1);
}

void read_request_line(RequestHead& head, std::string_view line) {
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) refuse("Malformed request line");
  head.method = line.substr(0, first);
  const auto version = line.substr(last + 1);
  if (!is_token(head.method)) refuse("Malformed request line");
  if (version == "HTTP/1.1") {
    head.minor_version = 1;
  } else if (version == "HTTP/1.0") {
    head.minor_version = 0;
  } else {
    refuse("Unsupported HTTP version");
  }
  if (last == first + 1) refuse("Malformed request line");
  read_target(head, line.substr(first + 1, last - first - 1));
}

RequestHead::Field read_field(std::string_view line) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) refuse("Malformed header field");
  const auto value = trim_blanks(line.substr(colon + 1));
  for (const char c : value) {
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f) refuse("Malformed header field");
  }
  return {line.substr(0, colon), value};
}

bool lists(std::string_view value, std::string_view wanted) {
  while (true) {
    const auto comma = value.find(',');
    if (same_text(trim_blanks(value.substr(0, comma)), wanted)) return true;
    if (comma == std::string_view::npos) return false;
    value.remove_prefix(comma + 1);
  }
}

void read_length(RequestHead& head, std::string_view value) {
  if (head.content_length) refuse("More than one Content-Length");
  if (value.empty() || value.find_first_not_of("0123456789") != std::string_view::npos) {
    refuse("Malformed Content-Length");
  }
  std::uint64_t length = 0;
  for (const char digit : value) length = std::min<std::uint64_t>(length * 10 + (digit - '0'), std::uint64_t{1} << 56);
  head.content_length = length;
}

// What the fields say about the framing of this message and about the connection.
void read_framing(RequestHead& head) {
  std::size_t hosts = 0;
  bool close = false;
  bool keep = false;
  for (const auto& [name, value] : head.fields) {
    if (same_text(name, "content-length")) {
      read_length(head, value);
    } else if (same_text(name, "transfer-encoding")) {
      if (head.chunked || !same_text(value, "chunked")) refuse("Unsupported Transfer-Encoding");
      head.chunked = true;
    } else if (same_text(name, "host")) {
      ++hosts;
    } else if (same_text(name, "connection")) {
      close = close || lists(value, "close");
      keep = keep || lists(value, "keep-alive");
    } else if (same_text(name, "expect")) {
      head.expects_continue = head.minor_version == 1 && same_text(value, "100-continue");
    }
  }
  if (head.chunked && (head.content_length || head.minor_version == 0)) refuse("Ambiguous message length");
  if (hosts > 1 || (hosts == 0 && head.minor_version == 1)) refuse("One Host header field is required");
  head.keep_alive = !close && (head.minor_version == 1 || keep);
}

}  // namespace

bool same_text(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return is_token_char(c); });
}

std::string_view trim_blanks(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::string_view RequestHead::field(std::string_view name) const {
  for (const auto& entry : fields) {
    if (same_text(entry.name, name)) return entry.value;
  }
  return {};
}

std::string RequestHead::list(std::string_view name) const {
  std::string out;
  for (const auto& entry : fields) {
    if (entry.value.empty() || !same_text(entry.name, name)) continue;
    if (!out.empty()) out += ", ";
    out += entry.value;
  }
  return out;
}

std::size_t RequestHead::count(std::string_view name) const {
  return static_cast<std::size_t>(
      std::count_if(fields.begin(), fields.end(), [&](const Field& entry) { return same_text(entry.name, name); }));
}

std::optional<std::size_t> find_head_end(std::string_view text, std::size_t from) {
  for (auto at = text.find('\n', from); at != std::string_view::npos; at = text.find('\n', at + 1)) {
    if (text.size() > at + 1 && text[at + 1] == '\n') return at + 2;
    if (text.size() > at + 2 && text[at + 1] == '\r' && text[at + 2] == '\n') return at + 3;
  }
  return std::nullopt;
}

RequestHead parse_head(std::string_view text) {
  RequestHead head;
  head.fields.reserve(16);
  auto rest = text;
  read_request_line(head, take_line(rest));
  for (auto line = take_line(rest); !line.empty(); line = take_line(rest)) {
    if (head.fields.size() == max_head_fields) refuse("Too many header fields");
    head.fields.push_back(read_field(line));
  }
  read_framing(head);
  return head;
}

}  // namespace punctual
