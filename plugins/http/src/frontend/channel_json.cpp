#include "frontend/channel_json.hpp"

#include <algorithm>
#include <array>

#include "frontend/field_checks.hpp"
#include "punctual/errors.hpp"

namespace punctual {

namespace {

constexpr std::size_t max_name = 255;
constexpr std::size_t max_settings = 65536;  // bytes of JSON

constexpr std::string_view text = R"({"type":"string"})";
constexpr std::string_view id = R"({"type":"string","format":"uuid"})";
constexpr std::string_view id_or_null = R"({"type":["string","null"],"format":"uuid"})";
constexpr std::string_view time = R"({"type":"string","format":"date-time"})";
constexpr std::string_view time_or_null = R"({"type":["string","null"],"format":"date-time"})";

void append_events(JsonText& out, const NoticeEvents& events) {
  if (events.all()) {
    out.null();
    return;
  }
  out.begin_array();
  for (const NoticeEvent event : notice_events) {
    if (events.contains(event)) out.string(name_of(event));
  }
  out.end_array();
}

using ChannelKey = JsonKey<Channel>;
constexpr std::array channel_table{
    ChannelKey{"id", id, [](JsonText& out, const Channel& c) { out.string(c.id.text()); }},
    ChannelKey{"name", text, [](JsonText& out, const Channel& c) { out.string(c.name); }},
    ChannelKey{"plugin", text, [](JsonText& out, const Channel& c) { out.string(c.plugin); }},
    ChannelKey{"settings",
               R"({"type":"object","description":"By the whole names of the plugin's settings. Secrets are masked; )"
               R"(a masked one that is put back stays as it is","additionalProperties":{"type":"string"}})",
               [](JsonText& out, const Channel& c) { out.raw(c.settings); }},
    ChannelKey{"events", R"({"type":["array","null"],"description":"null: all of them","items":{"type":"string"}})",
               [](JsonText& out, const Channel& c) { append_events(out, c.events); }},
    ChannelKey{"enabled", R"({"type":"boolean"})", [](JsonText& out, const Channel& c) { out.boolean(c.enabled); }},
    ChannelKey{"inserted_at", time, [](JsonText& out, const Channel& c) { out.time(c.inserted_at); }},
    ChannelKey{"updated_at", time, [](JsonText& out, const Channel& c) { out.time(c.updated_at); }},
};

template <class Id>
void append_id(JsonText& out, const std::optional<Id>& value) {
  value ? out.string(value->text()) : out.null();
}

using NoticeKey = JsonKey<NoticeRecord>;
constexpr std::array notice_table{
    NoticeKey{"id", id, [](JsonText& out, const NoticeRecord& n) { out.string(n.id.text()); }},
    NoticeKey{"event", text, [](JsonText& out, const NoticeRecord& n) { out.string(name_of(n.event)); }},
    NoticeKey{"status", R"({"type":"string","enum":["waiting","dead"],"description":"dead: given up"})",
              [](JsonText& out, const NoticeRecord& n) { out.string(n.dead_at ? "dead" : "waiting"); }},
    NoticeKey{"occurred_at", time, [](JsonText& out, const NoticeRecord& n) { out.time(n.occurred_at); }},
    NoticeKey{"subject", R"({"type":"string","description":"A queue, or a host with its port"})",
              [](JsonText& out, const NoticeRecord& n) { out.string(n.subject); }},
    NoticeKey{"detail", text, [](JsonText& out, const NoticeRecord& n) { out.string(n.detail); }},
    NoticeKey{"task_id", id_or_null, [](JsonText& out, const NoticeRecord& n) { append_id(out, n.task_id); }},
    NoticeKey{"execution_id", id_or_null, [](JsonText& out, const NoticeRecord& n) { append_id(out, n.execution_id); }},
    NoticeKey{"attempts", R"({"type":"integer","description":"How often it was told in vain"})",
              [](JsonText& out, const NoticeRecord& n) { out.number(n.attempts); }},
    NoticeKey{"next_at", time_or_null, [](JsonText& out, const NoticeRecord& n) { out.optional(n.next_at); }},
    NoticeKey{"dead_at", time_or_null, [](JsonText& out, const NoticeRecord& n) { out.optional(n.dead_at); }},
    NoticeKey{"last_error", text, [](JsonText& out, const NoticeRecord& n) { out.string(n.last_error); }},
};

constexpr const char* invalid = "is invalid";
constexpr const char* blank = "can't be blank";

// Reads one field; what is wrong with it, "" for nothing.
class ChannelReading {
 public:
  explicit ChannelReading(ChannelSpec present) : spec_(std::move(present)) {}

