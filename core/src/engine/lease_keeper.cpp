#include "engine/lease_keeper.hpp"

#include <unistd.h>

#include <algorithm>

#include "punctual/errors.hpp"

namespace punctual {
namespace {

constexpr seconds reconcile_interval{10};

std::string host_name() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) return "unknown";
  return name.data();
}

}  // namespace

LeaseKeeper::LeaseKeeper(Leases& leases, WorkStore& store, Lease& lease, DatabaseClock& clock, Host& host,
                         IdGenerator& ids, EngineMetrics& metrics, const EngineSettings& settings, HeldClaims& held,
                         std::function<void()> on_returned, std::function<void()> on_reconcile)
    : leases_(leases),
      store_(store),
      lease_(lease),
      clock_(clock),
      host_(host),
      ids_(ids),
      metrics_(metrics),
      heartbeat_(settings.heartbeat_interval),
      node_timeout_(settings.node_timeout),
      silence_before_suspension_(settings.silence_before_suspension()),
      max_clock_offset_(settings.max_clock_offset),
      held_(held),
      on_returned_(std::move(on_returned)),
      on_reconcile_(std::move(on_reconcile)),
      renewing_(clock, [this] { return renew(); }),
      looking_around_(clock, [this] { return look_around(); }) {}

void LeaseKeeper::start() {
  next_reconcile_ = clock_.monotonic() + reconcile_interval;
  renewing_.start();
  looking_around_.start();
}

void LeaseKeeper::stop() {
  looking_around_.stop();
  renewing_.stop();
}

void LeaseKeeper::acquire() {
  compare_clocks();
  const Time now = clock_.now();
  const MonotonicTime begun = clock_.monotonic();
  const NodeInfo node{ids_.next<NodeId>(now), host_name(), getpid(), now};
  const RescueReport report = leases_.acquire(node);
  lease_.replace(node.id);
  renewed_at_ = begun;
  healthy_since_ = begun;
  held_.trust(begun + silence_before_suspension_);
  metrics_.rescued.add(static_cast<double>(report.executions));
  if (report.executions > 0) {
    host_.log(LogLevel::warn, "returned " + std::to_string(report.executions) +
                                  " executions of a server that did not shut down to pending");
  }
}

void LeaseKeeper::end() noexcept {
  try {
    // What waited for its time, and what was cut off, is somebody else's now.
    give_back(leases_.held(lease_.node()));
    leases_.end(lease_.node());
  } catch (const std::exception& error) {
    host_.log(LogLevel::warn, std::string("the lease could not be ended, others will find it dead: ") + error.what());
  }
}

Time LeaseKeeper::renew() {
  const MonotonicTime begun = clock_.monotonic();
  try {
    keep(begun);
  } catch (const std::exception& error) {
    metrics_.storage_errors.add();
    host_.log(LogLevel::warn, std::string("keeping the lease failed: ") + error.what());
    if (!suspended_ && clock_.monotonic() - renewed_at_ >= silence_before_suspension_) {
      suspend("storage did not answer for " + std::to_string(silence_before_suspension_.count()) + " ms");
    }
  }
  return a_heartbeat_after(begun);
}

Time LeaseKeeper::look_around() {
  const MonotonicTime begun = clock_.monotonic();
  try {
    if (!suspended_) {
      rescue();
      if (clock_.monotonic() >= next_reconcile_ || suspected_.exchange(false)) reconcile();
    }
  } catch (const std::exception& error) {
    // What was suspected may not have been looked for.
    suspected_ = true;
    metrics_.storage_errors.add();
    host_.log(LogLevel::warn, std::string("looking for claims of dead servers failed: ") + error.what());
  }
  return a_heartbeat_after(begun);
}

// The clock may have been set since then.
Time LeaseKeeper::a_heartbeat_after(MonotonicTime begun) const {
  return clock_.now() + heartbeat_ - (clock_.monotonic() - begun);
}

