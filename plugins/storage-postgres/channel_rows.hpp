// Rows of the table of channels as values of the model. Any thread.
#pragma once

#include <string>

#include "punctual/channels.hpp"
#include "session.hpp"

namespace punctual::postgres {

// The columns that channel_from reads.
inline const std::string channel_columns = R"sql(channels.id, channels.organization_id, channels.name, channels.plugin,
      channels.settings, channels.events, channels.enabled, channels.inserted_at, channels.updated_at)sql";

[[nodiscard]] inline Channel channel_from(RowReader& row) {
  Channel channel;
  row.read(channel.id);
  row.read(channel.organization_id);
  row.read(channel.name);
  row.read(channel.plugin);
  row.read(channel.settings);
  channel.events.bits = static_cast<std::uint32_t>(row.next<std::int32_t>());
  row.read(channel.enabled);
  row.read(channel.inserted_at);
  row.read(channel.updated_at);
  return channel;
}

}  // namespace punctual::postgres
