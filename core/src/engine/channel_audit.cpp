#include "engine/channel_audit.hpp"

#include <boost/json.hpp>
#include <set>

#include "engine/audit_entry.hpp"

namespace punctual {
namespace {

using boost::json::object;
using boost::json::value;

value events_json(const NoticeEvents& events) {
  if (events.all()) return nullptr;
  boost::json::array out;
  for (const NoticeEvent event : notice_events) {
    if (events.contains(event)) out.emplace_back(name_of(event));
  }
  return out;
}

// The names of the settings that differ.
value changed_settings(const Channel& before, const Channel& after) {
  const auto was = boost::json::parse(before.settings).as_object();
  const auto is = boost::json::parse(after.settings).as_object();
  std::set<std::string> names;
  const auto add_differing = [&](const object& these, const object& those) {
    for (const auto& member : these) {
      const auto* other = those.if_contains(member.key());
      if (other == nullptr || *other != member.value()) names.insert(std::string(member.key()));
    }
  };
  add_differing(was, is);
  add_differing(is, was);
  boost::json::array out;
  for (const std::string& name : names) out.emplace_back(name);
  return out;
}

std::string changes_between(const Channel& before, const Channel& after) {
  object changes;
  const auto note = [&](const char* field, const value& from, const value& to) {
    if (from != to) changes[field] = object{{"from", from}, {"to", to}};
  };
  note("name", value(before.name), value(after.name));
  note("plugin", value(before.plugin), value(after.plugin));
  note("events", events_json(before.events), events_json(after.events));
  note("enabled", value(before.enabled), value(after.enabled));
  const auto settings = changed_settings(before, after);
  if (!settings.as_array().empty()) changes["settings"] = object{{"changed", settings}};
  return boost::json::serialize(changes);
}

}  // namespace

AuditEntry channel_created(const Principal& by, const Channel& channel, Time at) {
  return entry_by(by, at, "channel.created", channel.id.text(),
                  "Made the channel \"" + channel.name + "\" of " + channel.plugin);
}

AuditEntry channel_updated(const Principal& by, const Channel& before, const Channel& after, Time at) {
  return entry_by(by, at, "channel.updated", after.id.text(), "Changed the channel \"" + after.name + "\"",
                  changes_between(before, after));
}

AuditEntry channel_deleted(const Principal& by, ChannelId channel, Time at) {
  return entry_by(by, at, "channel.deleted", channel.text(), "Deleted the channel");
}

AuditEntry notices_retried(const Principal& by, ChannelId channel, Time at) {
  return entry_by(by, at, "channel.retried", channel.text(), "Told the channel again what had been given up");
}

AuditEntry by_command_line(AuditEntry entry) {
  entry.actor = "cli";
  return entry;
}

}  // namespace punctual