void LeaseKeeper::keep(MonotonicTime begun) {
  if (!leases_.heartbeat(lease_.node(), clock_.now())) {
    if (!suspended_) suspend("the lease was judged dead");
    acquire();
    resume("a new lease is taken");
    return;
  }
  if (begun - renewed_at_ > 3 * heartbeat_) healthy_since_ = begun;
  metrics_.heartbeats.add();
  renewed_at_ = begun;
  held_.trust(begun + silence_before_suspension_);
  if (!suspended_) return;
  // Nobody has judged us meanwhile. What waited in the wheel is still claimed; what is under way is still ours to settle.
  give_back(unknown_claims());
  resume("storage answers again");
}

// After an outage every node looks dead to every other; so one that has not been well itself for long enough only looks on.
void LeaseKeeper::rescue() {
  const MonotonicTime now = clock_.monotonic();
  const bool may_judge = now - healthy_since_.load() >= node_timeout_;
  const RescueReport report = leases_.rescue(lease_.node(), now, may_judge ? node_timeout_ : milliseconds::max());
  if (report.nodes == 0 && report.executions == 0) return;
  metrics_.rescued.add(static_cast<double>(report.executions));
  host_.log(LogLevel::warn, std::to_string(report.nodes) + " servers are dead; returned " +
                                std::to_string(report.executions) + " of their executions to pending");
  on_returned_();
}

// What storage has under our lease and nobody here knows.
std::vector<ClaimRef> LeaseKeeper::unknown_claims() {
  auto claims = leases_.held(lease_.node());
  std::erase_if(claims, [&](const ClaimRef& claim) { return held_.knows(claim); });
  std::sort(claims.begin(), claims.end());
  return claims;
}

void LeaseKeeper::give_back(const std::vector<ClaimRef>& claims) {
  store_.release(claims);
  metrics_.released.add(static_cast<double>(claims.size()));
}

void LeaseKeeper::compare_clocks() {
  if (max_clock_offset_ == milliseconds{0}) return;
  const MonotonicTime asked = clock_.monotonic();
  const auto theirs = leases_.database_time();
  const MonotonicTime answered = clock_.monotonic();
  if (!theirs) return;
  clock_.compare(asked, *theirs, answered);
  const auto offset = std::chrono::duration_cast<milliseconds>(clock_.offset());
  metrics_.clock_offset_seconds.set(std::chrono::duration<double>(offset).count());
  if (std::chrono::abs(offset) <= max_clock_offset_) return;
  throw Error("this machine's clock is " + std::to_string(std::abs(offset.count())) + " ms " +
              (offset.count() > 0 ? "behind" : "ahead of") +
              " the database's, more than engine.max_clock_offset allows: set it right, by NTP for instance");
}

void LeaseKeeper::reconcile() {
  const MonotonicTime now = clock_.monotonic();
  next_reconcile_ = now + reconcile_interval;
  try {
    compare_clocks();
  } catch (const Error& problem) {
    host_.log(LogLevel::error, problem.what());
  }
  on_reconcile_();
  auto unknown = unknown_claims();
  // One that was claimed or settled while the list was read is not unknown the next time.
  std::vector<ClaimRef> twice;
  std::set_intersection(unknown.begin(), unknown.end(), unknown_.begin(), unknown_.end(), std::back_inserter(twice));
  unknown_ = std::move(unknown);
  if (!unknown_.empty()) next_reconcile_ = now + heartbeat_;
  if (twice.empty()) return;
  give_back(twice);
  host_.log(LogLevel::warn, "returned " + std::to_string(twice.size()) + " claims of unclear commits to pending");
  on_returned_();
}

void LeaseKeeper::suspend(const std::string& why) {
  suspended_ = true;
  const auto dropped = held_.suspend();
  host_.log(LogLevel::error, "sending is suspended: " + why + "; " + std::to_string(dropped.size()) +
                                 " waiting executions are dropped and will be claimed again");
}

void LeaseKeeper::resume(const char* why) {
  held_.resume();
  suspended_ = false;
  host_.log(LogLevel::info, std::string(why) + ", sending goes on");
  on_returned_();
}

}  // namespace punctual
