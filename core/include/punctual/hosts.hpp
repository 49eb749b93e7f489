// Hosts that are not to be sent to for now, what waits for them, and the rules by which they open again.
//
// A host is known to storage only while something is the matter with it: its circuit is open after failures in a row, it
// asked for a pause, or it has opened and what waited is being let go. Work whose host is closed is held: pending to
// everybody, with its attempt and due time as they were, but brought by no claim before it is let go.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "punctual/ids.hpp"
#include "punctual/model.hpp"
#include "punctual/time.hpp"

namespace punctual {

// A host as one organisation has to do with it.
struct HostKey {
  OrganizationId organization_id;
  std::string name;  // lower case, with its port: "example.com:443"
  friend auto operator<=>(const HostKey&, const HostKey&) = default;
};

enum class HostPhase : std::uint8_t {
  failing,  // its circuit is open: nothing is sent before `until`, then one trial at a time
  asked,    // it asked for a pause: nothing is sent before `until`
  opening,  // it may be sent to; what was held is let go, more and more
};

[[nodiscard]] constexpr std::string_view name_of(HostPhase value) {
  constexpr std::array<std::string_view, 3> names{"failing", "asked", "opening"};
  return names[static_cast<std::size_t>(value)];
}
template <>
[[nodiscard]] constexpr std::optional<HostPhase> parse_name<HostPhase>(std::string_view text) {
  for (const auto value : {HostPhase::failing, HostPhase::asked, HostPhase::opening}) {
    if (name_of(value) == text) return value;
  }
  return std::nullopt;
}

struct HostState {
  HostKey host;
  HostPhase phase = HostPhase::failing;
  Time until;        // failing, asked
  int openings = 0;  // failing: how often in a row its circuit has opened
  // failing: the execution that is the trial. After `trial_until` it counts as lost, and there may be another one.
  std::optional<ExecutionId> trial;
  Time trial_until;
  int pace = 1;  // opening: how many are let go next
  Time next_at;  // when HostStates::advance has something to do about it

  friend bool operator==(const HostState&, const HostState&) = default;
};

// What a server has to say of a host.
struct HostReport {
  enum class Kind : std::uint8_t {
    failed,     // three failures in a row, or that of the trial
    answered,   // the trial got an answer
    asked,      // it wants nothing before `until`
    nothing,    // the trial has ended without saying anything of the host, e.g. unsent
    dismissed,  // hosts are not to be closed at all: this one opens
  };
  HostKey host;
  Kind kind = Kind::failed;
  Time at;
  Time until;
  std::optional<ExecutionId> execution;  // which may be the trial
};

// What became of a host.
struct HostChange {
  enum class Kind : std::uint8_t { closed_by_failures, closed_on_request, opened };
  Kind kind = Kind::opened;
  HostState state;  // afterwards
};

// A claimed execution about whose host it is not known whether it may be sent to.
struct HostQuestion {
  ExecutionId id;
  ClaimToken token{};
  HostKey host;
  Time task_updated_at;            // it is held for this host only if its task is still as it was then
  milliseconds timeout{};          // of its request
  std::optional<Time> expires_at;  // it is let go then, whatever its host
};

enum class HostAnswer : std::uint8_t {
  send,
  trial,  // send it; how it ends decides about the host and must be reported, whatever it is
  held,   // its claim has ended: it waits for its host, or somebody else has taken the execution from it
};

// What has been let go by one call.
struct LetGo {
  std::size_t executions = 0;
  std::optional<Time> earliest;  // the first of their due times
  std::vector<HostChange> changes;
};

// All functions may be called from many threads and servers at once; each write is one transaction.
class HostStates {
 public:
  virtual ~HostStates() = default;

  // Every host that something is the matter with, in no order.
  [[nodiscard]] virtual std::vector<HostState> list() = 0;

  // Applies the reports in their order, by changed() below; what became of hosts, where it is worth a line in the log.
  [[nodiscard]] virtual std::vector<HostChange> report(std::span<const HostReport> reports) = 0;

  // Answers by ask() below and holds what has to wait; one answer an item, in order. A held execution of a line keeps its
  // place: nothing of the line is claimed before it. When its task has changed or is deleted it is pending, or cancelled,
  // without being held.
  [[nodiscard]] virtual std::vector<HostAnswer> ask(std::span<const HostQuestion> questions, Time now) = 0;

  // Does what is to be done by `now`: gives one held execution for a trial where one is due, lets go what waits for hosts
  // that open, and what has expired; forgets hosts that nothing waits for. What is let go is claimable at once.
  [[nodiscard]] virtual LetGo advance(Time now) = 0;

