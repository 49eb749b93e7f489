// Random sequences of requests and steps of the clock, compared after each with a small model of what the engine is to have
// done. A failure prints the seed and what was done; PUNCTUAL_TEST_SEED runs it again.
#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <random>

#include "engine/modelled_server.hpp"
#include "punctual/errors.hpp"
#include "punctual/execution_changes.hpp"

using namespace punctual;
using namespace punctual::testing;
using namespace std::chrono_literals;

namespace {

unsigned test_seed() {
  const char* given = std::getenv("PUNCTUAL_TEST_SEED");
  return given != nullptr ? static_cast<unsigned>(std::stoul(given)) : std::random_device{}();
}

class RandomRequests : public ModelledServer {
 public:
  explicit RandomRequests(unsigned seed) : random_(seed), seed_(seed) {}

  void run(int steps) {
    start_server();
    for (int step = 0; step < steps; ++step) {
      try {
        act();
      } catch (const std::exception& problem) {
        INFO(told());
        FAIL(problem.what());
      }
      model_.run(clock.now());
      const bool alike = comes_true([&] { return seen() == wanted() && sent() == sorted(model_.sent); });
      INFO(told());
      INFO(differences());
      REQUIRE(alike);
      REQUIRE(shown_queues() == wanted_queues());
      learn_ids();
    }
  }

 private:
  std::size_t below(std::size_t limit) { return std::uniform_int_distribution<std::size_t>{0, limit - 1}(random_); }
  bool one_in(std::size_t n) { return below(n) == 0; }

  void say(const std::string& what) { done_ += "\n  " + what; }
  [[nodiscard]] std::string told() const { return "PUNCTUAL_TEST_SEED=" + std::to_string(seed_) + ", after:" + done_; }
  // The clock stands still, and so does the engine's poll; a look at the queues now and then stands for it.
  template <class Condition>
  bool comes_true(Condition condition) {
    for (int second = 0; second < 60; ++second) {
      if (eventually(condition, 1s)) return true;
      look_at_queues();
    }
    return false;
  }
  void look_at_queues() {
    if (servers_.empty()) return;
    try {
      (void)engine().resume_queue(request(), "nobody's", StoredReply{200, {}});
    } catch (const NotFound&) {
      return;
    }
  }

  // ---- what is done

  void act() {
    using Act = void (RandomRequests::*)();
    static constexpr std::array<std::pair<int, Act>, 21> acts{{
        {6, &RandomRequests::create_one},
        {2, &RandomRequests::create_many},
        {2, &RandomRequests::create_cron},
        {2, &RandomRequests::trigger},
        {2, &RandomRequests::move},
        {2, &RandomRequests::edit_delivery},
        {3, &RandomRequests::edit_schedule},
        {2, &RandomRequests::remove},
        {3, &RandomRequests::cancel},
        {2, &RandomRequests::retry},
        {1, &RandomRequests::retry_many},
        {4, &RandomRequests::pause_or_resume},
        {2, &RandomRequests::set_concurrency},
        {1, &RandomRequests::forget_queue},
        {1, &RandomRequests::remove_queue},
        {3, &RandomRequests::change_answer},
        {4, &RandomRequests::answer_open},
        {2, &RandomRequests::restart},
        {1, &RandomRequests::be_away},
        {1, &RandomRequests::crash},
        {9, &RandomRequests::wait},
    }};
    std::size_t all = 0;
    for (const auto& [weight, act] : acts) all += static_cast<std::size_t>(weight);
    std::size_t chosen = below(all);
    for (const auto& [weight, act] : acts) {
      if (chosen < static_cast<std::size_t>(weight)) return (this->*act)();
      chosen -= static_cast<std::size_t>(weight);
    }
  }

