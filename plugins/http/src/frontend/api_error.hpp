// The one shape in which every error is answered, and the exception that carries one to where replies are made.
// Value types; every function may be called from any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "punctual/errors.hpp"

namespace punctual {

enum class ErrorCode : std::uint8_t {
  bad_request,
  invalid_json,
  invalid_params,
  invalid_delay,
  invalid_run_at,
  unauthorized,
  not_found,
  method_not_allowed,
  not_acceptable,
  conflict,
  length_required,
  payload_too_large,
  unsupported_media_type,
  validation_error,
  limit_exceeded,
  idempotency_key_reused,
  rate_limited,
  internal,
  service_unavailable,
};

struct ErrorCodeEntry {
  ErrorCode code;
  int status;
  std::string_view name;
};
// All of them, by ascending status.
[[nodiscard]] std::span<const ErrorCodeEntry> error_codes();

[[nodiscard]] int status_of(ErrorCode code);
[[nodiscard]] std::string_view name_of(ErrorCode code);

// {"error":{"code":…,"message":…[,"details":{…}]}}
[[nodiscard]] std::string error_body(ErrorCode code, std::string_view message,
                                     const Invalid::Fields* details = nullptr);

// Ends a request with an error reply. `closes`: what follows on the connection cannot be trusted to be a request.
class ApiError : public std::exception {
 public:
  ApiError(ErrorCode error_code, std::string text, bool closes_connection = false)
      : code(error_code), message(std::move(text)), closes(closes_connection) {}
  [[nodiscard]] const char* what() const noexcept override { return message.c_str(); }

  ErrorCode code;
  std::string message;
  bool closes;
};

}  // namespace punctual
