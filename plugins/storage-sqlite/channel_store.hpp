// The role Channels on SQLite: reads on the readers, changes on the writer.
#pragma once

#include "punctual/channels.hpp"
#include "reader_pool.hpp"
#include "writer.hpp"

namespace punctual::sqlite {

class SqliteChannels final : public Channels {
 public:
  SqliteChannels(Writer& writer, ReaderPool& readers, ReaderPool& page_readers)
      : writer_(writer), readers_(readers), page_readers_(page_readers) {}

  [[nodiscard]] std::vector<Channel> list(OrganizationId organization) override;
  [[nodiscard]] std::optional<Channel> find(OrganizationId organization, ChannelId id) override;
  [[nodiscard]] ChannelWriteOutcome create(const ChannelWrite& write, const Channel& channel) override;
  [[nodiscard]] ChannelWriteOutcome update(const ChannelWrite& write, const Channel& channel, Time version) override;
  [[nodiscard]] ChannelWriteOutcome remove(const ChannelWrite& write, ChannelId id) override;
  [[nodiscard]] Page<NoticeRecord> list_notices(const NoticeQuery& query) override;
  // `reply` runs on the writer's thread.
  [[nodiscard]] ChannelWriteOutcome revive(const ChannelWrite& write, ChannelId id,
                                           const std::function<StoredReply(std::size_t)>& reply) override;
  [[nodiscard]] NoticeClaims claim(const NoticeRequest& request) override;
  void settle(std::span<const NoticeResult> results) override;
  void release(std::span<const NoticeClaim> claims) override;
  [[nodiscard]] std::vector<NoticeClaim> held(NodeId node) override;
  [[nodiscard]] Sizes sizes(std::size_t limit) override;
  [[nodiscard]] std::vector<std::string> waiting_plugins() override;
  [[nodiscard]] std::size_t give_up(const std::string& plugin, Time now, seconds patience, const std::string& error,
                                    std::size_t limit) override;
  [[nodiscard]] std::size_t expire(Time before, std::size_t limit) override;
  [[nodiscard]] std::vector<StalledQueue> note_stalled_queues(Time now, seconds patience) override;

 private:
  Writer& writer_;
  ReaderPool& readers_;
  ReaderPool& page_readers_;
};

}  // namespace punctual::sqlite