  // Asks once, or with a key twice: then the second time nothing happens, and the answer is that of the first.
  void ask(const std::function<Reply(const Request&)>& call) {
    if (!one_in(3)) {
      (void)call(request());
      return;
    }
    say("  … with a key, twice");
    Request keyed = request();
    keyed.idempotency = IdempotencyKey{"key " + std::to_string(next_key_++), Digest{1}};
    const Reply first = call(keyed);
    is_repeated_ = true;
    const Reply second = call(keyed);
    is_repeated_ = false;
    INFO(told());
    REQUIRE_FALSE(first.replayed);
    REQUIRE(second.replayed);
    REQUIRE(second.content == first.content);
  }

  // Keeps what the first call has made; a repeated one may make it in vain.
  template <class T>
  Render<T> keep(T& out, int status) {
    return [this, &out, status](const T& made) {
      if (!is_repeated_) out = made;
      return StoredReply{status, std::to_string(next_body_++)};
    };
  }

  template <class Error>
  void refused(const std::function<Reply(const Request&)>& call) {
    INFO(told());
    CHECK_THROWS_AS(call(request()), Error);
  }

  std::string some_queue() { return one_in(2) ? "a" : "b"; }

  NewTask draft() {
    NewTask out = task();
    if (one_in(2)) out.spec.queue = some_queue();
    if (one_in(2)) out.delay = seconds(1 + below(40));
    out.spec.retry_attempts = static_cast<int>(below(3));
    out.spec.url = next_url();
    return out;
  }
  std::string next_url() { return "http://target.example/" + std::to_string(next_url_++); }

  void remember(const Task& made, std::optional<ExecutionId> execution, Time due) {
    SmallModel::Task known;
    known.id = made.id;
    known.url = made.spec.url;
    known.queue = made.spec.queue;
    known.retry_attempts = made.spec.retry_attempts;
    known.cron = made.spec.cron_expression;
    model_.tasks.push_back(known);
    const auto place = model_.tasks.size() - 1;
    if (execution) model_.tasks[place].own_run = model_.start(place, execution, due);
    if (known.cron) model_.set_schedule(model_.tasks[place], clock.now());
  }

  void create_one() {
    const NewTask wish = draft();
    say("create task " + std::to_string(model_.tasks.size()) + " queue " + wish.spec.queue.value_or("-") + " delay " +
        std::to_string(wish.delay.value_or(0s).count()) + " retries " + std::to_string(wish.spec.retry_attempts));
    CreatedTask made;
    ask([&](const Request& request) { return engine().create_task(request, wish, keep(made, 202)); });
    remember(made.task, made.execution_id, made.scheduled_for);
  }

  void create_many() {
    std::vector<NewTask> drafts;
    for (std::size_t i = 0, count = 1 + below(8); i < count; ++i) drafts.push_back(draft());
    say("create " + std::to_string(drafts.size()) + " from task " + std::to_string(model_.tasks.size()) + " on");
    std::vector<NewWork> made;
    ask([&](const Request& request) {
      return engine().create_tasks(request, drafts, [&](std::span<const NewWork> works) {
        if (!is_repeated_) made.assign(works.begin(), works.end());
        return StoredReply{201, "many"};
      });
    });
    for (const auto& work : made) remember(work.task, work.execution->id, work.execution->scheduled_for);
  }

  std::string some_schedule() { return one_in(2) ? "* * * * *" : "*/2 * * * *"; }

  void create_cron() {
    NewTask wish = cron_task(some_schedule());
    wish.spec.retry_attempts = static_cast<int>(below(2));
    wish.spec.url = next_url();
    say("create task " + std::to_string(model_.tasks.size()) + " cron " + *wish.spec.cron_expression + " retries " +
        std::to_string(wish.spec.retry_attempts));
    CreatedTask made;
    ask([&](const Request& request) { return engine().create_task(request, wish, keep(made, 201)); });
    remember(made.task, std::nullopt, {});
  }

  std::optional<std::size_t> some_task() {
    if (model_.tasks.empty()) return std::nullopt;
    return below(model_.tasks.size());
  }

