#include "cli/channel_commands.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>

#include "cli/open_store.hpp"
#include "cli/organizations.hpp"
#include "cli/transports.hpp"
#include "engine/channel_audit.hpp"
#include "engine/notice_events.hpp"
#include "host/notifier_pool.hpp"
#include "host/setting_names.hpp"
#include "punctual/channels.hpp"

namespace punctual {
namespace {

struct Wanted {
  std::string organization;
  std::string plugin;
  std::string name;
  std::vector<std::string> events;
  std::string channel;  // its id or name
};

NoticeEvents events_of(const Wanted& wanted) {
  NoticeEvents out;
  if (wanted.events.empty()) return out;
  out.bits = 0;
  for (const std::string& name : wanted.events) {
    const auto event = parse_name<NoticeEvent>(name);
    if (!event) {
      std::string known;
      for (const NoticeEvent one : notice_events) known += (known.empty() ? "" : ", ") + std::string(name_of(one));
      known.append(", not '").append(name).append("'");
      throw UsageError("--event must be one of " + known);
    }
    out.bits |= NoticeEvents::bit(*event);
  }
  return out;
}

const Plugin& require_notifier(const PluginCatalog& catalog, const std::string& name) {
  if (const Plugin* plugin = catalog.find(PUNCTUAL_NOTIFIER, name)) return *plugin;
  throw NotFound("there is no notifier plugin '" + name + "'; loaded: " + loaded_names(catalog, PUNCTUAL_NOTIFIER));
}

bool belongs_to_server(const Plugin& plugin, std::string_view setting) {
  const auto of_server = plugin.server_settings();
  return std::find(of_server.begin(), of_server.end(), setting) != of_server.end();
}

// Takes out of the --set options those that are the channel's: what its plugin declares.
boost::json::object take_channel_settings(CommonOptions& common, const std::string& plugin_name) {
  const PluginCatalog catalog(plugin_folder(common));
  const Plugin& plugin = require_notifier(catalog, plugin_name);
  boost::json::object own;
  std::vector<std::string> others;
  for (const std::string& text : common.set) {
    const auto equals = text.find('=');
    const std::string name = text.substr(0, equals);
    // A name without a section is nothing that a server could be told.
    const auto* declared = find_setting(plugin.settings(), name);
    const bool is_own = declared != nullptr ? name != declared->name || !belongs_to_server(plugin, name)
                                            : name.find('.') == std::string::npos;
    if (equals != std::string::npos && is_own) {
      own[name] = text.substr(equals + 1);
    } else {
      others.push_back(text);
    }
  }
  common.set = std::move(others);
  return own;
}

std::string problem_of(const Invalid& problem) {
  std::string out;
  for (const auto& [field, texts] : problem.fields()) {
    for (const std::string& text : texts) out.append(out.empty() ? "" : "; ").append(field).append(": ").append(text);
  }
  return out;
}

// The notifier plugins as a server would have them, with transports of this process.
struct Notifying {
  explicit Notifying(OpenStore& store) {
    const Setup& setup = store.setup();
    for (const Plugin& plugin : setup.catalog.of_kind(PUNCTUAL_TRANSPORT)) {
      transports.add({plugin, setup.settings.json_for(*plugin.descriptor), store.host().for_plugins(plugin.kind())});
    }
    const auto notifiers = setup.catalog.of_kind(PUNCTUAL_NOTIFIER);
    pool.emplace(notifiers, setup.settings, transports.all(), store.clock(), store.host(),
                 read_notifier_limits(setup.settings.all()));
  }
  // A plugin may need a moment to let go of what it was told.
  ~Notifying() {
    if (pool) pool->drain(seconds{1});
  }
  Notifying(const Notifying&) = delete;
  Notifying& operator=(const Notifying&) = delete;

