// Random sequences of requests and steps of the clock, compared after each with a small model of what the engine is to have
// done. A failure prints the seed and what was done; PUNCTUAL_TEST_SEED runs it again.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <map>
#include <random>

#include "engine/engine_fixture.hpp"
#include "punctual/errors.hpp"

using namespace punctual;
using namespace punctual::testing;
using namespace std::chrono_literals;

namespace {

unsigned test_seed() {
  const char* given = std::getenv("PUNCTUAL_TEST_SEED");
  return given != nullptr ? static_cast<unsigned>(std::stoul(given)) : std::random_device{}();
}

constexpr seconds retry_base{15};

struct ModelTask {
  TaskId id;
  ExecutionId own_run;
  std::optional<std::string> queue;
  int retry_attempts = 0;
  bool deleted = false;
};

struct ModelExecution {
  std::size_t task = 0;  // its place in Model::tasks
  ExecutionId run;
  int attempt = 1;
  Time due;
  std::uint64_t place = 0;  // in its line
  ExecutionStatus status = ExecutionStatus::pending;
};

// What is said of an execution from outside: everything but the id of a retry, which only the engine makes.
using Seen = std::tuple<ExecutionId, int, ExecutionStatus, Time>;

// Every delivery is answered at once, so nothing is ever running when somebody looks.
class Model {
 public:
  std::vector<ModelTask> tasks;
  std::vector<ModelExecution> executions;
  std::map<std::string, bool> paused;
  int answer = 200;
  std::size_t sent = 0;

  void start(std::size_t task, ExecutionId run, Time due) { executions.push_back({task, run, 1, due, next_place_++}); }

  ModelExecution* pending_of_run(ExecutionId run) {
    for (auto& one : executions) {
      if (one.run == run && one.status == ExecutionStatus::pending) return &one;
    }
    return nullptr;
  }

  void cancel_pending_of(std::size_t task) {
    for (auto& one : executions) {
      if (one.task == task && one.status == ExecutionStatus::pending) one.status = ExecutionStatus::cancelled;
    }
  }

  // Sends everything that may be sent at `now`.
  void run(Time now) {
    while (ModelExecution* next = next_to_send(now)) send(next - executions.data(), now);
  }

  [[nodiscard]] std::vector<Seen> seen() const {
    std::vector<Seen> out;
    for (const auto& one : executions) out.emplace_back(one.run, one.attempt, one.status, one.due);
    std::sort(out.begin(), out.end());
    return out;
  }

 private:
  ModelExecution* next_to_send(Time now) {
    for (auto& one : executions) {
      if (one.status != ExecutionStatus::pending || one.due > now) continue;
      const auto& queue = tasks[one.task].queue;
      if (!queue || (!paused[*queue] && is_head(one, *queue))) return &one;
    }
    return nullptr;
  }

  // A retry is before all others of its line, which else stand in the order of their coming.
  bool is_head(const ModelExecution& one, const std::string& queue) {
    const auto rank = [](const ModelExecution& e) { return std::pair(e.attempt == 1, e.place); };
    return std::none_of(executions.begin(), executions.end(), [&](const ModelExecution& other) {
      return other.status == ExecutionStatus::pending && tasks[other.task].queue == queue && rank(other) < rank(one);
    });
  }

  void send(std::ptrdiff_t at, Time now) {
    ++sent;
    ModelExecution& one = executions[static_cast<std::size_t>(at)];
    one.status = answer == 200 ? ExecutionStatus::success : ExecutionStatus::failed;
    const ModelTask& task = tasks[one.task];
    if (answer != 500 || one.attempt > task.retry_attempts) return;
    ModelExecution retry = one;
    ++retry.attempt;
    retry.due = now + retry_base * (1 << (one.attempt - 1));
    retry.status = ExecutionStatus::pending;
    executions.push_back(retry);
  }

  std::uint64_t next_place_ = 0;
};

class RandomRequests : public EngineFixture {
 public:
  void run(unsigned seed, int steps) {
    random_.seed(seed);
    server_.emplace(store, clock, host, settings());
    INFO("PUNCTUAL_TEST_SEED=" << seed);
    for (int step = 0; step < steps; ++step) {
      act();
      model_.run(clock.now());
      const bool alike = eventually([&] { return seen() == model_.seen(); }, 60s);
      INFO("after:" << done_);
      INFO(differences());
      REQUIRE(alike);
      REQUIRE(sent_before_ + server_->transport().started().size() == model_.sent);
    }
  }

 private:
  // Hosts are never left alone and waits are exact, so that a small model can say what comes.
  static EngineSettings settings() {
    EngineSettings out;
    out.retry_base = retry_base;
    out.retry_jitter_percent = 0;
    out.host_limits = false;
    return out;
  }

