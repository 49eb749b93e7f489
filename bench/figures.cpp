#include "figures.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <thread>
#include <tuple>

namespace punctual::bench {

namespace {

constexpr std::array<const char*, 3> bound_signs{"<=", ">=", "="};

const char* sign_of(Bound bound) { return bound_signs.at(static_cast<std::size_t>(bound)); }

// Lines of cells, each column as wide as its widest cell; the last one is not padded.
std::string aligned(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - row[i].size(), ' ');
      line += i == 0 ? row[i] + padding : i + 1 == row.size() ? "  " + row[i] : "  " + padding + row[i];
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + '\n';
  }
  return out;
}

std::string ratio_of(const Figure& figure) {
  if (!figure.goal || figure.goal->value == 0) return "";
  return formatted(figure.value / figure.goal->value);
}

}  // namespace

std::string formatted(double value) {
  std::array<char, 32> text{};
  const double size = std::abs(value);
  const int decimals = value == std::floor(value) || size >= 1000 ? 0 : size >= 10 ? 1 : 2;
  std::snprintf(text.data(), text.size(), "%.*f", decimals, value);
  return text.data();
}

bool Figure::reached() const {
  if (!goal) return true;
  switch (goal->bound) {
    case Bound::at_most:
      return value <= goal->value;
    case Bound::at_least:
      return value >= goal->value;
    case Bound::exactly:
      break;
  }
  return value == goal->value;
}

void Figures::add(const RatePoint& point) {
  for (auto& earlier : points_) {
    if (earlier.series != point.series || earlier.rate != point.rate) continue;
    if (std::tie(point.errors, point.p95) < std::tie(earlier.errors, earlier.p95)) earlier = point;
    return;
  }
  points_.push_back(point);
}

void Figures::add(std::string what, const CpuSeconds& used, double items) {
  uses_.push_back({std::move(what), used, items});
}

std::string Figures::table() const {
  std::vector<std::vector<std::string>> rows{{"figure", "measured", "target", "ratio", "", "beside"}};
  for (const auto& figure : figures_) {
    const std::string target =
        figure.goal ? std::string(sign_of(figure.goal->bound)) + " " + formatted(figure.goal->value) : "";
    rows.push_back({figure.name, formatted(figure.value) + (figure.unit.empty() ? "" : " " + figure.unit), target,
                    ratio_of(figure),
                    !figure.goal       ? ""
                    : figure.reached() ? "ok"
                                       : "MISSED",
                    figure.beside});
  }
  return aligned(rows) + '\n' + cpu_table();
}

std::string Figures::cpu_table() const {
  std::vector<std::vector<std::string>> rows{{"CPU, microseconds a request or task", "items", "server", "postgres",
                                              "target", "generator", "others", "busy cores"}};
  for (const auto& [what, used, items] : uses_) {
    const auto each = [&, n = items](double seconds) { return n > 0 ? formatted(seconds * 1e6 / n) : "-"; };
    const double all = used.server + used.postgres + used.target + used.generator + used.others;
    rows.push_back({what, formatted(items), each(used.server), each(used.postgres), each(used.target),
                    each(used.generator), each(used.others), formatted(all / used.wall)});
  }
  if (uses_.empty()) return "";
  double others = 0;
  double possible = 0;
  for (const Use& use : uses_) {
    others += use.used.others;
    possible += use.used.wall * std::thread::hardware_concurrency();
  }
  const double percent = others * 100 / possible;
  std::string out = aligned(rows);
  if (percent > 5) {
    out += "\nOther processes took " + formatted(std::round(percent)) +
           " % of the CPU meanwhile: what depends on time could be better.\n";
  }
  return out;
}

boost::json::object Figures::json() const {
  boost::json::array rows;
  for (const auto& figure : figures_) {
    boost::json::object row{{"figure", figure.name}, {"value", figure.value}, {"unit", figure.unit}};
    if (figure.goal) {
      row["bound"] = sign_of(figure.goal->bound);
      row["target"] = figure.goal->value;
      row["reached"] = figure.reached();
    }
    if (!figure.beside.empty()) row["beside"] = figure.beside;
    rows.push_back(std::move(row));
  }
  boost::json::array rates;
  for (const auto& point : points_) {
    rates.push_back(boost::json::object{{"series", point.series},
                                        {"rate", point.rate},
                                        {"p50_ms", point.p50},
                                        {"p95_ms", point.p95},
                                        {"p99_ms", point.p99},
                                        {"errors_percent", point.errors}});
  }
  boost::json::array cpu;
  for (const auto& [what, used, items] : uses_) {
    cpu.push_back(boost::json::object{{"what", what},
                                      {"items", items},
                                      {"wall_s", used.wall},
                                      {"server_s", used.server},
                                      {"postgres_s", used.postgres},
                                      {"target_s", used.target},
                                      {"generator_s", used.generator},
                                      {"others_s", used.others}});
  }
  return {{"figures", std::move(rows)}, {"rates", std::move(rates)}, {"cpu", std::move(cpu)}};
}

bool Figures::sound() const {
  return std::all_of(figures_.begin(), figures_.end(),
                     [](const Figure& figure) { return !figure.goal || !figure.goal->must_hold || figure.reached(); });
}

}  // namespace punctual::bench
