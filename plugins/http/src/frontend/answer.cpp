#include "frontend/answer.hpp"

#include <charconv>
#include <ctime>

namespace punctual {

namespace {

std::string_view reason_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 409:
      return "Conflict";
    case 411:
      return "Length Required";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    default:
      return "Status";
  }
}

// The Date field's value (RFC 9110, 5.6.7), formatted once a second in each thread.
std::string_view date_now() {
  thread_local std::time_t formatted = 0;
  thread_local char text[32];
  thread_local std::size_t size = 0;
  const std::time_t now = std::time(nullptr);
  if (now != formatted) {
    static constexpr const char* days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                             "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    std::tm utc{};
    gmtime_r(&now, &utc);
    char rest[24];
    std::strftime(rest, sizeof rest, "%Y %H:%M:%S GMT", &utc);
    size = static_cast<std::size_t>(
        std::snprintf(text, sizeof text, "%s, %02d %s %s", days[utc.tm_wday], utc.tm_mday, months[utc.tm_mon], rest));
    formatted = now;
  }
  return {text, size};
}

// RFC 9110, 8.6: replies that never have a body say nothing of its length.
bool has_length(int status) { return status >= 200 && status != 204 && status != 304; }

void append_number(std::string& out, std::size_t value) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

}  // namespace

Answer replayed_answer(StoredReply stored) {
  Answer answer;
  answer.status = stored.status;
  answer.body = std::move(stored.body);
  answer.headers.emplace_back("Idempotent-Replayed", "true");
  return answer;
}

Answer answer_of(Reply reply) {
  if (reply.replayed) return replayed_answer(std::move(reply.content));
  Answer answer;
  answer.status = reply.content.status;
  answer.body = std::move(reply.content.body);
  return answer;
}

Answer error_answer(ErrorCode code, std::string_view message, const Invalid::Fields* details) {
  Answer answer;
  answer.status = status_of(code);
  answer.body = error_body(code, message, details);
  return answer;
}

Answer unavailable_answer(std::string_view message, std::chrono::seconds retry_after) {
  auto answer = error_answer(ErrorCode::service_unavailable, message);
  answer.headers.emplace_back("Retry-After", std::to_string(std::max<std::int64_t>(retry_after.count(), 1)));
  return answer;
}

std::string reply_head(const Answer& answer, ReplyStyle style) {
  std::string out;
  out.reserve(256 + answer.body.size());
  out += "HTTP/1.1 ";
  append_number(out, static_cast<std::size_t>(answer.status));
  out += ' ';
  out += reason_of(answer.status);
  out += "\r\nDate: ";
  out += date_now();
  if (!answer.body.empty()) {
    out += "\r\nContent-Type: ";
    out += answer.content_type;
  }
  if (has_length(answer.status)) {
    out += "\r\nContent-Length: ";
    append_number(out, answer.body.size());
  }
  for (const auto& [name, value] : answer.headers) {
    out += "\r\n";
    out += name;
    out += ": ";
    out += value;
  }
  if (style.close) {
    out += "\r\nConnection: close";
  } else if (style.keep_alive_10) {
    out += "\r\nConnection: keep-alive";
  }
  out += "\r\n\r\n";
  return out;
}

}  // namespace punctual
