// Channels and their notices as the API shows them, and channels as clients set them. Any thread.
#pragma once

#include <boost/json.hpp>
#include <span>
#include <string>
#include <string_view>

#include "frontend/task_json.hpp"
#include "punctual/channels.hpp"
#include "punctual/engine.hpp"

namespace punctual {

// In the order of the contract.
[[nodiscard]] std::span<const JsonKey<Channel>> channel_keys();
[[nodiscard]] std::span<const JsonKey<NoticeRecord>> notice_keys();

void append_channel(JsonText& json, const Channel& channel);
void append_notice(JsonText& json, const NoticeRecord& notice);
void append_notifier(JsonText& json, const NotifierInfo& notifier);

// {"data":<channel>}.
[[nodiscard]] std::string channel_body(const Channel& channel);

// A new channel. Throws Invalid with everything that is wrong.
[[nodiscard]] ChannelSpec read_new_channel(const boost::json::object& fields);
// `channel` with what is given changed. Throws Invalid with everything that is wrong.
[[nodiscard]] ChannelSpec read_channel_change(const boost::json::object& fields, const Channel& channel);

}  // namespace punctual
