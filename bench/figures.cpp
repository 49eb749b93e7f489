#include "figures.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <cmath>
#include <cstdio>
#include <fstream>

namespace punctual::bench {

namespace {

constexpr std::array<const char*, 3> bound_signs{"<=", ">=", "="};

const char* sign_of(Bound bound) { return bound_signs.at(static_cast<std::size_t>(bound)); }

std::string formatted(double value) {
  std::array<char, 32> text{};
  const bool whole = value == std::floor(value) || std::abs(value) >= 1000;
  std::snprintf(text.data(), text.size(), whole ? "%.0f" : "%.1f", value);
  return text.data();
}

}  // namespace

double Sample::percentile_ms(double percent) const {
  if (values_.empty()) return 0;
  std::vector<microseconds> sorted = values_;
  std::sort(sorted.begin(), sorted.end());
  const auto rank = static_cast<std::size_t>(std::ceil(percent / 100 * static_cast<double>(sorted.size())));
  return static_cast<double>(sorted[std::max<std::size_t>(rank, 1) - 1].count()) / 1000;
}

bool Figures::Figure::reached() const {
  if (!target) return true;
  switch (target->bound) {
    case Bound::at_most:
      return value <= target->value;
    case Bound::at_least:
      return value >= target->value;
    case Bound::exactly:
      break;
  }
  return value == target->value;
}

void Figures::add(std::string name, double value, std::string unit, Bound bound, double target, bool must_hold) {
  figures_.push_back({std::move(name), value, std::move(unit), Goal{bound, target, must_hold}});
}

void Figures::add(std::string name, double value, std::string unit) {
  figures_.push_back({std::move(name), value, std::move(unit), std::nullopt});
}

std::string Figures::table() const {
  std::string out;
  std::array<char, 160> line{};
  const auto row = [&](const char* name, const char* value, const char* target, const char* verdict) {
    std::snprintf(line.data(), line.size(), "%-58s %14s %14s  %s\n", name, value, target, verdict);
    out += line.data();
  };
  row("figure", "measured", "target", "");
  for (const auto& figure : figures_) {
    const std::string value = formatted(figure.value) + " " + figure.unit;
    const std::string target =
        figure.target ? std::string(sign_of(figure.target->bound)) + " " + formatted(figure.target->value) : "";
    row(figure.name.c_str(), value.c_str(), target.c_str(), !figure.target ? "" : figure.reached() ? "ok" : "MISSED");
  }
  return out;
}

void Figures::write_json(const std::filesystem::path& file) const {
  boost::json::array rows;
  for (const auto& figure : figures_) {
    boost::json::object row{{"figure", figure.name}, {"value", figure.value}, {"unit", figure.unit}};
    if (figure.target) {
      row["bound"] = sign_of(figure.target->bound);
      row["target"] = figure.target->value;
      row["reached"] = figure.reached();
    }
    rows.push_back(std::move(row));
  }
  std::ofstream out(file);
  out << boost::json::serialize(rows) << '\n';
  if (!out.flush()) throw std::runtime_error("cannot write " + file.string());
}

bool Figures::sound() const {
  return std::all_of(figures_.begin(), figures_.end(), [](const Figure& figure) {
    return !figure.target || !figure.target->must_hold || figure.reached();
  });
}

}  // namespace punctual::bench
