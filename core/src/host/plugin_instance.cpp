#include "host/plugin_instance.hpp"

#include <array>
#include <optional>

#include "host/masking.hpp"
#include "host/thrown_text.hpp"

namespace punctual {
namespace {

using ErrorText = std::array<char, 1024>;

// What a plugin left in the buffer, also when it forgot the zero at the end.
std::string read(ErrorText& error) {
  error.back() = '\0';
  return one_line(mask_secrets(error.data()));
}

[[noreturn]] void refuse(const Plugin& plugin, const std::string& reason) {
  throw InstanceRefused(one_line(plugin.file.string()), "plugin '" + std::string(plugin.name()) + "' " + reason, false);
}

// What `call` is refused with does not tell the instance's secrets.
template <class Call>
auto without_secrets(const InstanceHost& host, Call&& call) {
  try {
    return call();
  } catch (const InstanceRefused& refusal) {
    throw InstanceRefused(refusal.file(), host.masked(refusal.reason()), host.cut_off());
  }
}

const Plugin& notifier_only(const Plugin& plugin) {
  if (plugin.kind() != PUNCTUAL_NOTIFIER)
    refuse(plugin, "is a " + std::string(kind_name(plugin.kind())) + ", not a notifier");
  return plugin;
}

}  // namespace

PluginObject::PluginObject(const Plugin& plugin, const std::string& settings_json, const punctual_host& host)
    : plugin_(plugin) {
  ErrorText error{};
  const auto thrown = thrown_by(
      [&] { instance_ = plugin.descriptor->create(settings_json.c_str(), &host, error.data(), error.size()); });
  if (thrown) refuse(plugin, "could not be created: create threw: " + *thrown);
  if (instance_ == nullptr) {
    const auto reason = read(error);
    refuse(plugin, "could not be created: " + (reason.empty() ? "it gives no reason" : reason));
  }
}

PluginObject::~PluginObject() {
  if (instance_ != nullptr) (void)thrown_by([&] { plugin_.descriptor->destroy(std::exchange(instance_, nullptr)); });
}

void PluginObject::destroy() {
  if (instance_ == nullptr) return;
  const auto thrown = thrown_by([&] { plugin_.descriptor->destroy(std::exchange(instance_, nullptr)); });
  if (thrown) refuse(plugin_, "could not be destroyed: destroy threw: " + *thrown);
}

NotifierInstance::NotifierInstance(const Plugin& plugin, const std::string& settings_json, Host& host, PluginHttp* http,
                                   std::string label)
    : host_(std::make_unique<InstanceHost>(notifier_only(plugin), settings_json, host, http, std::move(label))),
      object_(without_secrets(*host_, [&] { return PluginObject(plugin, settings_json, host_->for_plugin()); })) {}

void NotifierInstance::destroy() {
  without_secrets(*host_, [&] { object_.destroy(); });
}

NotifyOutcome NotifierInstance::notify(const punctual_event& event) {
  const auto* operations = static_cast<const punctual_notifier_v1*>(plugin().descriptor->operations);
  ErrorText error{};
  std::int32_t result = PUNCTUAL_GIVE_UP;
  const auto thrown =
      thrown_by([&] { result = operations->notify(object_.get(), &event, error.data(), error.size()); });
  const auto outcome = [&](NotifyResult kind, const std::string& text) {
    return NotifyOutcome{kind, host_->masked(text), host_->cut_off()};
  };
  if (thrown) return outcome(NotifyResult::give_up, "notify threw: " + *thrown);
  switch (result) {
    case PUNCTUAL_DELIVERED:
      return {};
    case PUNCTUAL_RETRY_LATER:
      return outcome(NotifyResult::retry_later, read(error));
    case PUNCTUAL_GIVE_UP:
      return outcome(NotifyResult::give_up, read(error));
    default:
      return outcome(NotifyResult::give_up, "notify returned " + std::to_string(result) + ", expected " +
                                                std::to_string(PUNCTUAL_DELIVERED) + " to " +
                                                std::to_string(PUNCTUAL_GIVE_UP));
  }
}

}  // namespace punctual
