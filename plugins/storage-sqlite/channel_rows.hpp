// Rows of the table of channels as values of the model. Any thread; the Query belongs to the caller.
#pragma once

#include <string>

#include "connection.hpp"
#include "punctual/channels.hpp"

namespace punctual::sqlite {

// The columns that channel_from reads; channel_column_count of them.
inline const std::string channel_columns = R"sql(channels.id, channels.organization_id, channels.name, channels.plugin,
      channels.settings, channels.events, channels.enabled, channels.inserted_at, channels.updated_at)sql";
inline constexpr int channel_column_count = 9;

[[nodiscard]] inline Channel channel_from(const Query& row) {
  int column = 0;
  const auto read = [&]<class T>(T& value) { value = row.get<T>(column++); };
  Channel channel;
  read(channel.id);
  read(channel.organization_id);
  read(channel.name);
  read(channel.plugin);
  read(channel.settings);
  read(channel.events.bits);
  read(channel.enabled);
  read(channel.inserted_at);
  read(channel.updated_at);
  return channel;
}

}  // namespace punctual::sqlite
