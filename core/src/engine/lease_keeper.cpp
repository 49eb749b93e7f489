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

LeaseKeeper::LeaseKeeper(Leases& leases, WorkStore& store, Lease& lease, Clock& clock, Host& host, IdGenerator& ids,
                         EngineMetrics& metrics, const EngineSettings& settings, HeldClaims& held,
                         std::function<void()> on_returned)
    : leases_(leases),
      store_(store),
      lease_(lease),
      clock_(clock),
      host_(host),
      ids_(ids),
      metrics_(metrics),
      heartbeat_(settings.heartbeat_interval),
      node_timeout_(settings.node_timeout),
      held_(held),
      on_returned_(std::move(on_returned)),
      loop_(clock, [this] { return tick(); }) {}

void LeaseKeeper::acquire() {
  const Time now = clock_.now();
  const NodeInfo node{ids_.next<NodeId>(now), host_name(), getpid(), now};
  const RescueReport report = leases_.acquire(node);
  lease_.replace(node.id);
  renewed_at_ = healthy_since_ = now;
  next_reconcile_ = now + reconcile_interval;
  unknown_.clear();
  metrics_.rescued.add(static_cast<double>(report.executions));
  if (report.executions > 0) {
    host_.log(LogLevel::warn, "returned " + std::to_string(report.executions) +
                                  " executions of a server that did not shut down to pending");
  }
}

void LeaseKeeper::end() noexcept {
  try {
    // What waited for its time, and what was cut off, is somebody else's now.
    const auto left = leases_.held(lease_.node());
    store_.release(left);
    metrics_.released.add(static_cast<double>(left.size()));
    leases_.end(lease_.node());
  } catch (const std::exception& error) {
    host_.log(LogLevel::warn, std::string("the lease could not be ended, others will find it dead: ") + error.what());
  }
}

Time LeaseKeeper::tick() {
  const Time now = clock_.now();
  try {
    keep(now);
    if (!suspended_) {
      rescue(now);
      if (now >= next_reconcile_) reconcile(now);
    }
  } catch (const std::exception& error) {
    metrics_.storage_errors.add();
    host_.log(LogLevel::warn, std::string("keeping the lease failed: ") + error.what());
    if (!suspended_ && now - renewed_at_ >= silence_before_suspension) suspend("storage did not answer for 5 s");
  }
  return now + heartbeat_;
}

void LeaseKeeper::keep(Time now) {
  if (suspended_) return take_new_lease();
  if (!leases_.heartbeat(lease_.node(), now)) {
    suspend("the lease was judged dead");
    return take_new_lease();
  }
  if (now - renewed_at_ > 3 * heartbeat_) healthy_since_ = now;
  renewed_at_ = now;
}

// After an outage every node looks dead to every other; so only one that has been well itself for long enough judges.
void LeaseKeeper::rescue(Time now) {
  if (now - healthy_since_ < node_timeout_) return;
  const RescueReport report = leases_.rescue(lease_.node(), now, node_timeout_);
  if (report.nodes == 0 && report.executions == 0) return;
  metrics_.rescued.add(static_cast<double>(report.executions));
  host_.log(LogLevel::warn, std::to_string(report.nodes) + " servers are dead; returned " +
                                std::to_string(report.executions) + " of their executions to pending");
  on_returned_();
}

void LeaseKeeper::reconcile(Time now) {
  next_reconcile_ = now + reconcile_interval;
  auto unknown = leases_.held(lease_.node());
  std::erase_if(unknown, [&](const ClaimRef& claim) { return held_.knows(claim); });
  std::sort(unknown.begin(), unknown.end());
  // One that was claimed or settled while the list was read is not unknown the next time.
  std::vector<ClaimRef> twice;
  std::set_intersection(unknown.begin(), unknown.end(), unknown_.begin(), unknown_.end(), std::back_inserter(twice));
  unknown_ = std::move(unknown);
  if (twice.empty()) return;
  store_.release(twice);
  metrics_.released.add(static_cast<double>(twice.size()));
  host_.log(LogLevel::warn, "returned " + std::to_string(twice.size()) + " claims of unclear commits to pending");
  on_returned_();
}

void LeaseKeeper::suspend(const char* why) {
  suspended_ = true;
  // Their claims end with the lease: whoever rescues them returns them to pending.
  const auto dropped = held_.suspend();
  host_.log(LogLevel::error, "sending is suspended until a new lease is taken: " + std::string(why) + "; dropped " +
                                 std::to_string(dropped.size()) + " waiting executions");
}

void LeaseKeeper::take_new_lease() {
  acquire();
  held_.resume();
  suspended_ = false;
  host_.log(LogLevel::info, "a new lease is taken, sending goes on");
  on_returned_();
}

}  // namespace punctual
