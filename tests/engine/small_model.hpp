// A small model of the engine: what clients ask for and what time brings, without threads, storage or servers. Deliveries are
// answered at once with `answer`, or stay open until they are ended.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "cron/cron_schedule.hpp"
#include "punctual/model.hpp"

namespace punctual::testing {

class SmallModel {
 public:
  static constexpr seconds retry_base{15};
  static constexpr seconds made_ahead{1};  // of cron occurrences

  // Whether what is first in a line keeps its place in it, or is ordered by when it is due next. Contracts leave that open.
  enum class Heads { keep_place, by_due };
  explicit SmallModel(Heads heads) : heads_(heads) {}

  struct Task {
    TaskId id;
    std::string url;
    std::optional<std::string> queue;
    int retry_attempts = 0;
    std::optional<std::size_t> own_run;  // of a one-time task
    std::optional<std::string> cron;
    std::optional<Time> next_run;
    bool enabled = true;
    bool deleted = false;
  };
  struct Execution {
    std::size_t task = 0;
    std::size_t run = 0;
    int attempt = 1;
    Time due;
    ExecutionStatus status = ExecutionStatus::pending;
    std::uint64_t place = 0;  // among all that were made
    Time line_at;             // when the run was due first
    bool holds = false;       // was claimed, or is a retry: first in its line
    bool by_schedule = false;
    bool followed = false;          // by another attempt, or by a retry that a client asked for
    bool lost = false;              // claimed by a server that is dead
    int rescues = 0;                // how often that happened to this attempt
    int retry_attempts = 0;         // of its task when it was sent
    std::optional<ExecutionId> id;  // learned from the engine
  };
  struct Queue {
    bool configured = false;
    bool paused = false;
    int concurrency = 1;
  };

  std::vector<Task> tasks;
  std::vector<Execution> executions;
  std::vector<std::optional<ExecutionId>> runs;  // their ids; learned from the engine where it makes them by itself
  std::map<std::string, Queue> queues;
  std::optional<int> answer = 200;  // nullopt: deliveries stay open
  std::vector<std::string> sent;    // the URLs, as often as they were called

  // A new run; its number.
  std::size_t start(std::size_t task, std::optional<ExecutionId> id, Time due, bool by_schedule = false);
  void set_schedule(Task& task, Time now);
  // As an edit of its schedule does it: what was made ahead is taken back.
  void forget_ahead(std::size_t task, Time now);
  void remove(std::size_t task);
  // The tasks that wait in a queue; how many.
  std::size_t remove_queue(const std::string& queue);
  void cancel(Execution& one) { one.status = ExecutionStatus::cancelled; }
  // The first failed ones of these statuses in a list of what may be run again, at most so many; how many.
  std::size_t retry_many(const std::vector<ExecutionStatus>& statuses, std::size_t limit, Time now);

  // Everything that is to happen at `now` and has not.
  void run(Time now);
  [[nodiscard]] Execution* next_to_send(Time now);
  // What was being sent has been answered.
  void end(Execution& one, int status, Time now);
  // The claim of an execution has come to nothing: it is to be sent anew.
  void give_back(Execution& one);
  // What dead servers have left is given back.
  void rescue();

  [[nodiscard]] Execution* find(std::size_t run, ExecutionStatus status);
  [[nodiscard]] bool has_live(const std::string& queue) const;
  [[nodiscard]] std::int64_t count(const std::string& queue, ExecutionStatus status) const;

 private:
  void make_occurrences(Time now);
  void send(std::size_t at, Time now);
  [[nodiscard]] bool has_slot(const Execution& one) const;
  // Where it stands in its line.
  [[nodiscard]] std::tuple<bool, bool, Time, std::uint64_t> rank(const Execution& one) const;

  Heads heads_;
  std::uint64_t next_place_ = 0;
};

}  // namespace punctual::testing
