// A server beside a small model of it, and how the two are compared. One thread.
#pragma once

#include <algorithm>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "engine/engine_fixture.hpp"
#include "engine/small_model.hpp"

namespace punctual::testing {

class ModelledServer : public EngineFixture {
 protected:
  using Status = ExecutionStatus;
  // What is said of an execution from outside, with the number of its run: ids of retries are the engine's own.
  using Seen = std::tuple<std::size_t, int, Status, Time>;
  using ShownQueue = std::tuple<std::string, bool, int, std::int64_t, std::int64_t>;
  static constexpr auto unknown_run = std::numeric_limits<std::size_t>::max();

  // Hosts are never left alone and waits are exact, so that a small model can say what comes.
  static EngineSettings settings() {
    EngineSettings out;
    out.retry_base = SmallModel::retry_base;
    out.retry_jitter_percent = 0;
    out.claim_ahead = SmallModel::made_ahead;
    out.host_limits = false;
    return out;
  }

  // ---- servers

  void start_server() {
    // Ids that two servers make within one millisecond are in no order, and a task's own run is the first that it has.
    clock.advance(milliseconds{1});
    // What is due is sent as soon as the engine has started.
    servers_.push_back(std::make_unique<Server>(
        store, clock, host, settings(), [this](FakeTransport& transport) { transport.answer_with(model_.answer); }));
  }

  // As if asked to: what it is sending is cut off and given back.
  void stop_server(std::size_t at) {
    Server& server = *servers_[at];
    for (auto& one : model_.executions) {
      if (one.status == Status::running && one.id && server.transport().is_open(*one.id)) model_.give_back(one);
    }
    for (const Delivery& delivery : server.transport().started()) sent_before_.push_back(delivery.url);
    servers_.erase(servers_.begin() + static_cast<std::ptrdiff_t>(at));
  }

  Server& server() { return *servers_.front(); }
  TaskEngine& engine() { return server().engine(); }

  void stop_all() {
    while (!servers_.empty()) stop_server(0);
  }

  // ---- what is seen

  std::vector<Execution> everything() {
    std::vector<Execution> out;
    ExecutionQuery query;
    query.organization_id = principal.organization_id;
    query.limit = 100;
    for (bool more = true; more;) {
      auto page = servers_.front()->engine().list_executions(query);
      out.insert(out.end(), page.items.begin(), page.items.end());
      more = page.has_more;
      if (more) query.after = ExecutionCursor{out.back().scheduled_for, out.back().id};
    }
    std::sort(out.begin(), out.end(), [](const Execution& a, const Execution& b) { return a.id < b.id; });
    return out;
  }

  // The number of a run. One that the engine has made by itself is known by its task and time, when it is seen first.
  std::size_t number_of(const Execution& one) {
    for (std::size_t run = 0; run < model_.runs.size(); ++run) {
      if (model_.runs[run] == one.run_id) return run;
    }
    if (one.attempt > 1) return unknown_run;
    for (const auto& known : model_.executions) {
      if (!model_.runs[known.run] && known.attempt == 1 && known.due == one.scheduled_for &&
          model_.tasks[known.task].id == one.task_id) {
        model_.runs[known.run] = one.run_id;
        return known.run;
      }
    }
    return unknown_run;
  }

  std::vector<Seen> seen() {
    const auto all = everything();
    std::vector<Seen> out;
    for (const auto& one : all) out.emplace_back(number_of(one), one.attempt, one.status, one.scheduled_for);
    std::sort(out.begin(), out.end());
    return out;
  }
  [[nodiscard]] std::vector<Seen> wanted() const {
    std::vector<Seen> out;
    for (const auto& one : model_.executions) out.emplace_back(one.run, one.attempt, one.status, one.due);
    std::sort(out.begin(), out.end());
    return out;
  }

  void learn_ids() {
    for (const auto& one : everything()) {
      const auto run = number_of(one);
      for (auto& known : model_.executions) {
        if (known.run == run && known.attempt == one.attempt) known.id = one.id;
      }
    }
  }

  static std::vector<std::string> sorted(std::vector<std::string> texts) {
    std::sort(texts.begin(), texts.end());
    return texts;
  }
  std::vector<std::string> sent() {
    auto out = sent_before_;
    for (const auto& server : servers_) {
      for (const Delivery& delivery : server->transport().started()) out.push_back(delivery.url);
    }
    return sorted(std::move(out));
  }

  std::vector<ShownQueue> shown_queues() {
    std::vector<ShownQueue> out;
    for (const Queue& one : servers_.front()->engine().list_queues(principal)) {
      out.emplace_back(one.name, one.paused, one.concurrency, one.pending, one.running);
    }
    return out;
  }
  std::vector<ShownQueue> wanted_queues() {
    std::vector<ShownQueue> out;
    for (const std::string name : {"a", "b"}) {
      const auto& known = model_.queues[name];
      if (!known.configured && !known.paused && !model_.has_live(name)) continue;
      out.emplace_back(name, known.paused, known.concurrency, model_.count(name, Status::pending),
                       model_.count(name, Status::running));
    }
    return out;
  }

  std::string differences() {
    const auto here = seen();
    std::string out;
    const auto tell = [&](const char* what, const std::vector<Seen>& of, const std::vector<Seen>& against) {
      for (const auto& one : of) {
        if (std::binary_search(against.begin(), against.end(), one)) continue;
        const auto& [run, attempt, status, due] = one;
        out += std::string(what) + " run " + (run == unknown_run ? "?" : std::to_string(run)) + " attempt " +
               std::to_string(attempt) + " " + std::string(name_of(status)) + " due " + format_rfc3339(due) + "\n";
      }
    };
    tell("the engine has", here, wanted());
    tell("the model has", wanted(), here);
    const auto there = sent();
    const auto expected = sorted(model_.sent);
    std::vector<std::string> differ;
    std::set_symmetric_difference(there.begin(), there.end(), expected.begin(), expected.end(),
                                  std::back_inserter(differ));
    for (const auto& url : differ) out += "sent too often or not at all: " + url + "\n";
    return out;
  }

  std::vector<std::unique_ptr<Server>> servers_;  // one, or none
  std::vector<std::string> sent_before_;
  SmallModel model_{store.allows_several_servers() ? SmallModel::Heads::keep_place : SmallModel::Heads::by_due};
};

}  // namespace punctual::testing
