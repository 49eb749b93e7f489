// The role Channels on Postgres.
#pragma once

#include "punctual/channels.hpp"
#include "session_pool.hpp"

namespace punctual::postgres {

class PostgresChannels final : public Channels {
 public:
  // `upkeep_pool`: for what may take its time.
  PostgresChannels(SessionPool& pool, SessionPool& page_pool, SessionPool& upkeep_pool)
      : pool_(pool), page_pool_(page_pool), upkeep_pool_(upkeep_pool) {}

  [[nodiscard]] std::vector<Channel> list(OrganizationId organization) override;
  [[nodiscard]] std::optional<Channel> find(OrganizationId organization, ChannelId id) override;
  [[nodiscard]] ChannelWriteOutcome create(const ChannelWrite& write, const Channel& channel) override;
  [[nodiscard]] ChannelWriteOutcome update(const ChannelWrite& write, const Channel& channel, Time version) override;
  [[nodiscard]] ChannelWriteOutcome remove(const ChannelWrite& write, ChannelId id) override;
  [[nodiscard]] Page<NoticeRecord> list_notices(const NoticeQuery& query) override;
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
  SessionPool& pool_;
  SessionPool& page_pool_;
  SessionPool& upkeep_pool_;
};

// ---- What people do, for tests of plans.

[[nodiscard]] Page<NoticeRecord> list_notices(Session& session, const NoticeQuery& query);
[[nodiscard]] std::size_t revive_notices(Session& session, ChannelId channel, Time now);
// Locks what the notices of a channel are claimed by, then deletes it with them.
void delete_channel(Session& session, ChannelId channel);
[[nodiscard]] Channels::Sizes count_notices(Session& session, std::size_t limit);
[[nodiscard]] std::size_t expire_notices(Session& session, Time before, std::size_t limit);

}  // namespace punctual::postgres
