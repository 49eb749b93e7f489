#include "host/notifier_pool.hpp"

#include <algorithm>
#include <array>
#include <chrono>

#include "host/channel_settings.hpp"
#include "host/masking.hpp"
#include "host/setting_names.hpp"

namespace punctual {
namespace {

constexpr std::string_view mask = "********";

constexpr std::array<punctual_setting, 2> declared{{
    {"notify.timeout", PUNCTUAL_DURATION, "30s", "How long a notifier plugin may take for one event."},
    {"notify.threads", PUNCTUAL_INTEGER, "4", "Events that each notifier plugin is told at once by this server."},
}};

}  // namespace

NotifierPool::NotifierPool(std::span<const Plugin> plugins, const EffectiveSettings& settings,
                           std::span<Transport* const> transports, Clock& clock, Host& host, NotifierLimits limits)
    : http_(transports, clock, limits.timeout),
      gate_(std::make_shared<NotifierGate>(host, http_)),
      hanging_(host.metrics().gauge("punctual_notifier_threads_hanging",
                                    "Threads of notifier plugins whose call has not returned in time")) {
  for (const Plugin& plugin : plugins) {
    auto json = settings.json_for(*plugin.descriptor);
    auto threads = std::make_unique<NotifierThreads>(plugin, json, gate_, limits);
    entries_.emplace(plugin.name(), Entry{plugin, std::move(json), std::move(threads)});
  }
}

NotifierPool::~NotifierPool() { drain(milliseconds{0}); }

std::vector<NotifierInfo> NotifierPool::list() const {
  std::vector<NotifierInfo> out;
  for (const auto& [name, entry] : entries_) {
    NotifierInfo& info = out.emplace_back(NotifierInfo{name, std::string(entry.plugin.version()), {}});
    const auto of_server = entry.plugin.server_settings();
    for (const punctual_setting& setting : entry.plugin.settings()) {
      const bool is_of_server = std::count(of_server.begin(), of_server.end(), std::string_view(setting.name)) != 0;
      info.settings.push_back({setting.name, static_cast<punctual_setting_type>(setting.type), setting.default_value,
                               setting.help, is_of_server});
    }
  }
  return out;
}

const NotifierPool::Entry& NotifierPool::entry_of(std::string_view plugin) const {
  const auto found = entries_.find(plugin);
  if (found != entries_.end()) return found->second;
  std::string known;
  for (const auto& [name, entry] : entries_) known += (known.empty() ? "" : ", ") + name;
  throw Invalid("plugin", known.empty() ? "is not loaded: no notifier plugin is" : "must be one of: " + known);
}

std::string NotifierPool::accept(std::string_view plugin, const boost::json::object& given,
                                 std::string_view stored) const {
  const Entry& entry = entry_of(plugin);
  const auto known = boost::json::parse(stored).as_object();
  boost::json::object meant = given;
  for (auto& member : meant) {
    if (!member.value().is_string() || member.value().get_string() != mask) continue;
    const auto* setting = find_setting(entry.plugin.settings(), member.key());
    if (setting == nullptr || !is_secret_name(setting->name)) continue;
    const auto* before = known.if_contains(setting->name);
    if (before == nullptr) {
      throw Invalid("settings", one_line("'" + std::string(member.key()) + "' is masked: give its value"));
    }
    member.value() = *before;
  }
  return boost::json::serialize(channel_settings(entry.plugin, entry.server_settings, meant).stored);
}

std::string NotifierPool::shown(std::string_view settings) const {
  auto out = boost::json::parse(settings).as_object();
  for (auto& member : out) {
    if (is_secret_name(member.key())) member.value() = mask;
  }
  return boost::json::serialize(out);
}

std::size_t NotifierPool::room(std::string_view plugin) const {
  std::size_t hanging = 0;
  for (const auto& [name, entry] : entries_) hanging += entry.threads->hanging();
  hanging_.set(static_cast<double>(hanging));
  const auto found = entries_.find(plugin);
  return found == entries_.end() ? 0 : found->second.threads->room();
}

void NotifierPool::try_settings(const Channel& channel, NotifierCompletion completion) noexcept {
  tell_or_try(channel, std::nullopt, std::move(completion));
}

void NotifierPool::tell(const Channel& channel, NotifierEvent event, NotifierCompletion completion) noexcept {
  tell_or_try(channel, std::move(event), std::move(completion));
}

void NotifierPool::tell_or_try(const Channel& channel, std::optional<NotifierEvent> event,
                               NotifierCompletion completion) noexcept {
  const auto found = entries_.find(channel.plugin);
  if (found != entries_.end()) {
    found->second.threads->call(channel, std::move(event), std::move(completion));
  } else {
    completion({NotifierOutcome::Kind::retry_later, "the plugin '" + channel.plugin + "' is not loaded", {}});
  }
}

void NotifierPool::begin_nothing_more() noexcept {
  for (auto& [name, entry] : entries_) entry.threads->begin_nothing_more();
}

void NotifierPool::drain(milliseconds limit) noexcept {
  begin_nothing_more();
  const auto until = std::chrono::steady_clock::now() + limit;
  for (auto& [name, entry] : entries_) {
    const auto left = std::chrono::duration_cast<milliseconds>(until - std::chrono::steady_clock::now());
    if (!entry.threads->drain(std::max(left, milliseconds{0}))) {
      gate_->log(LogLevel::warn, "the plugin '" + name + "' has not come to its end in time; it is left to itself");
      PluginLibrary::keep_loaded(entry.plugin.file);
    }
  }
  gate_->close();
}

std::span<const punctual_setting> notifier_settings() { return declared; }

NotifierLimits read_notifier_limits(const Settings& settings) {
  NotifierLimits out;
  out.timeout = settings.duration("notify.timeout");
  if (out.timeout < milliseconds{100} || out.timeout > std::chrono::minutes{10}) {
    throw Error("notify.timeout: must be between 100ms and 10m");
  }
  const auto threads = settings.integer("notify.threads");
  if (threads < 1 || threads > 64)
    throw Error("notify.threads = " + std::to_string(threads) + ": must be between 1 and 64");
  out.threads = static_cast<std::size_t>(threads);
  return out;
}

}  // namespace punctual