  Transports transports;
  std::optional<NotifierPool> pool;
};

Channel require_channel(OpenStore& store, OrganizationId organization, const std::string& wanted) {
  for (Channel& channel : store.channels().list(organization)) {
    if (channel.id.text() == wanted || channel.name == wanted) return std::move(channel);
  }
  throw NotFound("there is no channel '" + wanted + "'; `punctual channel list` shows them");
}

Principal command_line(const Organization& organization) {
  Principal out;
  out.organization_id = organization.id;
  return out;
}

int add(CommonOptions common, const Wanted& wanted) {
  const auto settings = take_channel_settings(common, wanted.plugin);
  const NoticeEvents events = events_of(wanted);
  const auto store = open_migrated(common);
  const Organization organization = require_organization(store->directory(), wanted.organization);
  Notifying notifying(*store);
  const Time now = store->now();
  Channel channel;
  channel.id = IdGenerator().next<ChannelId>(now);
  channel.organization_id = organization.id;
  channel.name = wanted.name.empty() ? wanted.plugin : wanted.name;
  channel.plugin = wanted.plugin;
  channel.events = events;
  channel.inserted_at = channel.updated_at = now;
  try {
    channel.settings = notifying.pool->accept(wanted.plugin, settings, "{}");
  } catch (const Invalid& problem) {
    throw UsageError(problem_of(problem));
  }
  if (channel.name.size() > 255) throw UsageError("--name must be at most 255 bytes");
  const AuditEntry audit = by_command_line(channel_created(command_line(organization), channel, now));
  const auto outcome = store->channels().create({organization.id, now, std::nullopt, &audit}, channel);
  if (outcome.result == WriteResult::conflict) {
    throw Conflict("there is a channel '" + channel.name + "' already; --name gives this one another name");
  }
  if (outcome.result == WriteResult::limit_exceeded) {
    throw LimitExceeded("an organisation has at most " + std::to_string(Channels::most_channels) + " channels");
  }
  std::cout << channel.id.text() << '\n';
  const auto tried =
      outcome_of([&](NotifierCompletion done) { notifying.pool->try_settings(channel, std::move(done)); });
  if (tried.kind != NotifierOutcome::Kind::delivered) {
    std::cerr << "punctual: warning: with the settings that this command has, the channel does not work: "
              << tried.error << '\n';
  }
  return 0;
}

int list(const CommonOptions& common, const Wanted& wanted) {
  const auto store = open_migrated(common);
  const Organization organization = require_organization(store->directory(), wanted.organization);
  for (const Channel& channel : store->channels().list(organization.id)) {
    std::cout << channel.id.text() << "  " << channel.plugin << (channel.enabled ? "  on" : "  off") << "  ";
    const char* separator = "";
    for (const NoticeEvent event : notice_events) {
      if (channel.events.all() || !channel.events.contains(event)) continue;
      std::cout << separator << name_of(event);
      separator = ",";
    }
    std::cout << (channel.events.all() ? "all" : "") << "  " << channel.name << '\n';
  }
  return 0;
}

int remove(const CommonOptions& common, const Wanted& wanted) {
  const auto store = open_migrated(common);
  const Organization organization = require_organization(store->directory(), wanted.organization);
  const Channel channel = require_channel(*store, organization.id, wanted.channel);
  const Time now = store->now();
  const AuditEntry audit = by_command_line(channel_deleted(command_line(organization), channel.id, now));
  (void)store->channels().remove({organization.id, now, std::nullopt, &audit}, channel.id);
  return 0;
}

int test(const CommonOptions& common, const Wanted& wanted) {
  const auto store = open_migrated(common);
  const Organization organization = require_organization(store->directory(), wanted.organization);
  const Channel channel = require_channel(*store, organization.id, wanted.channel);
  Notifying notifying(*store);
  const Time now = store->now();
  const auto outcome = outcome_of([&](NotifierCompletion done) {
    auto event = test_event(channel, organization.name, IdGenerator().next<NoticeId>(now).text(), now);
    notifying.pool->tell(channel, std::move(event), std::move(done));
  });
  if (outcome.kind != NotifierOutcome::Kind::delivered) {
    throw Error("channel '" + channel.name + "' did not take a test event" +
                (outcome.error.empty() ? "" : ": " + outcome.error));
  }
  std::cout << "channel '" << channel.name << "' took a test event in " << outcome.duration.count() << " ms\n";
  return 0;
}

}  // namespace

void add_channel_commands(CLI::App& app, CommonOptions& common, Action& action) {
  CLI::App& group =
      *app.add_subcommand("channel", "Channels: who is told when something has happened")->require_subcommand(1);
  const auto wanted = std::make_shared<Wanted>();
  const auto command = [&](const char* name, const char* help, int (*run)(const CommonOptions&, const Wanted&)) {
    CLI::App& out = *group.add_subcommand(name, help);
    out.add_option("--org", wanted->organization, "Name of the organisation")->type_name("NAME")->required();
    common.add_to(out);
    out.callback([&common, &action, wanted, run] { action = [&common, wanted, run] { return run(common, *wanted); }; });
    return &out;
  };

  CLI::App& adding = *command("add", "Tell a channel of events; prints its id. --set gives the plugin's settings, too",
                              [](const CommonOptions& given, const Wanted& what) { return add(given, what); });
  adding.add_option("--plugin", wanted->plugin, "The notifier plugin, such as notifier-webhook")
      ->type_name("NAME")
      ->required();
  adding.add_option("--name", wanted->name, "Unique in the organisation; that of the plugin by default")
      ->type_name("TEXT");
  adding.add_option("--event", wanted->events, "Only of this event; may be repeated")->type_name("EVENT");

  (void)command("list", "One line each: id, plugin, on or off, events, name", list);

  for (CLI::App* one : {command("remove", "Delete a channel and what it has not been told yet", remove),
                        command("test", "Tell a channel of a test event and say what comes of it", test)}) {
    one->add_option("CHANNEL", wanted->channel, "Its id or name")->required();
  }
}

}  // namespace punctual
