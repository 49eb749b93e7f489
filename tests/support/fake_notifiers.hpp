// Notifiers that tell nobody: they keep what they were given, and the test says what comes of it. Any thread.
#pragma once

#include <deque>
#include <functional>
#include <vector>

#include "engine/guarded.hpp"
#include "engine/notifiers.hpp"
#include "support/eventually.hpp"

namespace punctual::testing {

class FakeNotifiers final : public Notifiers {
 public:
  struct Told {
    Channel channel;
    NotifierEvent event;
  };

  // What comes of events from now on: this at once, or (nullopt) nothing before finish_all() or drain().
  void answer_with(std::optional<NotifierOutcome::Kind> kind) { state_.lock()->answer = kind; }
  void set_room(std::size_t room) { state_.lock()->room = room; }
  // As after a restart without the plugin, of which there are channels still.
  void unload() { state_.lock()->loaded = false; }
  // Called when nothing more is to be begun.
  void on_stop(std::function<void()> call) { state_.lock()->on_stop = std::move(call); }

  [[nodiscard]] std::vector<Told> told() { return state_.lock()->told; }
  [[nodiscard]] bool wait_told(std::size_t count) {
    return eventually([&] { return state_.lock()->told.size() >= count; });
  }
  [[nodiscard]] bool is_idle() { return state_.lock()->open.empty(); }
  void finish_all(NotifierOutcome::Kind kind) {
    for (auto& completion : take_open()) completion({kind, "told to", milliseconds{1}});
  }

  [[nodiscard]] std::vector<NotifierInfo> list() const override { return {{"notifier-fake", "1", {}}}; }
  [[nodiscard]] std::string accept(std::string_view plugin, const boost::json::object& given,
                                   std::string_view) const override {
    if (!state_.lock()->loaded) throw Invalid("plugin", "is not loaded: no notifier plugin is");
    if (plugin != "notifier-fake") throw Invalid("plugin", "must be one of: notifier-fake");
    if (given.contains("wrong")) throw Invalid("settings", "'wrong' is not a setting of notifier-fake");
    return boost::json::serialize(given);
  }
  [[nodiscard]] std::string shown(std::string_view settings) const override {
    auto out = boost::json::parse(settings).as_object();
    if (out.contains("fake.secret")) out["fake.secret"] = "********";
    return boost::json::serialize(out);
  }
  [[nodiscard]] std::size_t room(std::string_view plugin) const override {
    auto state = state_.lock();
    if (plugin != "notifier-fake" || state->stopping || !state->loaded) return 0;
    return state->room > state->open.size() ? state->room - state->open.size() : 0;
  }
  void try_settings(const Channel& channel, NotifierCompletion completion) noexcept override {
    const bool good = channel.settings.find("unmakeable") == std::string::npos;
    completion({good ? NotifierOutcome::Kind::delivered : NotifierOutcome::Kind::retry_later,
                good ? "" : "it cannot be made",
                {}});
  }
  void tell(const Channel& channel, NotifierEvent event, NotifierCompletion completion) noexcept override {
    NotifierOutcome outcome{NotifierOutcome::Kind::cancelled, {}, {}};
    {
      auto state = state_.lock();
      if (!state->stopping) {
        state->told.push_back({channel, std::move(event)});
        if (!state->answer) {
          state->open.push_back(std::move(completion));
          return;
        }
        outcome = {*state->answer, "told to", milliseconds{1}};
      }
    }
    completion(std::move(outcome));
  }
  void begin_nothing_more() noexcept override {
    std::function<void()> call;
    {
      auto state = state_.lock();
      state->stopping = true;
      call = std::exchange(state->on_stop, nullptr);
    }
    if (call) call();
  }
  void drain(milliseconds) noexcept override {
    begin_nothing_more();
    for (auto& completion : take_open()) completion({NotifierOutcome::Kind::cancelled, {}, {}});
  }

 private:
  struct State {
    std::optional<NotifierOutcome::Kind> answer = NotifierOutcome::Kind::delivered;
    std::size_t room = 4;
    bool loaded = true;
    bool stopping = false;
    std::function<void()> on_stop;
    std::vector<Told> told;
    std::vector<NotifierCompletion> open;
  };
  std::vector<NotifierCompletion> take_open() { return std::exchange(state_.lock()->open, {}); }

  mutable Guarded<State> state_;
};

}  // namespace punctual::testing