  void trigger() {
    const auto chosen = some_task();
    if (!chosen) return;
    say("trigger task " + std::to_string(*chosen));
    StartedRun run;
    const auto call = [&](const Request& request) {
      return engine().trigger_task(request, model_.tasks[*chosen].id, keep(run, 202));
    };
    if (model_.tasks[*chosen].deleted) return refused<NotFound>(call);
    ask(call);
    model_.start(*chosen, run.execution_id, run.scheduled_for);
  }

  // Changes a task by `apply`; false: it is deleted, and that was refused.
  bool change(std::size_t place, const std::function<void(TaskSpec&)>& apply, bool moves = false) {
    TaskChange change;
    change.apply = [&](const Task& before) {
      TaskSpec spec = before.spec;
      apply(spec);
      return spec;
    };
    change.moves_due_time = moves;
    Task changed;
    const auto call = [&](const Request& request) {
      return engine().update_task(request, model_.tasks[place].id, change, keep(changed, 200));
    };
    if (model_.tasks[place].deleted) {
      refused<NotFound>(call);
      return false;
    }
    ask(call);
    return true;
  }

  // Not in queues: what a place in a line that is left and taken anew is worth differs.
  void move() {
    const auto chosen = some_task();
    if (!chosen) return;
    const auto& known = model_.tasks[*chosen];
    if (known.queue || known.cron) return;
    const Time due = clock.now() + seconds(1 + below(40));
    say("move task " + std::to_string(*chosen) + " to " + format_rfc3339(due));
    const auto apply = [&](TaskSpec& spec) { spec.scheduled_at = due; };
    auto* pending = model_.find(*known.own_run, Status::pending);
    const bool stays = !known.deleted && engine().find_task(principal, known.id).spec.scheduled_at == due;
    if (!known.deleted && !stays && pending == nullptr) {
      return refused<Conflict>([&](const Request&) { return edit(server(), known.id, apply, true); });
    }
    if (change(*chosen, apply, true) && !stays) pending->due = due;
  }

  void edit_delivery() {
    const auto chosen = some_task();
    if (!chosen) return;
    const std::string url = next_url();
    const auto retries = static_cast<int>(below(3));
    say("edit task " + std::to_string(*chosen) + ": url " + url + " retries " + std::to_string(retries));
    const auto apply = [&](TaskSpec& spec) {
      spec.url = url;
      spec.retry_attempts = retries;
    };
    if (!change(*chosen, apply)) return;
    model_.tasks[*chosen].url = url;
    model_.tasks[*chosen].retry_attempts = retries;
  }

  void edit_schedule() {
    std::vector<std::size_t> crons;
    for (std::size_t i = 0; i < model_.tasks.size(); ++i) {
      if (model_.tasks[i].cron) crons.push_back(i);
    }
    if (crons.empty()) return;
    const auto chosen = crons[below(crons.size())];
    auto& known = model_.tasks[chosen];
    const std::string schedule = some_schedule();
    const bool enabled = !one_in(3);
    say("edit task " + std::to_string(chosen) + ": cron " + schedule + (enabled ? " enabled" : " disabled"));
    const auto apply = [&](TaskSpec& spec) {
      spec.cron_expression = schedule;
      spec.enabled = enabled;
    };
    if (!change(chosen, apply) || (known.cron == schedule && known.enabled == enabled)) return;
    known.cron = schedule;
    known.enabled = enabled;
    model_.forget_ahead(chosen, clock.now());
    model_.set_schedule(known, clock.now());
  }

  void remove() {
    const auto chosen = some_task();
    if (!chosen) return;
    say("delete task " + std::to_string(*chosen));
    const auto call = [&](const Request& request) {
      return engine().delete_task(request, model_.tasks[*chosen].id, {204, ""});
    };
    if (model_.tasks[*chosen].deleted) return refused<NotFound>(call);
    ask(call);
    model_.remove(*chosen);
  }