  std::size_t below(std::size_t limit) { return std::uniform_int_distribution<std::size_t>{0, limit - 1}(random_); }
  bool one_in(std::size_t n) { return below(n) == 0; }

  void say(const std::string& what) { done_ += "\n  " + what; }

  void act() {
    switch (below(16)) {
      case 0:
      case 1:
      case 2:
        return create_one();
      case 3:
        return create_many();
      case 4:
        return trigger();
      case 5:
        return move();
      case 6:
        return remove();
      case 7:
        return cancel();
      case 8:
        return retry();
      case 9:
      case 10:
        return pause_or_resume();
      case 11:
        return change_answer();
      case 12:
        return restart();
      default:
        return step();
    }
  }

  NewTask draft(std::optional<std::string> queue, std::optional<seconds> delay) {
    NewTask out = task(delay);
    out.spec.queue = std::move(queue);
    out.spec.retry_attempts = static_cast<int>(below(3));
    return out;
  }

  // What goes to a queue is due at once: then its place is that of its coming, on every kind of storage.
  NewTask any_draft() {
    if (one_in(2)) return draft(one_in(2) ? "a" : "b", std::nullopt);
    return draft(std::nullopt, one_in(2) ? std::optional<seconds>(1 + below(40)) : std::nullopt);
  }

  void remember(TaskId id, ExecutionId execution, Time due, const TaskSpec& spec) {
    model_.tasks.push_back({id, execution, spec.queue, spec.retry_attempts});
    model_.start(model_.tasks.size() - 1, execution, due);
  }

  void create_one() {
    const auto made = create(*server_, any_draft());
    say("create due " + format_rfc3339(made.scheduled_for) + " queue " + made.task.spec.queue.value_or("-") +
        " retries " + std::to_string(made.task.spec.retry_attempts));
    remember(made.task.id, *made.execution_id, made.scheduled_for, made.task.spec);
  }

  void create_many() {
    std::vector<NewTask> drafts;
    for (std::size_t i = 0, count = 1 + below(8); i < count; ++i) drafts.push_back(any_draft());
    say("create " + std::to_string(drafts.size()) + " in one commit");
    std::vector<NewWork> made;
    (void)server_->engine().create_tasks(request(), std::move(drafts), [&](std::span<const NewWork> works) {
      made.assign(works.begin(), works.end());
      return StoredReply{201, ""};
    });
    for (const auto& work : made) {
      remember(work.task.id, work.execution->id, work.execution->scheduled_for, work.task.spec);
    }
  }

  // Some task, with its place; none: there is none yet.
  ModelTask* any_task(std::size_t* place = nullptr) {
    if (model_.tasks.empty()) return nullptr;
    const auto at = below(model_.tasks.size());
    if (place != nullptr) *place = at;
    return &model_.tasks[at];
  }

  template <class Error>
  void refused(const std::function<void()>& what) {
    CHECK_THROWS_AS(what(), Error);
  }

  void trigger() {
    std::size_t place = 0;
    const auto* chosen = any_task(&place);
    if (chosen == nullptr) return;
    say("trigger task " + std::to_string(place));
    StartedRun run;
    const auto call = [&] {
      (void)server_->engine().trigger_task(request(), chosen->id, [&](const StartedRun& started) {
        run = started;
        return StoredReply{202, ""};
      });
    };
    if (chosen->deleted) return refused<NotFound>(call);
    call();
    model_.start(place, run.execution_id, run.scheduled_for);
  }

  void move() {
    std::size_t place = 0;
    const auto* chosen = any_task(&place);
    if (chosen == nullptr || chosen->queue) return;
    const Time due = clock.now() + seconds(1 + below(40));
    say("move task " + std::to_string(place) + " to " + format_rfc3339(due));
    const auto call = [&] {
      (void)edit(
          *server_, chosen->id, [&](TaskSpec& spec) { spec.scheduled_at = due; }, true);
    };
    if (chosen->deleted) return refused<NotFound>(call);
    const Task stored = server_->engine().find_task(principal, chosen->id);
    auto* pending = model_.pending_of_run(chosen->own_run);
    if (pending == nullptr && stored.spec.scheduled_at != due) return refused<Conflict>(call);
    call();
    if (pending != nullptr && stored.spec.scheduled_at != due) pending->due = due;
  }

  void remove() {
    std::size_t place = 0;
    auto* chosen = any_task(&place);
    if (chosen == nullptr) return;
    say("delete task " + std::to_string(place));
    const auto call = [&] { (void)server_->engine().delete_task(request(), chosen->id, {204, ""}); };
    if (chosen->deleted) return refused<NotFound>(call);
    call();
    chosen->deleted = true;
    model_.cancel_pending_of(place);
  }

