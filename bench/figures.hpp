// Figures: what a benchmark found, printed as a table and written as JSON. For one thread.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "punctual/time.hpp"

namespace punctual::bench {

// Durations of one kind, to be asked for percentiles.
class Sample {
 public:
  void add(microseconds value) { values_.push_back(value); }
  void add(const Sample& other) { values_.insert(values_.end(), other.values_.begin(), other.values_.end()); }
  [[nodiscard]] std::size_t size() const { return values_.size(); }
  // The smallest value that at least `percent` of the values do not exceed, in milliseconds; 0 when there are none.
  [[nodiscard]] double percentile_ms(double percent) const;

 private:
  std::vector<microseconds> values_;
};

enum class Bound { at_most, at_least, exactly };

class Figures {
 public:
  // A figure that has a target to reach. `must_hold`: missing it is a fault, not slowness.
  void add(std::string name, double value, std::string unit, Bound bound, double target, bool must_hold = false);
  // A figure without a target.
  void add(std::string name, double value, std::string unit);

  [[nodiscard]] std::string table() const;
  void write_json(const std::filesystem::path& file) const;
  // Whether everything holds that must.
  [[nodiscard]] bool sound() const;

 private:
  struct Goal {
    Bound bound;
    double value;
    bool must_hold;
  };
  struct Figure {
    std::string name;
    double value;
    std::string unit;
    std::optional<Goal> target;
    [[nodiscard]] bool reached() const;
  };
  std::vector<Figure> figures_;
};

}  // namespace punctual::bench
