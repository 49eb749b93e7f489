// Figures: what the benchmarks found, printed as a table and written as JSON. For one thread.
#pragma once

#include <boost/json.hpp>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cpu.hpp"

namespace punctual::bench {

enum class Bound { at_most, at_least, exactly };

// What a figure has to reach. `must_hold`: missing it is a fault, not slowness.
struct Goal {
  Bound bound = Bound::at_least;
  double value = 0;
  bool must_hold = false;
};

inline constexpr Goal none_at_all{Bound::exactly, 0, true};

struct Figure {
  std::string name;
  double value = 0;
  std::string unit;
  std::optional<Goal> goal;
  std::string beside;  // what others have published or measured

  [[nodiscard]] bool reached() const;
};

// How a server answers at one rate of requests.
struct RatePoint {
  std::string series;
  double rate = 0;
  double p50 = 0;  // milliseconds
  double p95 = 0;
  double p99 = 0;
  double errors = 0;  // percent
};

class Figures {
 public:
  void add(Figure figure) { figures_.push_back(std::move(figure)); }
  // Of several attempts at one rate the best counts.
  void add(const RatePoint& point);
  // Where the CPU went in a part of a measurement, and how many requests or tasks that was for.
  void add(std::string what, const CpuSeconds& used, double items);

  [[nodiscard]] const std::vector<RatePoint>& points() const { return points_; }
  [[nodiscard]] std::string table() const;
  [[nodiscard]] boost::json::object json() const;
  // Whether everything holds that must.
  [[nodiscard]] bool sound() const;

 private:
  struct Use {
    std::string what;
    CpuSeconds used;
    double items;
  };
  [[nodiscard]] std::string cpu_table() const;

  std::vector<Figure> figures_;
  std::vector<RatePoint> points_;
  std::vector<Use> uses_;
};

// With as many decimals as it deserves.
[[nodiscard]] std::string formatted(double value);

}  // namespace punctual::bench
