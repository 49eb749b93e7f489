// What tests of channels and of claims of their notices share.
#pragma once

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "notice_fixture.hpp"
#include "punctual/errors.hpp"

namespace punctual::testing {

using Kind = NoticeResult::Kind;
inline constexpr auto applied = WriteResult::applied;
inline constexpr auto replayed = WriteResult::replayed;
inline constexpr auto key_reused = WriteResult::key_reused;
inline constexpr auto not_found = WriteResult::not_found;
inline constexpr auto conflict = WriteResult::conflict;
inline constexpr auto stale = WriteResult::stale;

struct ChannelFixture : NoticeFixture {
  WriteResult remove(ChannelId id, std::optional<IdempotencyRecord> key = {}) {
    return channels().remove(channel_write(at(0s), std::move(key)), id).result;
  }
  // How many came to life; -1: none could.
  int revive(ChannelId id, Time now) {
    int count = -1;
    (void)channels().revive(channel_write(now), id, [&](std::size_t revived) {
      count = static_cast<int>(revived);
      return StoredReply{};
    });
    return count;
  }
  [[nodiscard]] std::vector<std::string> names() {
    std::vector<std::string> out;
    for (const Channel& one : channels().list(acme)) out.push_back(one.name);
    return out;
  }
  [[nodiscard]] std::vector<std::string> logged() {
    AuditQuery query;
    query.organization_id = acme;
    std::vector<std::string> out;
    for (const auto& one : store().audit().list(query).items) out.push_back(one.entry.action);
    return out;
  }
  // So many notices are claimed in one go, and given up at `when`.
  void kill_notices(Time now, Time when) {
    std::vector<NoticeResult> results;
    for (const ClaimedNotices& one : claim_notices(now)) {
      for (const Notice& notice : one.notices) {
        results.push_back({{notice.id, notice.token}, Kind::dead, when, "HTTP 400"});
      }
    }
    channels().settle(results);
  }
};

}  // namespace punctual::testing
