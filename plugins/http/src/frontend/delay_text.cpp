#include "frontend/delay_text.hpp"

#include <algorithm>

#include "frontend/field_checks.hpp"

namespace punctual {

namespace {

DelayReading within_limit(std::int64_t count) {
  if (count > longest_delay.count()) return {DelayProblem::too_long};
  return {DelayProblem::none, seconds{count}};
}

DelayReading read_text(std::string_view text) {
  if (text.empty()) return {DelayProblem::empty};
  const auto digits = text.substr(0, text.size() - 1);
  if (digits.empty() || digits.find_first_not_of("0123456789") != std::string_view::npos) {
    return {DelayProblem::malformed};
  }
  std::int64_t scale = 0;
  switch (text.back()) {
    case 's':
      scale = 1;
      break;
    case 'm':
      scale = 60;
      break;
    case 'h':
      scale = 3600;
      break;
    case 'd':
      scale = 86400;
      break;
    default:
      return {DelayProblem::malformed};
  }
  std::int64_t count = 0;
  for (const char digit : digits) count = std::min<std::int64_t>(count * 10 + (digit - '0'), longest_delay.count() + 1);
  if (count == 0) return {DelayProblem::zero};
  return within_limit(count * scale);
}

}  // namespace

DelayReading read_delay(const boost::json::value& value) {
  if (value.is_string()) return read_text(value.get_string());
  const auto count = whole_number(value);
  if (!count) return {DelayProblem::wrong_type};
  if (*count <= 0) return {DelayProblem::not_positive};
  return within_limit(*count);
}

std::string_view message_of(DelayProblem problem) {
  switch (problem) {
    case DelayProblem::none:
      break;
    case DelayProblem::not_positive:
      return "delay must be a positive number";
    case DelayProblem::empty:
      return "delay is required";
    case DelayProblem::zero:
      return "delay must be greater than 0";
    case DelayProblem::malformed:
      return "invalid delay format. Use a number with unit: 30s, 5m, 2h, 1d";
    case DelayProblem::wrong_type:
      return "delay must be a string (e.g. \"30s\", \"5m\") or integer (seconds)";
    case DelayProblem::too_long:
      return "delay must be at most 366 days";
  }
  return "";
}

}  // namespace punctual
