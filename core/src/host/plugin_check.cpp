#include "host/plugin_check.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "host/masking.hpp"
#include "host/notifier_check.hpp"
#include "host/notifier_pool.hpp"
#include "host/plugin_http.hpp"
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

// Whether the transport of the server is needed for what is checked.
bool may_send(std::span<const Plugin> plugins) {
  return std::any_of(plugins.begin(), plugins.end(),
                     [](const Plugin& plugin) { return plugin.kind() == PUNCTUAL_NOTIFIER; });
}

// What a check works with. When a plugin hangs, it must be left as it is.
class Subject {
 public:
  Subject(const std::filesystem::path& file, const std::filesystem::path& plugin_folder, ProcessHost& host)
      : host_(host), library_(file) {
    if (!may_send(library_.plugins())) return;
    try {
      http_library_.emplace(plugin_folder / "http.so");
    } catch (const PluginRefused& refusal) {
      no_http_ = refusal.what();
    }
  }
  Subject(const Subject&) = delete;
  Subject& operator=(const Subject&) = delete;
  ~Subject() {
    if (transport_) (*transport_)->drain(milliseconds{0});
  }

  [[nodiscard]] const PluginLibrary& library() const { return library_; }
  // Why plugins can send no requests; "": they can.
  [[nodiscard]] const std::string& no_http() const { return no_http_; }

  [[nodiscard]] EffectiveSettings read(std::span<const SettingText> given, const std::filesystem::path& folder) const {
    SettingsSources sources;
    std::vector<Plugin> plugins(library_.plugins().begin(), library_.plugins().end());
    if (std::any_of(plugins.begin(), plugins.end(), keeps_a_file)) {
      sources.defaults.push_back({"storage.url", "sqlite://" + (folder / "check.db").string(), "plugin check"});
    }
    if (const auto* transport = http_transport()) plugins.push_back(*transport);
    sources.command_line.assign(given.begin(), given.end());
    return read_settings(KnownSettings(notifier_settings(), plugins), sources);
  }

  // Null: there is none. Made at the first call, with these settings.
  [[nodiscard]] PluginHttp* http(const EffectiveSettings& settings, milliseconds longest) {
    const auto* plugin = http_transport();
    if (plugin == nullptr || http_) return http_ ? &*http_ : nullptr;
    transport_.emplace(*plugin, settings.json_for(*plugin->descriptor), host_.for_plugins(PUNCTUAL_TRANSPORT));
    Transport* const transports[] = {transport_->get()};
    http_.emplace(transports, clock_, longest);
    return &*http_;
  }

 private:
  [[nodiscard]] const Plugin* http_transport() const {
    if (!http_library_) return nullptr;
    const auto plugins = http_library_->plugins();
    const auto found = std::find_if(plugins.begin(), plugins.end(),
                                    [](const Plugin& plugin) { return plugin.kind() == PUNCTUAL_TRANSPORT; });
    return found == plugins.end() ? nullptr : &*found;
  }

  ProcessHost& host_;
  SystemClock clock_;
  PluginLibrary library_;
  std::optional<PluginLibrary> http_library_;
  std::string no_http_;
  std::optional<PluginInstance<Transport>> transport_;
  std::optional<TransportHttp> http_;
};

// Never destroyed.
void leave_as_it_is(std::unique_ptr<Subject> subject) {
  static auto& left = *new std::vector<std::unique_ptr<Subject>>;
  left.push_back(std::move(subject));
}

// Runs the checks and keeps what they said.
class Check {
 public:
  Check(ProcessHost& host, const std::vector<NotifierEvent>& events, std::vector<std::string>& lines,
        const std::function<void(const std::string&)>& say)
      : host_(host), events_(events), lines_(lines), say_(say) {}

  // Everything but the loading itself; throws Error.
  void library(Subject& subject, std::span<const SettingText> given) {
    const auto& library = subject.library();
    say(library.file().string() + ": loaded, " + std::to_string(library.plugins().size()) +
        (library.plugins().size() == 1 ? " plugin" : " plugins"));
    if (!subject.no_http().empty()) say(subject.no_http() + "; so the plugin can send no requests here");
    const TemporaryFolder folder;
    const auto settings = subject.read(given, folder.path());
    for (const auto& plugin : library.plugins()) {
      say(title(plugin) + " " + std::string(plugin.version()) + ": a " + std::string(kind_name(plugin.kind())) +
          " with " + std::to_string(plugin.settings().size()) + " settings, descriptor is valid");
      if (plugin.kind() == PUNCTUAL_NOTIFIER) {
        notifier(plugin, subject, settings);
      } else {
        instance(plugin, settings.json_for(*plugin.descriptor));
        say(title(plugin) + ": destroyed");
      }
    }
  }

  void say(const std::string& line) {
    lines_.push_back(one_line(mask_secrets(line)));
    if (say_) say_(lines_.back());
  }

 private:
  void notifier(const Plugin& plugin, Subject& subject, const EffectiveSettings& settings) {
    const auto deadline = settings.all().duration("notify.timeout");
    check_notifier({.plugin = plugin,
                    .settings_json = settings.json_for(*plugin.descriptor),
                    .events = events_,
                    .host = host_,
                    .http = subject.http(settings, deadline),
                    .deadline = deadline,
                    .say = [&](const std::string& line) { say(title(plugin) + ": " + line); }});
  }

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
      case PUNCTUAL_NOTIFIER:
        return;
    }
  }

  void created(const Plugin& plugin) { say(title(plugin) + ": created"); }

  ProcessHost& host_;
  const std::vector<NotifierEvent>& events_;
  std::vector<std::string>& lines_;
  const std::function<void(const std::string&)>& say_;
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

PluginReport check_plugin(const std::filesystem::path& file, const std::filesystem::path& plugin_folder,
                          std::span<const SettingText> settings, const std::vector<NotifierEvent>& events,
                          ProcessHost& host, const std::function<void(const std::string&)>& say) {
  PluginReport report;
  Check check(host, events, report.lines, say);
  try {
    auto subject = std::make_unique<Subject>(file, plugin_folder, host);
    try {
      check.library(*subject, settings);
    } catch (const PluginHangs&) {
      leave_as_it_is(std::move(subject));
      report.hangs = true;
      throw;
    }
    subject.reset();
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