  std::optional<std::size_t> some_execution() {
    if (model_.executions.empty()) return std::nullopt;
    return below(model_.executions.size());
  }
  static bool has_ended(const SmallModel::Execution& one) {
    return one.status != Status::pending && one.status != Status::running;
  }

  void cancel() {
    const auto chosen = some_execution();
    if (!chosen) return;
    auto& known = model_.executions[*chosen];
    say("cancel execution " + std::to_string(*chosen));
    Execution as_it_is;
    const auto call = [&](const Request& request) {
      return engine().cancel_execution(request, *known.id, keep(as_it_is, 200));
    };
    if (has_ended(known)) return refused<Conflict>(call);
    ask(call);
    model_.cancel(known);
  }

  void retry() {
    const auto chosen = some_execution();
    if (!chosen) return;
    const auto task = model_.executions[*chosen].task;
    say("retry execution " + std::to_string(*chosen));
    StartedRun run;
    const auto call = [&](const Request& request) {
      return engine().retry_execution(request, *model_.executions[*chosen].id, keep(run, 202));
    };
    if (!has_ended(model_.executions[*chosen]) || model_.tasks[task].deleted) return refused<Conflict>(call);
    ask(call);
    model_.executions[*chosen].followed = true;
    model_.start(task, run.execution_id, run.scheduled_for);
  }

  void retry_many() {
    RetryFilter filter;
    filter.statuses = {Status::failed};
    if (one_in(2)) filter.statuses.push_back(Status::cancelled);
    const auto limit = 1 + below(6);
    say("retry " + std::to_string(limit) + (filter.statuses.size() > 1 ? " failed or cancelled" : " failed"));
    std::size_t count = 0;
    ask([&](const Request& request) { return engine().retry_executions(request, filter, limit, keep(count, 202)); });
    INFO(told());
    REQUIRE(model_.retry_many(filter.statuses, limit, clock.now()) == count);
  }

  void pause_or_resume() {
    const std::string queue = some_queue();
    const bool pause = one_in(2);
    say((pause ? "pause " : "resume ") + queue);
    ask([&](const Request& request) {
      const StoredReply reply{200, pause ? "paused" : "resumed"};
      return pause ? engine().pause_queue(request, queue, reply) : engine().resume_queue(request, queue, reply);
    });
    model_.queues[queue].paused = pause;
  }

  void set_concurrency() {
    const std::string queue = some_queue();
    QueueChange change;
    change.concurrency = static_cast<int>(1 + below(3));
    say("concurrency of " + queue + " " + std::to_string(*change.concurrency));
    Queue set;
    ask([&](const Request& request) { return engine().change_queue(request, queue, change, keep(set, 200)); });
    model_.queues[queue].concurrency = *change.concurrency;
    model_.queues[queue].configured = true;
  }

  void forget_queue() {
    const std::string queue = some_queue();
    say("forget " + queue);
    const auto call = [&](const Request& request) { return engine().forget_queue(request, queue, {204, ""}); };
    const auto& known = model_.queues[queue];
    if (!known.configured && !known.paused && !model_.has_live(queue)) return refused<NotFound>(call);
    ask(call);
    model_.queues.erase(queue);
  }

  void remove_queue() {
    const std::string queue = some_queue();
    say("delete the tasks of " + queue);
    std::size_t count = 0;
    ask([&](const Request& request) { return engine().delete_queue(request, queue, keep(count, 200)); });
    INFO(told());
    REQUIRE(model_.remove_queue(queue) == count);
  }

  void set_answer(std::optional<int> answer) {
    model_.answer = answer;
    for (const auto& server : servers_) server->transport().answer_with(answer);
  }

  void change_answer() {
    const auto answer = std::array<std::optional<int>, 5>{200, 200, 404, 500, std::nullopt}[below(5)];
    say("answer " + (answer ? std::to_string(*answer) : "later"));
    set_answer(answer);
  }

