// What a plugin's `create` made, typed and destroyed at the end. Every call into the plugin is wrapped: what it throws or
// leaves as error text is copied into our own exceptions. Made and destroyed on the main thread, but for notifiers; the
// interface behind it has its own threading contract.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "host/instance_host.hpp"
#include "host/plugin_http.hpp"
#include "host/plugin_library.hpp"
#include "punctual/notifier.h"
#include "punctual/plugin.hpp"

namespace punctual {

// What a plugin says when it is not created or destroyed. what() begins with its file, which is nothing that a tenant is told.
class InstanceRefused : public PluginRefused {
 public:
  InstanceRefused(const std::string& file, std::string reason, bool cut_off)
      : PluginRefused(file + ": " + reason), file_(file), reason_(std::move(reason)), cut_off_(cut_off) {}

  [[nodiscard]] const std::string& file() const noexcept { return file_; }
  // What follows the file.
  [[nodiscard]] const std::string& reason() const noexcept { return reason_; }
  // As NotifyOutcome::cut_off.
  [[nodiscard]] bool cut_off() const noexcept { return cut_off_; }

 private:
  std::string file_;
  std::string reason_;
  bool cut_off_;
};

// The untyped part: one instance of any kind of plugin.
class PluginObject {
 public:
  // `settings_json` as EffectiveSettings::json_for gives it; `host` outlives the object. Throws InstanceRefused when
  // create throws or returns null.
  PluginObject(const Plugin& plugin, const std::string& settings_json, const punctual_host& host);
  ~PluginObject();
  PluginObject(PluginObject&& other) noexcept
      : plugin_(std::move(other.plugin_)), instance_(std::exchange(other.instance_, nullptr)) {}
  PluginObject& operator=(PluginObject&& other) noexcept {
    std::swap(plugin_, other.plugin_);
    std::swap(instance_, other.instance_);
    return *this;
  }

  // Ends the instance now; the destructor does the same, but says nothing of a `destroy` that throws. Throws
  // InstanceRefused.
  void destroy();

  [[nodiscard]] void* get() const noexcept { return instance_; }
  [[nodiscard]] const Plugin& plugin() const noexcept { return plugin_; }

 private:
  Plugin plugin_;
  void* instance_ = nullptr;
};

// Interface: Storage, Transport or Frontend. A Transport must have been drained before it is destroyed.
template <class Interface>
class PluginInstance {
 public:
  // Also throws PluginRefused when the plugin is of another kind.
  PluginInstance(const Plugin& plugin, const std::string& settings_json, const punctual_host& host)
      : object_(of_this_kind(plugin), settings_json, host) {}

  [[nodiscard]] Interface& operator*() const noexcept { return *get(); }
  [[nodiscard]] Interface* operator->() const noexcept { return get(); }
  [[nodiscard]] Interface* get() const noexcept { return static_cast<Interface*>(object_.get()); }
  [[nodiscard]] const Plugin& plugin() const noexcept { return object_.plugin(); }
  void destroy() { object_.destroy(); }

 private:
  static const Plugin& of_this_kind(const Plugin& plugin) {
    if (plugin.kind() == plugin_kind<Interface>) return plugin;
    throw PluginRefused(plugin.file.string() + ": plugin '" + std::string(plugin.name()) + "' is a " +
                        std::string(kind_name(plugin.kind())) + ", not a " +
                        std::string(kind_name(plugin_kind<Interface>)));
  }

  PluginObject object_;
};

enum class NotifyResult : std::uint8_t { delivered, retry_later, give_up };

struct NotifyOutcome {
  NotifyResult result = NotifyResult::delivered;
  std::string error;     // the plugin's words, one line; empty when it gave none
  bool cut_off = false;  // a request of the instance had no response because the server is stopping
};

// An instance of a notifier, with a punctual_host of its own. Used, made and destroyed by any thread, one at a time. Any of
// its functions may end that thread when the plugin does: it is unwound as by an exception (see thrown_by).
class NotifierInstance {
 public:
  // As PluginInstance. `host` and `http` (null: no requests are sent for it) outlive the instance. What it logs begins with
  // `label` and ": ".
  NotifierInstance(const Plugin& plugin, const std::string& settings_json, Host& host, PluginHttp* http,
                   std::string label);
  NotifierInstance(NotifierInstance&&) noexcept = default;

  // Never throws because of the plugin: an exception or a result that is not in notifier.h is give_up.
  [[nodiscard]] NotifyOutcome notify(const punctual_event& event);
  [[nodiscard]] const Plugin& plugin() const noexcept { return object_.plugin(); }
  // Throws InstanceRefused. Call it where the plugin is not trusted: the destructor aborts the process when the plugin ends
  // the thread.
  void destroy();

 private:
  std::unique_ptr<InstanceHost> host_;  // outlives the object
  PluginObject object_;
};

}  // namespace punctual
