#include "target/tally.hpp"

#include <algorithm>
#include <boost/json.hpp>

namespace punctual::bench {

namespace {

// Bounds the memory that a number in a URL can ask for.
constexpr std::uint32_t numbers_kept = 100'000'000;

}  // namespace

void Tally::add(std::optional<std::uint32_t> number, std::optional<Time> due, Time at) {
  if (arrivals_++ == 0) first_ = at;
  last_ = at;
  if (number && *number < numbers_kept) {
    if (counts_.size() <= *number) counts_.resize(std::max<std::size_t>(*number + std::size_t{1}, counts_.size() * 2));
    auto& count = counts_[*number];
    ++(count == 0 ? distinct_ : repeats_);
    if (count < 255) ++count;
  }
  if (!due) return;
  const microseconds late = at - *due;
  lateness_.add(late);
  if (late < microseconds{0}) ++early_;
  earliest_ = std::min(earliest_, late);
}

void Tally::waiting(int change) {
  waiting_ += change;
  most_waiting_ = std::max(most_waiting_, waiting_);
}

void Tally::reset() {
  const int waiting = waiting_;
  *this = {};
  waiting_ = most_waiting_ = waiting;
}

std::string Tally::report() const {
  return boost::json::serialize(boost::json::object{{"arrivals", arrivals_},
                                                    {"distinct", distinct_},
                                                    {"repeats", repeats_},
                                                    {"first_us", first_.time_since_epoch().count()},
                                                    {"last_us", last_.time_since_epoch().count()},
                                                    {"waiting", waiting_},
                                                    {"most_waiting", most_waiting_},
                                                    {"early", early_},
                                                    {"earliest_us", earliest_.count()},
                                                    {"lateness_ms",
                                                     {{"p50", lateness_.percentile_ms(50)},
                                                      {"p95", lateness_.percentile_ms(95)},
                                                      {"p99", lateness_.percentile_ms(99)},
                                                      {"max", lateness_.max_ms()}}}});
}

std::string Tally::counts(std::uint32_t from, std::uint32_t count) const {
  std::string out(count, '\0');
  for (std::size_t i = 0; i < count && from + i < counts_.size(); ++i) out[i] = static_cast<char>(counts_[from + i]);
  return out;
}

}  // namespace punctual::bench