  void answer_open() {
    std::vector<SmallModel::Execution*> open;
    for (auto& one : model_.executions) {
      if (one.status == Status::running) open.push_back(&one);
    }
    if (open.empty()) return;
    auto& chosen = *open[below(open.size())];
    const int status = std::array{200, 404, 500}[below(3)];
    say("answer execution " + std::to_string(&chosen - model_.executions.data()) + " with " + std::to_string(status));
    for (const auto& server : servers_) {
      if (server->transport().is_open(*chosen.id)) server->transport().finish(*chosen.id, status);
    }
    model_.end(chosen, status, clock.now());
  }

  void restart() {
    say("restart");
    stop_all();
    start_server();
  }

  void be_away() {
    const auto by = seconds(1 + below(30));
    say("no server for " + std::to_string(by.count()) + " s");
    stop_all();
    clock.advance(by);
    start_server();
  }

  // A server dies with some of what is due in its hands.
  void crash() {
    if (std::any_of(model_.executions.begin(), model_.executions.end(),
                    [](const auto& one) { return one.rescues > 1; })) {
      return;  // a third time it would count as a failure of its own
    }
    set_answer(200);
    stop_all();
    const auto most = 1 + below(3);
    say("a server takes up to " + std::to_string(most) + " and dies");
    {
      const auto storage = store.open();
      NodeInfo node;
      node.id.value.bytes[0] = 99;
      node.id.value.bytes[1] = ++crashes_;
      node.at = clock.now();
      (void)storage->leases().acquire(node);
      for (const Claimed& claimed :
           storage->work().claim({node.id, ClaimToken{99}, clock.now(), clock.now(), most}).claimed) {
        take_away(claimed.id);
      }
    }
    start_server();
    if (!store.allows_several_servers()) return model_.rescue();
    const auto is_lost = [](const SmallModel::Execution& one) { return one.lost; };
    for (int second = 0; std::any_of(model_.executions.begin(), model_.executions.end(), is_lost); ++second) {
      INFO(told());
      REQUIRE(second < 30);
      pass_a_second([&] { return seen() == wanted() || is_rescued(); });
    }
  }

  // It must have been next.
  void take_away(ExecutionId id) {
    const auto found = std::find_if(model_.executions.begin(), model_.executions.end(),
                                    [&](const SmallModel::Execution& one) { return one.id == id; });
    INFO(told());
    REQUIRE(found != model_.executions.end());
    REQUIRE(found->status == Status::pending);
    found->status = Status::running;
    found->holds = found->lost = true;
  }

  // Whether what a dead server has left has been sent again; the model is told.
  bool is_rescued() {
    SmallModel rescued = model_;
    rescued.rescue();
    rescued.run(clock.now());
    std::swap(model_, rescued);
    if (seen() == wanted()) return true;
    std::swap(model_, rescued);
    return false;
  }

  void wait() {
    const auto by = 1 + below(20);
    say("wait " + std::to_string(by) + " s");
    for (std::size_t second = 0; second < by; ++second) {
      if (!pass_a_second([&] { return seen() == wanted(); })) return;  // told by the caller
    }
  }

  // The model looks at every second, as retries are due on the way. No server falls behind with its heartbeats.
  bool pass_a_second(const std::function<bool()>& alike) {
    const auto beats = heartbeat_count();
    clock.advance(1s);
    const bool alive = comes_true([&] { return heartbeat_count() >= beats + servers_.size(); });
    model_.run(clock.now());
    return alive && comes_true(alike);
  }

  std::uint64_t heartbeat_count() {
    const std::string line = heartbeats();
    return std::stoull(line.substr(line.rfind(' ')));
  }

  std::mt19937 random_;
  unsigned seed_;
  std::string done_;
  bool is_repeated_ = false;
  int next_key_ = 0;
  int next_body_ = 0;
  int next_url_ = 0;
  std::uint8_t crashes_ = 0;
};

}  // namespace

TEST_CASE("the engine does what a small model of it does, whatever is asked for and however time goes") {
  const unsigned run = GENERATE(0u, 1u, 2u);
  RandomRequests(test_seed() + run).run(80);
}
