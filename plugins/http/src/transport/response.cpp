#include "transport/response.hpp"

#include <strings.h>

#include <algorithm>
#include <charconv>

namespace punctual {
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blank = " \t\r\n";
  const auto first = text.find_first_not_of(blank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blank) - first + 1);
}

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace

void Response::clear() {
  status_ = 0;
  headers_complete_ = false;
  headers_.clear();
  header_bytes_ = 0;
  location_.clear();
  body_.clear();
  dropped_bytes_ = 0;
}

void Response::take_header_line(std::string_view line) {
  if (line.starts_with("HTTP/")) {
    clear();
    const auto space = line.find(' ');
    if (space != std::string_view::npos) {
      std::from_chars(line.data() + space + 1, line.data() + line.size(), status_);
    }
    return;
  }
  if (headers_complete_) return;
  if (trimmed(line).empty()) {
    headers_complete_ = true;
    return;
  }
  // A line that begins with white space continues the one before (RFC 9112, 5.2): withdrawn, and nothing we need uses it.
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || line.front() == ' ' || line.front() == '\t') return;
  keep_header(trimmed(line.substr(0, colon)), trimmed(line.substr(colon + 1)));
}

void Response::keep_header(std::string_view name, std::string_view value) {
  if (location_.empty() && same_name(name, "location")) location_ = value;
  const auto size = name.size() + value.size();
  const bool fits = headers_.size() < max_headers && header_bytes_ + size <= max_header_bytes;
  const bool needed = same_name(name, "retry-after") && size <= 1024;
  if (!fits && !needed) return;
  // Retries depend on it: it takes the place of the last one.
  if (headers_.size() == max_headers) headers_.pop_back();
  headers_.emplace_back(name, value);
  header_bytes_ += size;
}

bool Response::take_body(std::string_view bytes) {
  const auto room = max_body_bytes_ - body_.size();
  const auto kept = std::min(room, bytes.size());
  body_.append(bytes.substr(0, kept));
  dropped_bytes_ += bytes.size() - kept;
  return !gave_up_reading();
}

void Response::move_into(DeliveryOutcome& outcome) {
  outcome.status_code = status_;
  outcome.headers = std::move(headers_);
  outcome.body = std::move(body_);
  outcome.body_truncated = dropped_bytes_ > 0;
}

}  // namespace punctual
