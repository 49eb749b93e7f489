#include "target_process.hpp"

#include <algorithm>
#include <fstream>
#include <stdexcept>
#include <thread>

namespace punctual::bench {

namespace {

Time instant(const boost::json::value& value) { return Time{microseconds{value.to_number<std::int64_t>()}}; }

// The target prints where it listens.
std::string printed_origin(const std::filesystem::path& log, Child& child) {
  const auto limit = std::chrono::steady_clock::now() + seconds{10};
  std::string line;
  while (!std::getline(std::ifstream(log), line) || !line.starts_with("http://")) {
    if (!child.runs() || std::chrono::steady_clock::now() > limit) {
      throw std::runtime_error("the target does not start: " + line);
    }
    std::this_thread::sleep_for(milliseconds{1});
  }
  return line;
}

}  // namespace

TargetProcess::TargetProcess(const std::filesystem::path& executable, const std::filesystem::path& folder) {
  static int made = 0;
  const auto log = folder / ("target-" + std::to_string(++made) + ".log");
  child_ = std::make_unique<Child>(std::vector<std::string>{executable.string()}, log);
  origin_ = printed_origin(log, *child_);
  client_ = std::make_unique<ApiClient>(origin_, "");
}

TargetReport TargetProcess::report() const {
  const Answer answer = client_->get("/report");
  if (answer.status != 200) throw std::runtime_error("the target does not answer");
  const boost::json::value all = boost::json::parse(answer.body);
  const auto& late = all.at("lateness_ms");
  return {.arrivals = all.at("arrivals").to_number<std::uint64_t>(),
          .distinct = all.at("distinct").to_number<std::uint64_t>(),
          .first = instant(all.at("first_us")),
          .last = instant(all.at("last_us")),
          .most_waiting = all.at("most_waiting").to_number<std::int64_t>(),
          .early = all.at("early").to_number<std::uint64_t>(),
          .earliest_ms = all.at("earliest_us").to_number<double>() / 1000,
          .lateness_p50 = late.at("p50").to_number<double>(),
          .lateness_p95 = late.at("p95").to_number<double>(),
          .lateness_p99 = late.at("p99").to_number<double>(),
          .lateness_max = late.at("max").to_number<double>()};
}

void TargetProcess::reset() const {
  if (client_->get("/reset").status != 200) throw std::runtime_error("the target does not answer");
}

Deliveries TargetProcess::wait_for(const std::vector<std::uint32_t>& accepted, std::uint32_t from, std::uint32_t to,
                                   milliseconds limit) const {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  Deliveries out;
  out.accepted = accepted.size();
  for (;;) {
    const bool last = std::chrono::steady_clock::now() >= deadline;
    if (last || report().distinct >= accepted.size()) {
      const Answer counts =
          client_->get("/counts?from=" + std::to_string(from) + "&count=" + std::to_string(to - from));
      if (counts.status != 200 || counts.body.size() != to - from)
        throw std::runtime_error("the target does not count");
      out.lost = static_cast<std::uint64_t>(std::count_if(
          accepted.begin(), accepted.end(), [&](std::uint32_t number) { return counts.body.at(number - from) == 0; }));
      out.repeated = static_cast<std::uint64_t>(std::count_if(
          counts.body.begin(), counts.body.end(), [](char count) { return static_cast<unsigned char>(count) > 1; }));
      if (last || out.lost == 0) return out;
    }
    std::this_thread::sleep_for(milliseconds{10});
  }
}

}  // namespace punctual::bench