  // How many executions are held, of all organisations; counted up to `most`.
  [[nodiscard]] virtual std::size_t count_held(std::size_t most) = 0;
};

// ---- The rules, which backends apply to what they have stored. Pure; any thread.

namespace host_rules {

inline constexpr std::array<seconds, 4> pauses{seconds{30}, seconds{60}, seconds{120}, seconds{300}};
// A trial that was let go is lost when nobody has sent it by then; one that was sent, so long after its timeout.
inline constexpr seconds trial_patience{30};
inline constexpr int fastest_pace = 1000;
inline constexpr milliseconds pace_interval{100};
// A circuit that nothing came to close for so long after its pause is forgotten.
inline constexpr std::chrono::hours memory{1};
inline constexpr seconds look_again{5};

// How long a circuit stays open that has opened `openings` times in a row, from 1.
[[nodiscard]] constexpr seconds pause_after(int openings) {
  const auto last = static_cast<int>(pauses.size());
  return pauses[static_cast<std::size_t>(std::clamp(openings, 1, last) - 1)];
}

[[nodiscard]] inline bool is_closed(const HostState& state, Time now) {
  switch (state.phase) {
    case HostPhase::failing:
      return true;
    case HostPhase::asked:
      return state.until > now;
    case HostPhase::opening:
      return false;
  }
  return false;
}

[[nodiscard]] inline HostState failing(const HostKey& host, int openings, Time at) {
  HostState out;
  out.host = host;
  out.phase = HostPhase::failing;
  out.openings = openings;
  out.until = out.next_at = at + pause_after(openings);
  return out;
}
[[nodiscard]] inline HostState asked(const HostKey& host, Time until) {
  HostState out;
  out.host = host;
  out.phase = HostPhase::asked;
  out.until = out.next_at = until;
  return out;
}
[[nodiscard]] inline HostState opening(const HostKey& host, Time at) {
  HostState out;
  out.host = host;
  out.phase = HostPhase::opening;
  out.until = out.next_at = at;
  return out;
}

// The state of a host after a report; without one nothing is the matter with it.
// A failure counts when it opens a circuit that is closed, or is that of the trial; one of a request that was sent before
// the host was closed says nothing new. A wish for a pause counts always; the later end is kept.
[[nodiscard]] inline std::optional<HostState> changed(const std::optional<HostState>& stored,
                                                      const HostReport& report) {
  using Kind = HostReport::Kind;
  if (!stored || !is_closed(*stored, report.at)) {
    // A trial whose host has opened meanwhile, by another one, says nothing new.
    if (report.kind == Kind::failed && !report.execution) return failing(report.host, 1, report.at);
    if (report.kind == Kind::asked) return asked(report.host, report.until);
    return stored;
  }
  if (report.kind == Kind::dismissed) return opening(report.host, report.at);
  if (stored->phase == HostPhase::asked) {
    HostState out = *stored;
    if (report.kind == Kind::asked) out.until = out.next_at = std::max(out.until, report.until);
    return out;
  }
  const bool is_trial = report.execution && stored->trial == report.execution;
  HostState out = *stored;
  switch (report.kind) {
    case Kind::failed:
      return is_trial ? failing(report.host, stored->openings + 1, report.at) : out;
    case Kind::answered:
      return is_trial ? opening(report.host, report.at) : out;
    case Kind::asked:
      if (is_trial) return asked(report.host, report.until);
      out.until = std::max(out.until, report.until);
      out.next_at = std::max(out.next_at, out.until);
      return out;
    case Kind::nothing:
      if (!is_trial) return out;
      out.trial.reset();
      out.next_at = std::max(out.until, report.at);
      return out;
    case Kind::dismissed:
      return out;
  }
  return out;
}

// Whether an execution may be sent. It may become the trial of `stored`, which then has to be written.
[[nodiscard]] inline HostAnswer ask(std::optional<HostState>& stored, const HostQuestion& question, Time now) {
  if (!stored || !is_closed(*stored, now)) return HostAnswer::send;
  if (stored->phase == HostPhase::asked || stored->until > now) return HostAnswer::held;
  if (stored->trial && *stored->trial != question.id && stored->trial_until > now) return HostAnswer::held;
  stored->trial = question.id;
  stored->trial_until = stored->next_at = now + question.timeout + trial_patience;
  return HostAnswer::trial;
}

// How many are to be let go at `now`; brings a host whose pause is over to its next phase.
[[nodiscard]] inline std::size_t due_to_go(HostState& state, Time now) {
  if (state.phase == HostPhase::asked && state.until <= now) state = opening(state.host, now);
  if (state.phase == HostPhase::opening) return static_cast<std::size_t>(state.pace);
  const bool trial_is_out = state.trial && state.trial_until > now;
  return state.phase == HostPhase::failing && state.until <= now && !trial_is_out ? 1 : 0;
}

// After `gone` (in order of due time) have been let go of due_to_go. `more`: others are still held. False: it is to be
// forgotten.
[[nodiscard]] inline bool after_letting_go(HostState& state, std::span<const ExecutionId> gone, bool more, Time now) {
  switch (state.phase) {
    case HostPhase::opening:
      if (!more) return false;
      state.pace = std::min(2 * state.pace, fastest_pace);
      state.next_at = now + pace_interval;
      return true;
    case HostPhase::failing:
      if (!gone.empty()) {
        state.trial = gone.front();
        state.trial_until = state.next_at = now + trial_patience;
      } else {
        if (!more && state.until + memory <= now) return false;
        state.next_at = now + look_again;
      }
      return true;
    case HostPhase::asked:
      state.next_at = state.until;
      return true;
  }
  return true;
}

// What of a change belongs into the log.
[[nodiscard]] inline std::optional<HostChange> worth_telling(const std::optional<HostState>& before,
                                                             const HostState& after) {
  const bool same_phase = before && before->phase == after.phase;
  switch (after.phase) {
    case HostPhase::failing:
      if (same_phase && before->openings == after.openings) return std::nullopt;
      return HostChange{HostChange::Kind::closed_by_failures, after};
    case HostPhase::asked:
      if (same_phase) return std::nullopt;
      return HostChange{HostChange::Kind::closed_on_request, after};
    case HostPhase::opening:
      if (same_phase) return std::nullopt;
      return HostChange{HostChange::Kind::opened, after};
  }
  return std::nullopt;
}

}  // namespace host_rules

}  // namespace punctual
