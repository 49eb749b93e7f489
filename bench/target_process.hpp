// TargetProcess: the program `target`, which deliveries are sent to. For one thread.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "api_client.hpp"
#include "child.hpp"

namespace punctual::bench {

struct TargetReport {
  std::uint64_t arrivals = 0;
  std::uint64_t distinct = 0;
  Time first{};
  Time last{};
  std::int64_t most_waiting = 0;
  std::uint64_t early = 0;
  double earliest_ms = 0;
  double lateness_p50 = 0;  // milliseconds
  double lateness_p95 = 0;
  double lateness_p99 = 0;
  double lateness_max = 0;
};

// What became of tasks that were accepted.
struct Deliveries {
  std::uint64_t accepted = 0;
  std::uint64_t lost = 0;      // accepted and never arrived
  std::uint64_t repeated = 0;  // arrived more than once
};

class TargetProcess {
 public:
  // `executable` is target; `folder` takes what it says.
  TargetProcess(const std::filesystem::path& executable, const std::filesystem::path& folder);

  [[nodiscard]] pid_t id() const { return child_->id(); }
  // "http://127.0.0.1:9000"
  [[nodiscard]] const std::string& origin() const { return origin_; }
  [[nodiscard]] TargetReport report() const;
  // Begins to count anew.
  void reset() const;

  // Waits until all of `accepted` have arrived, at most `limit`; then looks at all numbers from `from` to below `to`.
  [[nodiscard]] Deliveries wait_for(const std::vector<std::uint32_t>& accepted, std::uint32_t from, std::uint32_t to,
                                    milliseconds limit) const;

 private:
  std::unique_ptr<Child> child_;
  std::string origin_;
  std::unique_ptr<ApiClient> client_;
};

}  // namespace punctual::bench
