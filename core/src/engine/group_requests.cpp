// TaskEngine: what a frontend asks for about many tasks at once.
#include <map>

#include "engine/new_task.hpp"
#include "engine/organization_limits.hpp"
#include "engine/task_audit.hpp"
#include "engine/task_engine_parts.hpp"
#include "engine/transient.hpp"
#include "punctual/task_groups.hpp"

namespace punctual {
namespace {

// Runs `work` for the task at a place among many: what is wrong with it gets the name of the place.
template <class Work>
auto for_task(std::size_t place, Work work) {
  try {
    return work();
  } catch (const Invalid& problem) {
    Invalid::Fields placed;
    for (const auto& [field, texts] : problem.fields()) placed["tasks[" + std::to_string(place) + "]." + field] = texts;
    throw Invalid(std::move(placed));
  }
}

// As far as it is known.
TaskSpec outline(const SyncBase::Other& task) {
  TaskSpec spec;
  spec.name = task.name;
  spec.url = task.url;
  spec.schedule_type = ScheduleType::cron;
  spec.cron_expression = task.cron_expression;
  spec.timezone = task.timezone;
  return spec;
}

// Makes the plan of one sync.
class SyncPlanner {
 public:
  SyncPlanner(const TaskSync& sync, const Principal& by, Time now, IdGenerator& ids)
      : sync_(sync), by_(by), now_(now), ids_(ids) {}

  struct Planned {
    SyncPlan plan;
    SyncedTasks names;
  };
  [[nodiscard]] Planned plan(const SyncBase& base) {
    std::multimap<std::string_view, const Task*> stored;
    for (const Task& task : base.named) stored.emplace(task.spec.name, &task);
    Planned out;
    for (std::size_t i = 0; i < sync_.tasks.size(); ++i) {
      for_task(i, [&] { plan_task(sync_.tasks[i], stored, out); });
    }
    for (const SyncBase::Other& other : base.others) {
      out.plan.removed.push_back(other.id);
      out.plan.audit.push_back(task_deleted(by_, other.id, outline(other), now_));
      out.names.removed.push_back(other.name);
    }
    return out;
  }

 private:
  void plan_task(const SyncTask& wanted, const std::multimap<std::string_view, const Task*>& stored, Planned& out) {
    const auto [first, last] = stored.equal_range(wanted.name);
    if (first == last) {
      NewTask draft;
      draft.spec = wanted.apply(nullptr);
      out.plan.created.push_back(new_work(std::move(draft), by_, now_, ids_));
      out.names.created.push_back(wanted.name);
      return;
    }
    // Names of tasks need not be unique, and none of them is more meant than the others.
    if (std::next(first) != last) throw Invalid("name", "is the name of several tasks");
    const Task& before = *first->second;
    TaskUpdate update = changed_task(before, wanted.apply(&before.spec), by_.limits, now_);
    auto audit = task_updated(by_, before, update.task);
    if (!audit) return;
    out.plan.audit.push_back(*std::move(audit));
    out.plan.updated.push_back(std::move(update));
    out.names.updated.push_back(wanted.name);
  }

  const TaskSync& sync_;
  const Principal& by_;
  Time now_;
  IdGenerator& ids_;
};

// When the first of the schedules that a sync has made or changed comes due.
std::optional<Time> first_run(const SyncPlan& plan) {
  std::optional<Time> first;
  const auto consider = [&](const std::optional<Time>& next) {
    if (next && (!first || *next < *first)) first = next;
  };
  for (const NewWork& work : plan.created) consider(work.task.next_run_at);
  for (const TaskUpdate& update : plan.updated) consider(update.task.next_run_at);
  return first;
}

}  // namespace

Reply TaskEngine::create_tasks(const Request& request, std::vector<NewTask> drafts,
                               const Render<std::span<const NewWork>>& render) {
  parts_->refuse_when_draining();
  const Time now = this->now();
  std::vector<NewWork> works;
  works.reserve(drafts.size());
  for (std::size_t i = 0; i < drafts.size(); ++i) {
    for_task(i, [&] { works.push_back(new_work(std::move(drafts[i]), request.principal, now, parts_->ids)); });
  }
  StoredReply reply = render(works);
  const auto record = idempotency_record(request, now, reply);

  // As many as there is room for.
  bool claimed = false;
  for (NewWork& work : works) claimed |= parts_->claim_at_insert(work, now);
  const auto abandon_claims = [&] {
    for (const NewWork& work : works) {
      if (work.claim) parts_->held.abandon({work.execution->id, *work.claim});
    }
  };
  GroupOutcome outcome;
  int calls = 0;
  try {
    outcome = retry_transient([&] {
      ++calls;
      return parts_->storage.groups().insert(parts_->lease.node(), works, record);
    });
  } catch (...) {
    abandon_claims();
    parts_->keeper.suspect();
    throw;
  }
  if (outcome.result != WriteResult::applied) {
    abandon_claims();
    // What is answered as done before may be what an earlier call of this very insert has stored and claimed.
    if (claimed && calls > 1) parts_->keeper.suspect();
    if (auto earlier = answered_before(outcome)) return *std::move(earlier);
    if (outcome.result == WriteResult::limit_exceeded) {
      refuse_beyond_limit(works.at(outcome.refused).task.spec.schedule_type, request.principal.limits);
    }
    throw NotFound("The organisation does not exist any more");
  }
  for (std::size_t i = 0; i < works.size(); ++i) {
    parts_->follow_up(std::move(works[i]), outcome.claimed.at(i), request.principal);
  }
  return {std::move(reply), false};
}

Reply TaskEngine::sync_tasks(const Request& request, const TaskSync& sync, const Render<SyncedTasks>& render) {
  parts_->refuse_when_draining();
  SyncScope scope;
  scope.others = sync.remove_others;
  for (const SyncTask& task : sync.tasks) scope.names.push_back(task.name);
  StoredReply reply;
  std::optional<Time> wake_at;
  const auto organization = request.principal.organization_id;
  Reply done = parts_->change(request.principal, std::nullopt, reply, [&](std::span<const ExecutionId> sending) {
    const Time now = this->now();
    const TaskWrite write{organization, {}, parts_->lease.node(), now, sending, idempotency_record(request, now, {})};
    auto outcome = parts_->storage.groups().sync(write, scope, [&](const SyncBase& base) {
      auto planned = SyncPlanner(sync, request.principal, now, parts_->ids).plan(base);
      reply = planned.plan.reply = render(planned.names);
      wake_at = first_run(planned.plan);
      return std::move(planned.plan);
    });
    if (outcome.result == WriteResult::limit_exceeded) {
      refuse_beyond_limit(ScheduleType::cron, request.principal.limits);
    }
    return outcome;
  });
  if (!done.replayed && wake_at) parts_->cron.wake(*wake_at);
  return done;
}

}  // namespace punctual
