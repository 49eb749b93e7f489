#include "plot.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "published.hpp"

namespace punctual::bench {

namespace {

constexpr double width = 860;
constexpr double height = 520;
constexpr double left = 70;
constexpr double right = 170;
constexpr double top = 40;
constexpr double bottom = 60;
constexpr double smallest_ms = 0.5;
constexpr double largest_ms = 10'000;
constexpr double smallest_rate = 40;
constexpr double largest_rate = 20'000;

double x_of(double rate) {
  const double part = std::log(rate / smallest_rate) / std::log(largest_rate / smallest_rate);
  return left + (width - left - right) * std::clamp(part, 0.0, 1.0);
}

double y_of(double ms) {
  const double part = std::log(ms / smallest_ms) / std::log(largest_ms / smallest_ms);
  return height - bottom - (height - top - bottom) * std::clamp(part, 0.0, 1.0);
}

std::string text(double x, double y, const std::string& what, const std::string& more = "") {
  return "<text x=\"" + formatted(x) + "\" y=\"" + formatted(y) + "\"" + more + ">" + what + "</text>\n";
}

std::string line(double x1, double y1, double x2, double y2, const std::string& more) {
  return "<line x1=\"" + formatted(x1) + "\" y1=\"" + formatted(y1) + "\" x2=\"" + formatted(x2) + "\" y2=\"" +
         formatted(y2) + "\" " + more + "/>\n";
}

std::string axes() {
  std::string out;
  for (const double rate : {50.0, 100.0, 250.0, 500.0, 1000.0, 2000.0, 5000.0, 10000.0}) {
    out += line(x_of(rate), top, x_of(rate), height - bottom, "stroke=\"#e4e4e4\"");
    out += text(x_of(rate), height - bottom + 18, formatted(rate), " text-anchor=\"middle\"");
  }
  for (const double ms : {1.0, 10.0, 50.0, 100.0, 1000.0, 10000.0}) {
    out += line(left, y_of(ms), width - right, y_of(ms),
                ms == 50 ? "stroke=\"#999\" stroke-dasharray=\"4 4\"" : "stroke=\"#e4e4e4\"");
    out += text(left - 8, y_of(ms) + 4, formatted(ms) + " ms", " text-anchor=\"end\"");
  }
  out += text((left + width - right) / 2, height - 18, "requests a second, arriving at a constant rate",
              " text-anchor=\"middle\"");
  out += text(left, 22, "Latency from the moment a request was due: 70 % create, 15 % create delayed, 15 % list",
              " font-weight=\"bold\"");
  return out;
}

struct Curve {
  std::string name;
  std::string color;
  std::string dashes;
  std::vector<std::array<double, 3>> points;  // rate, milliseconds, errors in percent
};

std::string drawn(const Curve& curve, std::size_t place) {
  std::string path;
  std::string marks;
  for (const auto& [rate, ms, errors] : curve.points) {
    path += (path.empty() ? "M" : " L") + formatted(x_of(rate)) + " " + formatted(y_of(ms));
    marks += "<circle cx=\"" + formatted(x_of(rate)) + "\" cy=\"" + formatted(y_of(ms)) + "\" r=\"3.5\" stroke=\"" +
             curve.color + "\" fill=\"" + (errors > 0 ? "white" : curve.color) + "\"/>\n";
  }
  const double y = top + 14 + 20 * static_cast<double>(place);
  const std::string stroke =
      "stroke=\"" + curve.color + "\" stroke-width=\"1.8\" stroke-dasharray=\"" + curve.dashes + "\"";
  return "<path d=\"" + path + "\" fill=\"none\" " + stroke + "/>\n" + marks +
         line(width - right + 14, y - 4, width - right + 40, y - 4, stroke) + text(width - right + 46, y, curve.name);
}

std::vector<Curve> curves_of(const std::vector<RatePoint>& points) {
  static constexpr std::array colors{"#1f6fb4", "#2a9d5c", "#8e44ad", "#c77700"};
  std::map<std::string, std::vector<RatePoint>> series;
  for (const auto& point : points) series[point.series].push_back(point);
  std::vector<Curve> curves;
  std::size_t color = 0;
  for (auto& [name, all] : series) {
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.rate < b.rate; });
    std::array<Curve, 3> three{Curve{name + " p50", "", "1 3", {}}, Curve{name + " p95", "", "none", {}},
                               Curve{name + " p99", "", "6 3", {}}};
    for (const auto& point : all) {
      three[0].points.push_back({point.rate, point.p50, point.errors});
      three[1].points.push_back({point.rate, point.p95, point.errors});
      three[2].points.push_back({point.rate, point.p99, point.errors});
    }
    for (Curve& curve : three) {
      curve.color = colors.at(color % colors.size());
      curves.push_back(std::move(curve));
    }
    ++color;
  }
  Curve seed{"seed p95 (4 cores)", "#c0392b", "none", {}};
  for (const auto& step : seed_steps) seed.points.push_back({step.rate, step.p95, step.errors});
  curves.push_back(std::move(seed));
  return curves;
}

}  // namespace

std::string rates_as_svg(const std::vector<RatePoint>& points) {
  std::string out =
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + formatted(width) + " " + formatted(height) +
      "\" font-family=\"sans-serif\" font-size=\"12\" fill=\"#222\">\n<rect width=\"100%\" height=\"100%\" "
      "fill=\"white\"/>\n" +
      axes();
  const auto curves = curves_of(points);
  for (std::size_t i = 0; i < curves.size(); ++i) out += drawn(curves[i], i);
  return out + "</svg>\n";
}

}  // namespace punctual::bench
