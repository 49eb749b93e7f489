// NotifierThreads: the threads of one notifier plugin, and its instances, one a channel.
//
// What the plugin does to a thread is the thread's matter alone: a call that does not return in time is reported as that, its
// thread replaced and left to itself; so is one that ends its thread. Ending an instance is such a call, too. At most `threads`
// are under way at once; as many again may hang before no more is begun. Any thread; made and drained on the main thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "engine/notifiers.hpp"
#include "host/notifier_gate.hpp"
#include "host/plugin_library.hpp"

namespace punctual {

struct NotifierLimits {
  std::size_t threads = 4;
  milliseconds timeout{30000};  // of one create and notify, and of one destroy
};

class NotifierThreads {
 public:
  // `server_settings`: what EffectiveSettings::json_for gives for the plugin, whose library is loaded until drain() returns;
  // longer when a call hangs.
  NotifierThreads(const Plugin& plugin, std::string server_settings, std::shared_ptr<NotifierGate> gate,
                  NotifierLimits limits);
  ~NotifierThreads();  // drain(0) unless drained
  NotifierThreads(const NotifierThreads&) = delete;
  NotifierThreads& operator=(const NotifierThreads&) = delete;

  // How many more calls could begin now.
  [[nodiscard]] std::size_t room() const;
  // Threads whose call has not returned in time.
  [[nodiscard]] std::size_t hanging() const;

  // As Notifiers::tell; without an event as Notifiers::try_settings.
  void call(const Channel& channel, std::optional<NotifierEvent> event, NotifierCompletion completion) noexcept;

  // As Notifiers::begin_nothing_more; begins to destroy the instances, on threads of the plugin.
  void begin_nothing_more() noexcept;
  // As Notifiers::drain. False: a call or an instance has not come to its end, and the plugin's library must stay loaded.
  bool drain(milliseconds limit) noexcept;

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace punctual