  std::string read(std::string_view name, const boost::json::value& given) {
    if (name == "name") return read_text(given, spec_.name, max_name);
    if (name == "plugin") return read_text(given, spec_.plugin, max_name);
    if (name == "settings") return read_settings(given);
    if (name == "events") return read_events(given);
    if (name == "enabled") return read_flag(given);
    const bool is_shown = std::any_of(channel_table.begin(), channel_table.end(),
                                      [&](const ChannelKey& key) { return key.name == name; });
    return is_shown ? "" : "is not a known field";
  }
  [[nodiscard]] ChannelSpec take() { return std::move(spec_); }
  [[nodiscard]] const ChannelSpec& spec() const { return spec_; }

 private:
  static std::string read_text(const boost::json::value& given, std::string& out, std::size_t most) {
    if (given.is_null()) return blank;
    const auto* value = given.if_string();
    if (value == nullptr || has_nul(*value)) return invalid;
    const auto trimmed = trim_space(*value);
    if (trimmed.empty()) return blank;
    if (trimmed.size() > most) return "must be at most " + std::to_string(most) + " bytes";
    out = std::string(trimmed);
    return {};
  }

  std::string read_settings(const boost::json::value& given) {
    if (given.is_null()) {
      spec_.settings = "{}";
      return {};
    }
    if (!given.is_object()) return invalid;
    spec_.settings = boost::json::serialize(given);
    if (spec_.settings.size() > max_settings) return "must be less than 64KB";
    return {};
  }

  std::string read_events(const boost::json::value& given) {
    spec_.events = {};
    if (given.is_null()) return {};
    const auto* list = given.if_array();
    if (list == nullptr) return invalid;
    if (list->empty()) return "must not be empty; null stands for all events";
    spec_.events.bits = 0;
    for (const auto& item : *list) {
      const auto event = item.is_string() ? parse_name<NoticeEvent>(item.get_string()) : std::nullopt;
      if (!event) return "must be a list of " + known_events();
      spec_.events.bits |= NoticeEvents::bit(*event);
    }
    return {};
  }

  std::string read_flag(const boost::json::value& given) {
    if (!given.is_bool()) return invalid;
    spec_.enabled = given.get_bool();
    return {};
  }

  static std::string known_events() {
    std::string out;
    for (const NoticeEvent event : notice_events) {
      if (!out.empty()) out += ", ";
      out += name_of(event);
    }
    return out;
  }

  ChannelSpec spec_;
};

ChannelSpec read_channel(const boost::json::object& fields, ChannelSpec present) {
  ChannelReading reading(std::move(present));
  Invalid::Fields problems;
  for (const auto& member : fields) {
    auto problem = reading.read(member.key(), member.value());
    if (!problem.empty()) problems[std::string(member.key())].push_back(std::move(problem));
  }
  if (reading.spec().plugin.empty() && !problems.contains("plugin")) problems["plugin"].emplace_back(blank);
  if (!problems.empty()) throw Invalid(std::move(problems));
  return reading.take();
}

std::string_view type_name(punctual_setting_type type) {
  constexpr std::array<std::string_view, 5> names{"string", "integer", "boolean", "duration", "list"};
  return names.at(static_cast<std::size_t>(type) - 1);
}

}  // namespace

std::span<const JsonKey<Channel>> channel_keys() { return channel_table; }
std::span<const JsonKey<NoticeRecord>> notice_keys() { return notice_table; }

void append_channel(JsonText& json, const Channel& channel) {
  json.begin_object();
  append_keys(json, channel_keys(), channel);
  json.end_object();
}

void append_notice(JsonText& json, const NoticeRecord& notice) {
  json.begin_object();
  append_keys(json, notice_keys(), notice);
  json.end_object();
}

void append_notifier(JsonText& json, const NotifierInfo& notifier) {
  json.begin_object().key("name").string(notifier.name).key("version").string(notifier.version);
  json.key("settings").begin_array();
  for (const NotifierSetting& setting : notifier.settings) {
    // What belongs to the server is nothing that a channel could set.
    if (setting.of_server) continue;
    json.begin_object().key("name").string(setting.name).key("type").string(type_name(setting.type));
    json.key("default").string(setting.default_value).key("help").string(setting.help).end_object();
  }
  json.end_array().end_object();
}

std::string channel_body(const Channel& channel) {
  std::string out;
  JsonText json(out);
  json.begin_object().key("data");
  append_channel(json, channel);
  json.end_object();
  return out;
}

ChannelSpec read_new_channel(const boost::json::object& fields) { return read_channel(fields, {}); }

ChannelSpec read_channel_change(const boost::json::object& fields, const Channel& channel) {
  return read_channel(fields, {channel.name, channel.plugin, channel.settings, channel.events, channel.enabled});
}

}  // namespace punctual
