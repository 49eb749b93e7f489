#include "frontend/api_error.hpp"

#include <array>

#include "frontend/json_text.hpp"

namespace punctual {

namespace {

constexpr std::array codes{
    ErrorCodeEntry{ErrorCode::bad_request, 400, "bad_request"},
    ErrorCodeEntry{ErrorCode::invalid_json, 400, "invalid_json"},
    ErrorCodeEntry{ErrorCode::invalid_params, 400, "invalid_params"},
    ErrorCodeEntry{ErrorCode::invalid_delay, 400, "invalid_delay"},
    ErrorCodeEntry{ErrorCode::invalid_run_at, 400, "invalid_run_at"},
    ErrorCodeEntry{ErrorCode::unauthorized, 401, "unauthorized"},
    ErrorCodeEntry{ErrorCode::not_found, 404, "not_found"},
    ErrorCodeEntry{ErrorCode::method_not_allowed, 405, "method_not_allowed"},
    ErrorCodeEntry{ErrorCode::not_acceptable, 406, "not_acceptable"},
    ErrorCodeEntry{ErrorCode::conflict, 409, "conflict"},
    ErrorCodeEntry{ErrorCode::length_required, 411, "length_required"},
    ErrorCodeEntry{ErrorCode::payload_too_large, 413, "payload_too_large"},
    ErrorCodeEntry{ErrorCode::unsupported_media_type, 415, "unsupported_media_type"},
    ErrorCodeEntry{ErrorCode::validation_error, 422, "validation_error"},
    ErrorCodeEntry{ErrorCode::limit_exceeded, 422, "limit_exceeded"},
    ErrorCodeEntry{ErrorCode::idempotency_key_reused, 422, "idempotency_key_reused"},
    ErrorCodeEntry{ErrorCode::rate_limited, 429, "rate_limited"},
    ErrorCodeEntry{ErrorCode::internal, 500, "internal"},
    ErrorCodeEntry{ErrorCode::service_unavailable, 503, "service_unavailable"},
};

constexpr bool in_order() {
  for (std::size_t i = 0; i < codes.size(); ++i) {
    if (codes[i].code != static_cast<ErrorCode>(i)) return false;
  }
  return codes.size() == static_cast<std::size_t>(ErrorCode::service_unavailable) + 1;
}
static_assert(in_order(), "an entry for each code, in the order of the enumerators");

}  // namespace

std::span<const ErrorCodeEntry> error_codes() { return codes; }

int status_of(ErrorCode code) { return codes[static_cast<std::size_t>(code)].status; }

std::string_view name_of(ErrorCode code) { return codes[static_cast<std::size_t>(code)].name; }

std::string error_body(ErrorCode code, std::string_view message, const Invalid::Fields* details) {
  std::string out;
  JsonText json(out);
  json.begin_object().key("error").begin_object();
  json.key("code").string(name_of(code)).key("message").string(message);
  if (details != nullptr) {
    json.key("details").begin_object();
    for (const auto& [field, problems] : *details) {
      json.key(field).begin_array();
      for (const auto& problem : problems) json.string(problem);
      json.end_array();
    }
    json.end_object();
  }
  json.end_object().end_object();
  return out;
}

}  // namespace punctual
