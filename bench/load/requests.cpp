#include "load/requests.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <numeric>
#include <stdexcept>

namespace punctual::bench {

namespace {

constexpr std::string_view number_digits = "000000000";
constexpr std::string_view due_digits = "0000000000000000";
constexpr std::string_view run_at_digits = "2000-01-01T00:00:00.000Z";

constexpr std::array<std::string_view, request_kinds> names{"immediate", "delayed", "timed", "list"};

void write_digits(std::string& text, std::size_t at, std::size_t width, std::uint64_t value) {
  for (std::size_t i = width; i-- > 0; value /= 10) text[at + i] = static_cast<char>('0' + value % 10);
}

std::string head(const RequestSource& source, std::string_view line) {
  std::string out(line);
  out += " HTTP/1.1\r\nHost: " + source.host + "\r\nAuthorization: Bearer " + source.key + "\r\n";
  return out;
}

}  // namespace

std::string_view name_of(RequestKind kind) { return names.at(static_cast<std::size_t>(kind)); }

TaskRequests::TaskRequests(const RequestSource& source, const Mix& mix)
    : templates_{create(source, ""), create(source, R"("delay":"1h",)"),
                 create(source, R"("run_at":")" + std::string(run_at_digits) + R"(",)"),
                 Template{head(source, "GET /api/v1/tasks") + "\r\n"}},
      shares_{mix.immediate, mix.delayed, mix.timed, mix.list},
      ahead_(mix.ahead),
      first_number_(source.first_number),
      number_(source.first_number) {
  if (std::accumulate(shares_.begin(), shares_.end(), 0U) != 100) throw std::invalid_argument("a mix has 100 parts");
}

TaskRequests::Template TaskRequests::create(const RequestSource& source, std::string_view when) {
  std::string body = "{";
  body += when;
  body += R"("url":")" + source.target + "/n/";
  body += number_digits;
  body += "?due=";
  body += due_digits;
  body += source.query + R"(","body":)" + boost::json::serialize(boost::json::value(source.body)) + "}";
  Template out{head(source, "POST /api/v1/tasks") +
               "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n"};
  const std::size_t begin = out.bytes.size();
  out.bytes += body;
  out.number_at = out.bytes.find("/n/", begin) + 3;
  out.due_at = out.bytes.find("?due=", begin) + 5;
  const std::size_t run_at = out.bytes.find(run_at_digits, begin);
  out.run_at = run_at == std::string::npos ? 0 : run_at;
  return out;
}

// The kind that is furthest behind its share: an even spread, the same in every run.
RequestKind TaskRequests::next_kind() {
  for (std::size_t i = 0; i < request_kinds; ++i) owed_[i] += static_cast<int>(shares_[i]);
  const auto most = std::max_element(owed_.begin(), owed_.end());
  *most -= 100;
  return static_cast<RequestKind>(most - owed_.begin());
}

Request TaskRequests::next(Time due) {
  const RequestKind kind = next_kind();
  Template& made = templates_.at(static_cast<std::size_t>(kind));
  if (kind == RequestKind::list) return {made.bytes, kind, std::nullopt};
  write_digits(made.bytes, made.number_at, number_digits.size(), number_);
  Time reference = due;
  if (kind == RequestKind::timed) {
    reference = std::chrono::ceil<milliseconds>(due + ahead_);
    made.bytes.replace(made.run_at, run_at_digits.size(), format_rfc3339(reference));
  }
  write_digits(made.bytes, made.due_at, due_digits.size(),
               static_cast<std::uint64_t>(reference.time_since_epoch().count()));
  return {made.bytes, kind, number_++};
}

}  // namespace punctual::bench
