// Channels of an organisation, and what brings them notices.
#pragma once

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "punctual/channels.hpp"
#include "support/storage_fixture.hpp"

namespace punctual::testing {

using Events = std::vector<NoticeEvent>;

struct NoticeFixture : StorageFixture {
  [[nodiscard]] Channels& channels() { return store().channels(); }

  // ---- Channels.

  [[nodiscard]] ChannelWrite channel_write(Time now = at(0s), std::optional<IdempotencyRecord> key = {}) const {
    return {acme, now, std::move(key), nullptr};
  }
  [[nodiscard]] Channel new_channel(const std::string& name, const Events& events = {}) const {
    Channel channel;
    channel.id = next_id<ChannelId>();
    channel.organization_id = acme;
    channel.name = name;
    channel.plugin = "notifier-test";
    channel.settings = R"({"test.url":"https://example.com/ä"})";
    if (!events.empty()) channel.events.bits = 0;
    for (const NoticeEvent event : events) channel.events.bits |= NoticeEvents::bit(event);
    channel.inserted_at = channel.updated_at = at(0s);
    return channel;
  }
  WriteResult create(const Channel& channel) {
    ChannelWrite write = channel_write();
    write.organization_id = channel.organization_id;
    return channels().create(write, channel).result;
  }
  // One that is stored, and wants these events, or all.
  Channel make_channel(const std::string& name = "ops", const Events& events = {}) {
    const Channel channel = new_channel(name, events);
    REQUIRE(create(channel) == WriteResult::applied);
    return channel;
  }
  // The change of one, read just now.
  WriteResult change(ChannelId id, const std::function<void(Channel&)>& set) {
    auto channel = channels().find(acme, id);
    REQUIRE(channel);
    const Time version = channel->updated_at;
    channel->updated_at = version + 1s;
    set(*channel);
    return channels().update(channel_write(), *channel, version).result;
  }
  void set_enabled(ChannelId id, bool enabled) {
    REQUIRE(change(id, [&](Channel& one) { one.enabled = enabled; }) == WriteResult::applied);
  }
  void change_organization(const std::function<void(Organization&)>& set) {
    REQUIRE(store().directory().change_organization(acme, [&](Organization& one) -> std::optional<AuditEntry> {
      set(one);
      return std::nullopt;
    }));
  }

  // ---- What they are told of.

  [[nodiscard]] static NoticeQuery notices_of(const Channel& channel, std::size_t limit = 10'000) {
    return {channel.organization_id, channel.id, limit, 0, std::nullopt, std::nullopt};
  }
  // What is stored for a channel, oldest first.
  [[nodiscard]] std::vector<NoticeRecord> notices(const Channel& channel) {
    auto page = channels().list_notices(notices_of(channel));
    CHECK_FALSE(page.has_more);
    std::reverse(page.items.begin(), page.items.end());
    return std::move(page.items);
  }
  [[nodiscard]] Events events(const Channel& channel) {
    Events out;
    for (const NoticeRecord& one : notices(channel)) out.push_back(one.event);
    return out;
  }

  // ---- Claims.

  [[nodiscard]] NoticeRequest notice_request(Time now, std::size_t limit = 100) const {
    return {node, next_token(), now, limit, {"notifier-test"}, {}};
  }
  [[nodiscard]] std::vector<ClaimedNotices> claim_notices(Time now, std::size_t limit = 100) {
    return channels().claim(notice_request(now, limit)).claimed;
  }
  // Claims exactly one notice.
  [[nodiscard]] Notice claim_notice(Time now) {
    auto claimed = claim_notices(now);
    REQUIRE(claimed.size() == 1);
    REQUIRE(claimed[0].notices.size() == 1);
    return std::move(claimed[0].notices[0]);
  }
  // Whoever has them has told them.
  void deliver(const std::vector<Notice>& told) {
    std::vector<NoticeResult> results;
    for (const Notice& one : told) {
      results.push_back({{one.id, one.token}, NoticeResult::Kind::delivered, {}, {}});
    }
    channels().settle(results);
  }
  void settle_notice(const Notice& notice, NoticeResult::Kind kind, Time when, const std::string& error = "HTTP 500") {
    const NoticeResult result{{notice.id, notice.token}, kind, when, error};
    channels().settle({&result, 1});
  }
  // How many are claimed and told, one at a time, at `now`.
  std::size_t deliver_singly(Time now) {
    std::size_t count = 0;
    for (;; ++count) {
      const auto claimed = claim_notices(now);
      if (claimed.empty()) return count;
      REQUIRE(claimed.size() == 1);
      REQUIRE(claimed[0].notices.size() == 1);
      deliver(claimed[0].notices);
    }
  }

  // ---- What happens.

  // So many one-time tasks fail, one a microsecond.
  void fail_tasks(std::size_t count, Time first, std::optional<OrganizationId> organization = {}) {
    std::vector<NewWork> batch;
    std::vector<Settlement> items;
    for (std::size_t i = 0; i < count; ++i) {
      NewWork one = once(organization.value_or(acme), first);
      one.claim = next_token();
      Claimed claimed;
      claimed.id = one.execution->id;
      claimed.task_id = one.task.id;
      claimed.token = *one.claim;
      items.push_back(settlement(claimed, ExecutionStatus::failed, first + microseconds{i}));
      batch.push_back(std::move(one));
    }
    (void)work().insert(node, batch);
    for (const auto outcome : work().settle(items)) REQUIRE(outcome == SettleOutcome::settled);
  }

  // A cron task, which may have many runs.
  TaskId task_with_runs(const std::function<void(TaskSpec&)>& set = [](TaskSpec&) {}) {
    NewWork stored = cron(acme, at(900s));
    set(stored.task.spec);
    return insert(stored);
  }
  // One more run of it, claimed.
  Claimed start_run(TaskId id, Time due = at(1s)) {
    const auto run = next_id<ExecutionId>();
    CHECK(tasks().add_run(write(id, due), {run, run, 1, due}).result == WriteResult::applied);
    return claim_one(due);
  }
  // A whole run of one attempt.
  Claimed run(TaskId id, ExecutionStatus status, Time when) {
    Claimed claimed = start_run(id);
    CHECK(settle(settlement(claimed, status, when)) == SettleOutcome::settled);
    return claimed;
  }
};

}  // namespace punctual::testing
