#include "host/plugin_check.hpp"

#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "host/masking.hpp"
#include "host/plugin_instance.hpp"
#include "host/settings_reader.hpp"

namespace punctual {
namespace {

// An empty folder that is gone again afterwards.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "punctual-check-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::system_error(errno, std::generic_category(), name);
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
};

std::string title(const Plugin& plugin) { return "plugin '" + std::string(plugin.name()) + "'"; }

// The check must not touch the database that the default names.
bool keeps_a_file(const Plugin& plugin) {
  const auto settings = plugin.settings();
  return plugin.kind() == PUNCTUAL_STORAGE && std::any_of(settings.begin(), settings.end(), [](const auto& setting) {
           return std::string_view(setting.name) == "storage.url" &&
                  std::string_view(setting.default_value).starts_with("sqlite:");
         });
}

EffectiveSettings settings_for_check(const PluginLibrary& library, std::span<const SettingText> given,
                                     const std::filesystem::path& folder) {
  SettingsSources sources;
  const auto plugins = library.plugins();
  if (std::any_of(plugins.begin(), plugins.end(), keeps_a_file)) {
    sources.defaults.push_back({"storage.url", "sqlite://" + (folder / "check.db").string(), "plugin check"});
  }
  sources.command_line.assign(given.begin(), given.end());
  return read_settings(KnownSettings({}, plugins), sources);
}

// Runs the checks and keeps what they said.
class Check {
 public:
  Check(ProcessHost& host, std::vector<std::string>& lines) : host_(host), lines_(lines) {}

  // Everything but the loading itself; throws Error.
  void library(const PluginLibrary& library, std::span<const SettingText> given) {
    say(library.file().string() + ": loaded, " + std::to_string(library.plugins().size()) +
        (library.plugins().size() == 1 ? " plugin" : " plugins"));
    const TemporaryFolder folder;
    const auto settings = settings_for_check(library, given, folder.path());
    for (const auto& plugin : library.plugins()) {
      say(title(plugin) + " " + std::string(plugin.version()) + ": a " + std::string(kind_name(plugin.kind())) +
          " with " + std::to_string(plugin.settings().size()) + " settings, descriptor is valid");
      instance(plugin, settings.json_for(*plugin.descriptor));
      say(title(plugin) + ": destroyed");
    }
  }

  void say(const std::string& line) { lines_.push_back(one_line(mask_secrets(line))); }

 private:
  void instance(const Plugin& plugin, const std::string& json) {
    const auto& c_host = host_.for_plugins(plugin.kind());
    switch (plugin.kind()) {
      case PUNCTUAL_STORAGE: {
        PluginInstance<Storage> storage(plugin, json, c_host);
        created(plugin);
        return storage.destroy();
      }
      case PUNCTUAL_TRANSPORT: {
        PluginInstance<Transport> transport(plugin, json, c_host);
        created(plugin);
        transport->drain(milliseconds{0});
        return transport.destroy();
      }
      case PUNCTUAL_FRONTEND: {
        PluginInstance<Frontend> frontend(plugin, json, c_host);
        created(plugin);
        return frontend.destroy();
      }
      case PUNCTUAL_NOTIFIER: {
        NotifierInstance notifier(plugin, json, host_, nullptr, std::string(plugin.name()));
        created(plugin);
        send_sample_event(notifier);
        return notifier.destroy();
      }
    }
  }

  void created(const Plugin& plugin) { say(title(plugin) + ": created"); }

  void send_sample_event(NotifierInstance& notifier) {
    const auto outcome = notify_of_sample(notifier);
    if (outcome.result == NotifyResult::delivered) return say(title(notifier.plugin()) + ": took a sample event");
    const auto* answer = outcome.result == NotifyResult::retry_later ? "retry later" : "give up";
    throw PluginRefused(one_line(notifier.plugin().file.string()) + ": " + title(notifier.plugin()) +
                        " did not take a sample event: " + answer +
                        (outcome.error.empty() ? std::string() : ", " + outcome.error));
  }

  NotifyOutcome notify_of_sample(NotifierInstance& notifier) {
    punctual_event event{};
    event.struct_size = sizeof event;
    event.id = "01890a5d-ac96-774b-bcce-b302099a8057";
    event.kind = "task.failed";
    event.organization = "sample";
    event.task_id = "01890a5d-ac96-774b-bcce-b302099a8058";
    event.task_name = "Sample task";
    event.task_url = "https://example.com/hook";
    event.execution_id = "01890a5d-ac96-774b-bcce-b302099a8059";
    event.message = "This is a sample event: Sample task failed with HTTP 500.";
    event.occurred_at_ms = std::chrono::duration_cast<milliseconds>(host_.now().time_since_epoch()).count();
    const auto json = boost::json::serialize(boost::json::object{
        {"id", event.id},
        {"event", event.kind},
        {"organization", event.organization},
        {"task", {{"id", event.task_id}, {"name", event.task_name}, {"url", event.task_url}}},
        {"execution", {{"id", event.execution_id}}},
        {"message", event.message},
        {"occurred_at", format_rfc3339(host_.now())},
    });
    event.json = json.c_str();
    return notifier.notify(event);
  }

  ProcessHost& host_;
  std::vector<std::string>& lines_;
};

}  // namespace

PluginReport list_plugins(const PluginCatalog& catalog) {
  PluginReport report;
  for (const auto& plugin : catalog.plugins()) {
    report.lines.push_back(one_line(std::string(plugin.name()) + "  " + std::string(kind_name(plugin.kind())) + "  " +
                                    std::string(plugin.version()) + "  " + plugin.file.string()));
  }
  const auto refusals = catalog.refusals();
  if (!refusals.empty()) {
    report.failure = refusals.front();
    report.lines.insert(report.lines.end(), refusals.begin() + 1, refusals.end());
  }
  return report;
}

PluginReport check_plugin(const std::filesystem::path& file, std::span<const SettingText> settings, ProcessHost& host) {
  PluginReport report;
  Check check(host, report.lines);
  try {
    check.library(PluginLibrary(file), settings);
    const bool stays = PluginLibrary::is_loaded(file);
    const PluginLibrary again(file);
    check.say(again.file().string() + (stays ? ": closed, but stays in memory" : ": unloaded"));
    check.say(again.file().string() + ": loaded once more");
  } catch (const std::exception& problem) {
    report.failure = one_line(mask_secrets(problem.what()));
  }
  return report;
}

}  // namespace punctual
