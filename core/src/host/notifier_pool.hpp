// NotifierPool: the notifier plugins of this server, as the engine uses them. Any thread; made and drained on the main thread.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/notifiers.hpp"
#include "host/notifier_threads.hpp"
#include "host/plugin_http.hpp"
#include "host/settings_reader.hpp"

namespace punctual {

class NotifierPool final : public Notifiers {
 public:
  // All arguments are used until drain() has returned; the plugins' libraries are loaded until then, and stay loaded when a
  // plugin hangs in a call.
  NotifierPool(std::span<const Plugin> plugins, const EffectiveSettings& settings,
               std::span<Transport* const> transports, Clock& clock, Host& host, NotifierLimits limits);
  ~NotifierPool() override;

  [[nodiscard]] std::vector<NotifierInfo> list() const override;
  [[nodiscard]] std::string accept(std::string_view plugin, const boost::json::object& given,
                                   std::string_view stored) const override;
  [[nodiscard]] std::string shown(std::string_view settings) const override;
  [[nodiscard]] std::size_t room(std::string_view plugin) const override;
  void try_settings(const Channel& channel, NotifierCompletion completion) noexcept override;
  void tell(const Channel& channel, NotifierEvent event, NotifierCompletion completion) noexcept override;
  void begin_nothing_more() noexcept override;
  void drain(milliseconds limit) noexcept override;

 private:
  struct Entry {
    Plugin plugin;
    std::string server_settings;
    std::unique_ptr<NotifierThreads> threads;
  };
  [[nodiscard]] const Entry& entry_of(std::string_view plugin) const;
  void tell_or_try(const Channel& channel, std::optional<NotifierEvent> event, NotifierCompletion completion) noexcept;

  TransportHttp http_;
  std::shared_ptr<NotifierGate> gate_;
  std::map<std::string, Entry, std::less<>> entries_;
  Gauge& hanging_;
};

// The settings of this part (notify.*), and what is read of them. Throws Error.
[[nodiscard]] std::span<const punctual_setting> notifier_settings();
[[nodiscard]] NotifierLimits read_notifier_limits(const Settings& settings);

}  // namespace punctual
