#include "target/answers.hpp"

#include <charconv>
#include <functional>

namespace punctual::bench {

namespace {

template <class Number>
Number number_of(std::string_view text) {
  Number value{};
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// Calls `take` with each name and value of a query.
template <class Take>
void each_parameter(std::string_view path, Take take) {
  for (std::size_t at = path.find('?'); at < path.size();) {
    ++at;
    const std::size_t end = std::min(path.find('&', at), path.size());
    const std::string_view pair = path.substr(at, end - at);
    const std::size_t equals = pair.find('=');
    if (equals != std::string_view::npos) take(pair.substr(0, equals), pair.substr(equals + 1));
    at = end;
  }
}

}  // namespace

Asked Asked::read(std::string_view path) {
  Asked out;
  if (path.starts_with("/n/")) out.number = number_of<std::uint32_t>(path.substr(3));
  bool status_given = false;
  each_parameter(path, [&](std::string_view name, std::string_view value) {
    if (name == "due") out.due = Time{microseconds{number_of<std::int64_t>(value)}};
    if (name == "delay") out.delay = milliseconds{number_of<std::int64_t>(value)};
    if (name == "jitter") out.jitter = milliseconds{number_of<std::int64_t>(value)};
    if (name == "fail") out.fail = number_of<double>(value);
    if (name == "status") {
      out.status = number_of<int>(value);
      status_given = true;
    }
  });
  if (out.fail && !status_given) out.status = 500;
  return out;
}

int Asked::chosen_status(std::minstd_rand& random) const {
  if (!fail) return status;
  return std::uniform_real_distribution<>(0, 1)(random) < *fail ? status : 200;
}

milliseconds Asked::chosen_delay(std::minstd_rand& random) const {
  if (jitter.count() <= 0) return delay;
  return delay + milliseconds{std::uniform_int_distribution<std::int64_t>(0, jitter.count())(random)};
}

std::uint64_t number_in_query(std::string_view path, std::string_view wanted) {
  std::uint64_t found = 0;
  each_parameter(path, [&](std::string_view name, std::string_view value) {
    if (name == wanted) found = number_of<std::uint64_t>(value);
  });
  return found;
}

std::string http_reply(int status, std::string_view type, std::string_view body) {
  std::string out = "HTTP/1.1 " + std::to_string(status) + " \r\n";
  if (!type.empty()) out += "Content-Type: " + std::string(type) + "\r\n";
  out += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
  out += body;
  return out;
}

}  // namespace punctual::bench
