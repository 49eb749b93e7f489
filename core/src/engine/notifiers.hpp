// Notifiers: what the engine asks of the notifier plugins that are loaded; implemented by the host. All functions may be called
// from any thread.
#pragma once

#include <boost/json.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "punctual/channels.hpp"
#include "punctual/engine.hpp"

namespace punctual {

// What a plugin is told: the fields of punctual_event (notifier.h), as values.
struct NotifierEvent {
  std::string id;
  std::string kind;
  std::string organization;
  std::string task_id;
  std::string task_name;
  std::string task_url;
  std::string execution_id;
  std::string message;
  std::int64_t occurred_at_ms = 0;
  std::string json;
  std::string channel;
  std::string subject;
  std::string detail;
  std::int64_t since_ms = 0;
  std::string task_method;
  std::string execution_status;
  std::int32_t status_code = 0;
  std::int32_t attempt = 0;
  std::string error_message;
  std::string response_body;
  std::string link;
  std::int64_t count = 1;
};

// Called exactly once for each event, on a thread of the notifiers. Must not block.
using NotifierCompletion = std::function<void(NotifierOutcome&&)>;

class Notifiers {
 public:
  virtual ~Notifiers() = default;

  // By name.
  [[nodiscard]] virtual std::vector<NotifierInfo> list() const = 0;

  // Channel::settings for what a client gives: whole or short names, masks for what it was shown masked and `stored` has.
  // Throws Invalid: "plugin" or "settings", also for a mask of what is not stored.
  [[nodiscard]] virtual std::string accept(std::string_view plugin, const boost::json::object& given,
                                           std::string_view stored) const = 0;
  // The settings of a channel as they may be shown: secrets are masked.
  [[nodiscard]] virtual std::string shown(std::string_view settings) const = 0;

  // How many more events the plugin can take now; 0 for one that is not loaded.
  [[nodiscard]] virtual std::size_t room(std::string_view plugin) const = 0;

  // Whether the plugin can be made with the settings of the channel, in the background; as tell.
  virtual void try_settings(const Channel& channel, NotifierCompletion completion) noexcept = 0;

  // Tells a channel of an event, in the background. Never throws: what is wrong is reported through the completion.
  virtual void tell(const Channel& channel, NotifierEvent event, NotifierCompletion completion) noexcept = 0;

  // The server is about to stop. What is under way goes on; what was not begun, and what comes later, is completed as cancelled,
  // and so is what fails because the transports, which are drained next, refuse a request.
  virtual void begin_nothing_more() noexcept = 0;
  // The same, if it was not said before. Waits until nothing is under way or `limit` has passed, then completes what is left as
  // cancelled.
  virtual void drain(milliseconds limit) noexcept = 0;
};

// Waits for what comes of `begin`, which is given the completion.
template <class Begin>
[[nodiscard]] NotifierOutcome outcome_of(Begin begin) {
  // Shared: the waiting one may be gone while the other thread still sets it.
  const auto told = std::make_shared<std::promise<NotifierOutcome>>();
  auto outcome = told->get_future();
  begin(NotifierCompletion([told](NotifierOutcome&& result) { told->set_value(std::move(result)); }));
  return outcome.get();
}

}  // namespace punctual
