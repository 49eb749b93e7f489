#include "delivery/http_date.hpp"

#include <algorithm>
#include <array>

namespace punctual {
namespace {

constexpr std::array<std::string_view, 7> long_days{"Monday", "Tuesday",  "Wednesday", "Thursday",
                                                    "Friday", "Saturday", "Sunday"};
constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

// Takes a text apart from its front. After the first thing that is not there, everything fails.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  Reader& literal(std::string_view text) {
    if (rest_.starts_with(text)) {
      rest_.remove_prefix(text.size());
    } else {
      fail();
    }
    return *this;
  }

  int number(std::size_t digits) {
    if (rest_.size() < digits) return fail();
    int value = 0;
    for (const char c : rest_.substr(0, digits)) {
      if (c < '0' || c > '9') return fail();
      value = value * 10 + (c - '0');
    }
    rest_.remove_prefix(digits);
    return value;
  }

  // A day of asctime: two digits, or a space and one.
  int padded_day() { return rest_.starts_with(' ') ? literal(" ").number(1) : number(2); }

  int month() {
    const auto found = std::find_if(months.begin(), months.end(), [&](auto name) { return rest_.starts_with(name); });
    if (found == months.end()) return fail();
    rest_.remove_prefix(found->size());
    return static_cast<int>(found - months.begin()) + 1;
  }

  seconds clock() {
    const int hour = number(2);
    const int minute = literal(":").number(2);
    const int second = literal(":").number(2);
    if (hour > 23 || minute > 59 || second > 60) fail();  // 60: a leap second
    return std::chrono::hours{hour} + std::chrono::minutes{minute} + seconds{second};
  }

  [[nodiscard]] bool ended_well() const { return !failed_ && rest_.empty(); }

 private:
  int fail() {
    failed_ = true;
    rest_ = {};
    return 0;
  }

  std::string_view rest_;
  bool failed_ = false;
};

struct Date {
  int year = 0;
  int month = 0;
  int day = 0;
  seconds clock{};
};

std::optional<Time> to_time(const Reader& reader, const Date& date) {
  const std::chrono::year_month_day calendar{std::chrono::year{date.year},
                                             std::chrono::month{static_cast<unsigned>(date.month)},
                                             std::chrono::day{static_cast<unsigned>(date.day)}};
  if (!reader.ended_well() || !calendar.ok()) return std::nullopt;
  return std::chrono::sys_days{calendar} + date.clock;
}

// The year of this century, or of one next to it, that ends in `two_digits` and is meant by them at `now`.
int full_year(int two_digits, Time now) {
  const std::chrono::year_month_day today{std::chrono::floor<std::chrono::days>(now)};
  const int this_year = static_cast<int>(today.year());
  const int year = this_year - this_year % 100 + two_digits;
  return year > this_year + 50 ? year - 100 : year;
}

// "06 Nov 1994 08:49:37 GMT"
std::optional<Time> read_fixed(std::string_view text) {
  Reader reader(text);
  Date date;
  date.day = reader.number(2);
  date.month = reader.literal(" ").month();
  date.year = reader.literal(" ").number(4);
  date.clock = reader.literal(" ").clock();
  reader.literal(" GMT");
  return to_time(reader, date);
}

// "06-Nov-94 08:49:37 GMT"
std::optional<Time> read_rfc850(std::string_view text, Time now) {
  Reader reader(text);
  Date date;
  date.day = reader.number(2);
  date.month = reader.literal("-").month();
  date.year = full_year(reader.literal("-").number(2), now);
  date.clock = reader.literal(" ").clock();
  reader.literal(" GMT");
  return to_time(reader, date);
}

// "Nov  6 08:49:37 1994"
std::optional<Time> read_asctime(std::string_view text) {
  Reader reader(text);
  Date date;
  date.month = reader.month();
  date.day = reader.literal(" ").padded_day();
  date.clock = reader.literal(" ").clock();
  date.year = reader.literal(" ").number(4);
  return to_time(reader, date);
}

}  // namespace

std::optional<Time> parse_http_date(std::string_view text, Time now) {
  const auto name_end = std::min(text.find_first_of(", "), text.size());
  const auto name = text.substr(0, name_end);
  const auto rest = text.substr(name_end);
  for (const auto day : long_days) {
    if (name == day && rest.starts_with(", ")) return read_rfc850(rest.substr(2), now);
    if (name != day.substr(0, 3)) continue;
    if (rest.starts_with(", ")) return read_fixed(rest.substr(2));
    if (rest.starts_with(' ')) return read_asctime(rest.substr(1));
  }
  return std::nullopt;
}

}  // namespace punctual
