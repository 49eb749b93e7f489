// /channels, their notices, and /notifiers.
#include "frontend/channel_json.hpp"
#include "frontend/paging.hpp"
#include "frontend/routes.hpp"
#include "frontend/task_input.hpp"

namespace punctual {

namespace {

ChannelId channel_of(const Call& call) { return id_of<ChannelId>(call.parameter); }

std::string_view result_name(NotifierOutcome::Kind kind) {
  switch (kind) {
    case NotifierOutcome::Kind::delivered:
      return "delivered";
    case NotifierOutcome::Kind::retry_later:
      return "retry_later";
    default:
      return "given_up";
  }
}

std::optional<bool> read_dead(const Query& query) {
  const auto wanted = query.named<bool>("status", [](std::string_view name) -> std::optional<bool> {
    if (name == "dead") return true;
    if (name == "waiting") return false;
    return std::nullopt;
  });
  return wanted;
}

template <class Things, class Append>
Answer list_of(const Things& things, Append append) {
  Answer answer;
  JsonText json(answer.body);
  json.begin_object().key("data").begin_array();
  for (const auto& thing : things) append(json, thing);
  json.end_array().end_object();
  return answer;
}

}  // namespace

Answer list_channels(const Call& call) { return list_of(call.engine.list_channels(*call.principal), append_channel); }

Answer create_channel(const Call& call) {
  return answer_of(call.engine.create_channel(call.request(), read_new_channel(read_object(call.body, {})),
                                              [](const Channel& channel) {
                                                return StoredReply{201, channel_body(channel)};
                                              }));
}

Answer show_channel(const Call& call) {
  return {.body = channel_body(call.engine.find_channel(*call.principal, channel_of(call)))};
}

Answer change_channel(const Call& call) {
  const auto fields = read_object(call.body, {});
  return answer_of(call.engine.update_channel(
      call.request(), channel_of(call), [&](const Channel& channel) { return read_channel_change(fields, channel); },
      [](const Channel& channel) {
        return StoredReply{200, channel_body(channel)};
      }));
}

Answer delete_channel(const Call& call) {
  return answer_of(call.engine.delete_channel(call.request(), channel_of(call), StoredReply{204, {}}));
}

Answer test_channel(const Call& call) {
  const auto outcome = call.engine.test_channel(*call.principal, channel_of(call));
  Answer answer;
  JsonText json(answer.body);
  json.begin_object().key("data").begin_object();
  json.key("result").string(result_name(outcome.kind)).key("error");
  outcome.error.empty() ? json.null() : json.string(outcome.error);
  json.key("duration_ms").number(outcome.duration.count()).end_object().end_object();
  return answer;
}

Answer list_notices(const Call& call) {
  const auto wish = read_page_wish(call.query);
  NoticeQuery query;
  query.organization_id = call.principal->organization_id;
  query.channel_id = channel_of(call);
  query.limit = wish.limit;
  query.offset = wish.offset;
  query.after = read_notice_cursor(call.query);
  query.dead = read_dead(call.query);
  const auto page = call.engine.list_notices(query);
  return {.body = page_body(page, wish, append_notice, [](const NoticeRecord& last) { return last.id; })};
}

Answer retry_notices(const Call& call) {
  return answer_of(call.engine.retry_notices(call.request(), channel_of(call), [](std::size_t count) {
    StoredReply reply{202, {}};
    JsonText json(reply.body);
    json.begin_object().key("data").begin_object();
    json.key("retried").number(static_cast<std::int64_t>(count)).end_object().end_object();
    return reply;
  }));
}

Answer list_notifiers(const Call& call) { return list_of(call.engine.list_notifiers(), append_notifier); }

}  // namespace punctual
