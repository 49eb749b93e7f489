// Answer: what a request is replied to with, before it becomes bytes. Value type.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "frontend/api_error.hpp"
#include "punctual/engine.hpp"

namespace punctual {

struct Answer {
  int status = 200;
  std::string body;
  std::string_view content_type = "application/json";                  // not sent without a body
  std::vector<std::pair<std::string_view, std::string>> headers = {};  // names must be literals
  bool close = false;                                                  // the connection ends after this reply
};

// What the engine gave for a change, and what it had stored for a repeated one.
[[nodiscard]] Answer answer_of(Reply reply);
[[nodiscard]] Answer replayed_answer(StoredReply stored);

// The one shape of an error. `details`: of a validation.
[[nodiscard]] Answer error_answer(ErrorCode code, std::string_view message, const Invalid::Fields* details = nullptr);
// 503, to be tried again after so long, at least a second.
[[nodiscard]] Answer unavailable_answer(std::string_view message, std::chrono::seconds retry_after = {});

struct ReplyStyle {
  bool close = false;          // say so, and mean it
  bool keep_alive_10 = false;  // an HTTP/1.0 client asked to keep the connection
};

// Status line and header fields with the empty line at the end, RFC 9112. Content-Length is that of the body, also where the
// body is not sent (HEAD); there is none with a status that has no body (204).
[[nodiscard]] std::string reply_head(const Answer& answer, ReplyStyle style);

}  // namespace punctual
