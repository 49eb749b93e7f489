#include "frontend/content_rules.hpp"

#include "frontend/api_error.hpp"

namespace punctual {

namespace {

std::string_view take_item(std::string_view& rest, char separator) {
  const auto end = rest.find(separator);
  const auto item = trim_blanks(rest.substr(0, end));
  rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
  return item;
}

// How closely a media range names application/json: 0 not at all.
int closeness(std::string_view range) {
  if (same_text(range, "application/json")) return 3;
  if (same_text(range, "application/*")) return 2;
  return range == "*/*" || range == "*" ? 1 : 0;
}

// A weight of nothing but zeros, "0" to "0.000", refuses the range.
bool refused(std::string_view parameters) {
  while (!parameters.empty()) {
    const auto parameter = take_item(parameters, ';');
    if (parameter.size() < 3 || !same_text(parameter.substr(0, 2), "q=")) continue;
    return parameter.substr(2).find_first_not_of("0.") == std::string_view::npos;
  }
  return false;
}

}  // namespace

bool accepts_json(std::string_view accept) {
  if (accept.empty()) return true;
  int closest = 0;
  bool accepted = false;
  while (!accept.empty()) {
    auto parameters = take_item(accept, ',');
    const auto close = closeness(take_item(parameters, ';'));
    if (close <= closest) continue;
    closest = close;
    accepted = !refused(parameters);
  }
  return accepted;
}

bool is_json_type(std::string_view content_type) {
  const auto type = take_item(content_type, ';');
  constexpr std::string_view suffix = "+json";
  return same_text(type, "application/json") ||
         (type.size() > suffix.size() && same_text(type.substr(type.size() - suffix.size()), suffix));
}

void check_content(const RequestHead& head, const Route& route, std::string_view body) {
  const auto type = head.field("content-type");
  const bool looked_at = route.body == BodyRule::required || !body.empty();
  if (looked_at && !type.empty() && !is_json_type(type)) {
    throw ApiError(ErrorCode::unsupported_media_type, "Content-Type must be application/json");
  }
  if (route.format == ReplyFormat::json && !accepts_json(head.list("accept"))) {
    throw ApiError(ErrorCode::not_acceptable, "Only application/json can be answered");
  }
}

}  // namespace punctual