  // Some execution as the engine shows it, with what the model knows of it.
  std::optional<std::pair<Execution, std::size_t>> any_execution() {
    const auto all = everything();
    if (all.empty()) return std::nullopt;
    const Execution& chosen = all[below(all.size())];
    for (std::size_t i = 0; i < model_.executions.size(); ++i) {
      const auto& one = model_.executions[i];
      if (one.run == chosen.run_id && one.attempt == chosen.attempt) return std::pair(chosen, i);
    }
    return std::nullopt;
  }

  void cancel() {
    const auto chosen = any_execution();
    if (!chosen) return;
    auto& known = model_.executions[chosen->second];
    say("cancel execution " + std::to_string(chosen->second));
    const auto call = [&] {
      (void)server_->engine().cancel_execution(request(), chosen->first.id, [](const Execution&) {
        return StoredReply{200, ""};
      });
    };
    if (known.status != ExecutionStatus::pending) return refused<Conflict>(call);
    call();
    known.status = ExecutionStatus::cancelled;
  }

  void retry() {
    const auto chosen = any_execution();
    if (!chosen) return;
    const auto& known = model_.executions[chosen->second];
    say("retry execution " + std::to_string(chosen->second));
    StartedRun run;
    const auto call = [&] {
      (void)server_->engine().retry_execution(request(), chosen->first.id, [&](const StartedRun& started) {
        run = started;
        return StoredReply{202, ""};
      });
    };
    if (known.status == ExecutionStatus::pending || model_.tasks[known.task].deleted) return refused<Conflict>(call);
    call();
    model_.start(known.task, run.execution_id, run.scheduled_for);
  }

  void pause_or_resume() {
    const std::string queue = one_in(2) ? "a" : "b";
    const bool pause = one_in(2);
    say((pause ? "pause " : "resume ") + queue);
    if (pause) {
      (void)server_->engine().pause_queue(request(), queue, {200, ""});
    } else {
      (void)server_->engine().resume_queue(request(), queue, {200, ""});
    }
    model_.paused[queue] = pause;
  }

  void change_answer() {
    model_.answer = std::array{200, 404, 500}[below(3)];
    say("answer " + std::to_string(model_.answer));
    server_->transport().answer_with(model_.answer);
  }

  void restart() {
    say("restart");
    sent_before_ += server_->transport().started().size();
    server_.reset();
    server_.emplace(store, clock, host, settings());
    server_->transport().answer_with(model_.answer);
  }

  // The model looks at every second, as retries are due on the way.
  void step() {
    const auto by = 1 + below(20);
    say("wait " + std::to_string(by) + " s");
    for (std::size_t second = 1; second <= by; ++second) {
      clock.advance(1s);
      model_.run(clock.now());
      if (!eventually([&] { return seen() == model_.seen(); }, 60s)) return;  // told by the caller
    }
  }

  std::vector<Execution> everything() {
    std::vector<Execution> out;
    ExecutionQuery query;
    query.organization_id = principal.organization_id;
    query.limit = 100;
    for (bool more = true; more;) {
      auto page = server_->engine().list_executions(query);
      out.insert(out.end(), page.items.begin(), page.items.end());
      more = page.has_more;
      if (more) query.after = ExecutionCursor{out.back().scheduled_for, out.back().id};
    }
    return out;
  }

  std::vector<Seen> seen() {
    std::vector<Seen> out;
    for (const auto& one : everything()) out.emplace_back(one.run_id, one.attempt, one.status, one.scheduled_for);
    std::sort(out.begin(), out.end());
    return out;
  }

  std::string differences() {
    const auto here = seen();
    const auto wanted = model_.seen();
    std::string out;
    const auto tell = [&](const char* what, const std::vector<Seen>& of, const std::vector<Seen>& against) {
      for (const auto& one : of) {
        if (std::binary_search(against.begin(), against.end(), one)) continue;
        const auto& [run, attempt, status, due] = one;
        out += std::string(what) + " run " + run.text() + " attempt " + std::to_string(attempt) + " " +
               std::string(name_of(status)) + " due " + format_rfc3339(due) + "\n";
      }
    };
    tell("the engine has", here, wanted);
    tell("the model has", wanted, here);
    return out;
  }

  std::mt19937 random_;
  std::optional<Server> server_;
  std::size_t sent_before_ = 0;
  Model model_;
  std::string done_;
};

}  // namespace

TEST_CASE("the engine does what a small model of it does, whatever is asked for and however time goes") {
  const int run = GENERATE(0, 1, 2);
  RandomRequests requests;
  requests.run(test_seed() + static_cast<unsigned>(run), 80);
}
