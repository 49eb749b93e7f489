#include "transport/request_headers.hpp"

#include <strings.h>

#include <algorithm>

namespace punctual {
namespace {

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::any_of(names.begin(), names.end(), [&](auto other) { return same_name(name, other); });
}

bool belongs_to_connection(std::string_view name) {
  return is_one_of(name, {"host", "content-length", "transfer-encoding", "connection", "keep-alive", "proxy-connection",
                          "proxy-authorization", "te", "trailer", "upgrade", "expect", "http2-settings"});
}

// RFC 9110, 5.6.2.
bool is_token(std::string_view name) {
  constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  return !name.empty() && std::all_of(name.begin(), name.end(), [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           marks.find(c) != std::string_view::npos;
  });
}

bool is_value(std::string_view value) {
  return std::none_of(value.begin(), value.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\t') || byte == 0x7f;
  });
}

}  // namespace

bool RequestHeaders::assign(const Headers& headers) {
  text_.clear();
  starts_.clear();
  const auto add = [&](std::string_view name, std::string_view separator, std::string_view value) {
    starts_.push_back(text_.size());
    text_.append(name).append(separator).append(value).push_back('\0');
  };
  bool has_accept = false;
  bool has_content_type = false;
  for (const auto& [name, value] : headers) {
    if (!is_token(name) || !is_value(value)) return false;
    if (belongs_to_connection(name)) continue;
    has_accept |= same_name(name, "accept");
    has_content_type |= same_name(name, "content-type");
    // curl takes "Name:" as the wish to leave a header out, and "Name;" as one without a value.
    if (value.find_first_not_of(" \t") == std::string::npos) {
      add(name, ";", "");
    } else {
      add(name, ": ", value);
    }
  }
  if (!has_accept) add("Accept:", "", "");
  if (!has_content_type) add("Content-Type:", "", "");
  add("Expect:", "", "");

  nodes_.resize(starts_.size());
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    nodes_[i].data = text_.data() + starts_[i];
    nodes_[i].next = i + 1 < nodes_.size() ? &nodes_[i + 1] : nullptr;
  }
  return true;
}

void drop_private_headers(Headers& headers) {
  std::erase_if(headers, [](const auto& header) { return !is_one_of(header.first, {"user-agent", "content-type"}); });
}

void drop_body_headers(Headers& headers) {
  std::erase_if(headers, [](const auto& header) {
    return is_one_of(header.first, {"content-type", "content-encoding", "content-language", "content-location",
                                    "webhook-signature", "x-runlater-signature"});
  });
}

}  // namespace punctual
