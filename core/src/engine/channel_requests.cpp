// TaskEngine: what a frontend asks for about channels.
#include "engine/channel_audit.hpp"
#include "engine/notice_events.hpp"
#include "engine/task_engine_parts.hpp"
#include "engine/transient.hpp"

namespace punctual {
namespace {

ChannelWrite channel_write(const Request& request, Time now, const StoredReply& reply, const AuditEntry& audit) {
  return {request.principal.organization_id, now, idempotency_record(request, now, reply), &audit};
}

Reply reply_to(ChannelWriteOutcome outcome, StoredReply reply) {
  if (auto earlier = answered_before(outcome)) return *std::move(earlier);
  switch (outcome.result) {
    case WriteResult::applied:
      return {std::move(reply), false};
    case WriteResult::conflict:
      throw Invalid("name", "has already been taken");
    case WriteResult::limit_exceeded:
      throw LimitExceeded("An organisation has at most " + std::to_string(Channels::most_channels) + " channels");
    default:
      throw NotFound();
  }
}

boost::json::object object_of(const std::string& json) { return boost::json::parse(json).as_object(); }

}  // namespace

Channel TaskEngine::shown(Channel channel) const {
  channel.settings = parts_->notifiers.shown(channel.settings);
  return channel;
}

// As it is stored, secrets and all.
Channel TaskEngine::stored_channel(const Principal& principal, ChannelId id) {
  auto found = parts_->storage.channels().find(principal.organization_id, id);
  if (!found) throw NotFound();
  return *std::move(found);
}

std::vector<Channel> TaskEngine::list_channels(const Principal& principal) {
  auto channels = parts_->storage.channels().list(principal.organization_id);
  for (Channel& channel : channels) channel = shown(std::move(channel));
  return channels;
}

Channel TaskEngine::find_channel(const Principal& principal, ChannelId id) {
  return shown(stored_channel(principal, id));
}

// A channel that its plugin does not take is refused now rather than failing at its first notice.
void TaskEngine::require_works(const Channel& channel) {
  if (parts_->notifiers.room(channel.plugin) == 0) return;
  const auto result =
      outcome_of([&](NotifierCompletion done) { parts_->notifiers.try_settings(channel, std::move(done)); });
  if (result.kind == NotifierOutcome::Kind::cancelled) throw Unavailable("The server is shutting down", seconds{5});
  if (result.kind != NotifierOutcome::Kind::delivered) throw Invalid("settings", result.error);
}

Reply TaskEngine::create_channel(const Request& request, ChannelSpec spec, const Render<Channel>& render) {
  parts_->refuse_when_draining();
  const Time now = this->now();
  Channel channel;
  channel.id = parts_->ids.next<ChannelId>(now);
  channel.organization_id = request.principal.organization_id;
  channel.name = spec.name.empty() ? spec.plugin : std::move(spec.name);
  channel.settings = parts_->notifiers.accept(spec.plugin, object_of(spec.settings), "{}");
  channel.plugin = std::move(spec.plugin);
  channel.events = spec.events;
  channel.enabled = spec.enabled;
  channel.inserted_at = channel.updated_at = now;
  require_works(channel);
  StoredReply reply = render(shown(channel));
  const AuditEntry audit = channel_created(request.principal, channel, now);
  auto outcome = retry_transient(
      [&] { return parts_->storage.channels().create(channel_write(request, now, reply, audit), channel); });
  return reply_to(std::move(outcome), std::move(reply));
}

Reply TaskEngine::update_channel(const Request& request, ChannelId id, const ChannelChange& change,
                                 const Render<Channel>& render) {
  parts_->refuse_when_draining();
  for (int attempt = 1;; ++attempt) {
    const Channel before = stored_channel(request.principal, id);
    const Channel seen = shown(before);
    ChannelSpec spec = change(seen);
    Channel after = before;
    const bool same_plugin = spec.plugin == before.plugin;
    // What stays as it is need not be known to a plugin that is loaded now.
    if (!same_plugin || object_of(spec.settings) != object_of(seen.settings)) {
      // A plugin's settings say nothing to another.
      const std::string_view known = same_plugin ? std::string_view(before.settings) : "{}";
      after.settings = parts_->notifiers.accept(spec.plugin, object_of(spec.settings), known);
    }
    after.name = std::move(spec.name);
    after.plugin = std::move(spec.plugin);
    after.events = spec.events;
    after.enabled = spec.enabled;
    const Time now = std::max(this->now(), before.updated_at + microseconds{1});
    after.updated_at = now;
    if (after.plugin != before.plugin || after.settings != before.settings) require_works(after);
    StoredReply reply = render(shown(after));
    const AuditEntry audit = channel_updated(request.principal, before, after, now);
    auto outcome =
        parts_->storage.channels().update(channel_write(request, now, reply, audit), after, before.updated_at);
    if (outcome.result != WriteResult::stale) {
      parts_->notifications.wake(now);
      return reply_to(std::move(outcome), std::move(reply));
    }
    if (attempt >= 10) throw Unavailable("The channel is being changed by many requests at once");
  }
}

Reply TaskEngine::delete_channel(const Request& request, ChannelId id, const StoredReply& reply) {
  parts_->refuse_when_draining();
  const Time now = this->now();
  const AuditEntry audit = channel_deleted(request.principal, id, now);
  return reply_to(parts_->storage.channels().remove(channel_write(request, now, reply, audit), id), reply);
}

NotifierOutcome TaskEngine::test_channel(const Principal& principal, ChannelId id) {
  parts_->refuse_when_draining();
  const Channel channel = stored_channel(principal, id);
  if (parts_->notifiers.room(channel.plugin) == 0) {
    throw Unavailable("The plugin '" + channel.plugin + "' is not loaded or has no thread free");
  }
  const Time now = this->now();
  // It is completed in any case: by the notifiers' deadline at the latest.
  auto result = outcome_of([&](NotifierCompletion done) {
    auto event = test_event(channel, principal.organization_name, parts_->ids.next<NoticeId>(now).text(), now);
    parts_->notifiers.tell(channel, std::move(event), std::move(done));
  });
  if (result.kind == NotifierOutcome::Kind::cancelled) throw Unavailable("The server is shutting down", seconds{5});
  return result;
}

Page<NoticeRecord> TaskEngine::list_notices(const NoticeQuery& query) {
  if (!parts_->storage.channels().find(query.organization_id, query.channel_id)) throw NotFound();
  return parts_->storage.channels().list_notices(query);
}

Reply TaskEngine::retry_notices(const Request& request, ChannelId id, const Render<std::size_t>& render) {
  parts_->refuse_when_draining();
  const Time now = this->now();
  StoredReply reply;
  const AuditEntry audit = notices_retried(request.principal, id, now);
  auto outcome = parts_->storage.channels().revive(channel_write(request, now, {}, audit), id,
                                                   [&](std::size_t count) { return reply = render(count); });
  parts_->notifications.wake(now);
  return reply_to(std::move(outcome), std::move(reply));
}

std::vector<NotifierInfo> TaskEngine::list_notifiers() const { return parts_->notifiers.list(); }

}  // namespace punctual
