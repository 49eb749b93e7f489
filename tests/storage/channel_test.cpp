// Channels: how they are kept, and what people see of what waits for them.
#include <atomic>
#include <catch2/catch.hpp>
#include <map>
#include <set>
#include <thread>

#include "channel_fixture.hpp"

using namespace punctual;
using namespace punctual::testing;

// ---- Channels.

TEST_CASE_METHOD(ChannelFixture, "a channel is found as it was made") {
  Channel channel = new_channel("Größe", {NoticeEvent::task_failed, NoticeEvent::queue_stalled});
  channel.enabled = false;
  channel.inserted_at = at(1us);
  channel.updated_at = at(2us);
  CHECK(create(channel) == applied);
  const Channel all = make_channel("all");
  reopen();
  CHECK(channels().find(acme, channel.id) == channel);
  CHECK(channels().find(acme, all.id) == all);
  CHECK(channels().find(acme, all.id)->events.all());
  CHECK_FALSE(channels().find(other, channel.id));
  CHECK_FALSE(channels().find(acme, next_id<ChannelId>()));
}

TEST_CASE_METHOD(ChannelFixture, "channels are listed by name, of their organisation alone") {
  for (const auto* name : {"b", "c", "a"}) make_channel(name);
  Channel next_door = new_channel("b");
  next_door.organization_id = other;
  CHECK(create(next_door) == applied);
  CHECK(names() == std::vector<std::string>{"a", "b", "c"});
  CHECK(channels().list(other) == std::vector{next_door});
  CHECK(channels().list(next_id<OrganizationId>()).empty());
}

TEST_CASE_METHOD(ChannelFixture, "the name of a channel is taken once in its organisation") {
  const Channel first = make_channel("one");
  const Channel second = make_channel("two");
  CHECK(create(new_channel("one")) == conflict);
  CHECK(change(second.id, [](Channel& channel) { channel.name = "one"; }) == conflict);
  CHECK(channels().find(acme, second.id) == second);
  CHECK(change(second.id, [](Channel& channel) { channel.name = "three"; }) == applied);
  CHECK(create(new_channel("two")) == applied);
  CHECK(channels().find(acme, first.id) == first);
}

TEST_CASE_METHOD(ChannelFixture, "an organisation has no more than a hundred channels") {
  Channel last;
  for (std::size_t i = 0; i < Channels::most_channels; ++i) last = make_channel(std::to_string(i));
  CHECK(create(new_channel("one more")) == WriteResult::limit_exceeded);
  Channel next_door = new_channel("next door");
  next_door.organization_id = other;
  CHECK(create(next_door) == applied);
  CHECK(remove(last.id) == applied);
  CHECK(create(new_channel("one more")) == applied);
}

TEST_CASE_METHOD(ChannelFixture,
                 "however many channels are made at the same time, none is beyond the limit or twice there") {
  for (std::size_t i = 0; i + 5 < Channels::most_channels; ++i) make_channel(std::to_string(i));
  const auto second = open_another();
  std::atomic<int> made{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      Channels& mine = i % 2 == 0 ? channels() : second->channels();
      for (int number = 0; number < 10; ++number) {
        made += mine.create(channel_write(), new_channel("new " + std::to_string(number))).result == applied;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(made == 5);
  const auto all = names();
  CHECK(all.size() == Channels::most_channels);
  CHECK(std::set<std::string>(all.begin(), all.end()).size() == all.size());
}

TEST_CASE_METHOD(ChannelFixture, "a channel is changed as it was read, or not at all") {
  const Channel channel = make_channel();
  Channel changed = channel;
  changed.name = "on call";
  changed.plugin = "notifier-other";
  changed.settings = "{}";
  changed.events.bits = NoticeEvents::bit(NoticeEvent::quota_reached);
  changed.enabled = false;
  changed.updated_at = at(9s);
  CHECK(channels().update(channel_write(), changed, at(1s)).result == stale);
  CHECK(channels().find(acme, channel.id) == channel);
  CHECK(channels().update(channel_write(), changed, channel.updated_at).result == applied);
  reopen();
  CHECK(channels().find(acme, channel.id) == changed);
  CHECK(channels().update(channel_write(), changed, channel.updated_at).result == stale);
  Channel unknown = new_channel("unknown");
  CHECK(channels().update(channel_write(), unknown, unknown.updated_at).result == not_found);
  ChannelWrite foreign = channel_write();
  foreign.organization_id = other;
  CHECK(channels().update(foreign, changed, changed.updated_at).result == not_found);
}

TEST_CASE_METHOD(ChannelFixture, "a request about a channel is done once for its key") {
  const Channel channel = new_channel("ops");
  const auto key = [](const std::string& name, char request) { return key_used(name, request, at(1s), "{\"a\":1}"); };
  const auto create_with = [&](const IdempotencyRecord& record, const Channel& one) {
    return channels().create(channel_write(at(1s), record), one);
  };
  CHECK(create_with(key("k", 'a'), channel).result == applied);
  const auto again = create_with(key("k", 'a'), new_channel("ops"));
  CHECK(again.result == replayed);
  CHECK(again.replay == StoredReply{202, "{\"a\":1}"});
  CHECK(create_with(key("k", 'b'), new_channel("another")).result == key_reused);
  // What is refused leaves its key free.
  CHECK(create_with(key("l", 'a'), new_channel("ops")).result == conflict);
  CHECK(create_with(key("l", 'b'), new_channel("another")).result == applied);

  Channel changed = channel;
  changed.updated_at = at(2s);
  changed.enabled = false;
  const auto update_with = [&](const IdempotencyRecord& record, Time version) {
    return channels().update(channel_write(at(1s), record), changed, version).result;
  };
  CHECK(update_with(key("m", 'a'), at(7s)) == stale);
  CHECK(update_with(key("m", 'a'), channel.updated_at) == applied);
  CHECK(update_with(key("m", 'a'), channel.updated_at) == replayed);
  CHECK(update_with(key("m", 'b'), channel.updated_at) == key_reused);

  CHECK(remove(channel.id, key("n", 'a')) == applied);
  reopen();
  CHECK(remove(channel.id, key("n", 'a')) == replayed);
  CHECK(remove(channel.id, key("n", 'b')) == key_reused);
  CHECK(remove(channel.id, key("o", 'a')) == not_found);
}

TEST_CASE_METHOD(ChannelFixture, "a change of a channel is logged with it, one that changes nothing is not") {
  const Channel channel = new_channel("ops");
  const auto log = [&](const std::string& action) { return AuditEntry{acme, at(0s), "cli", action, "x", "y"}; };
  ChannelWrite write = channel_write();
  const auto logging = [&](const AuditEntry& entry) {
    write.audit = &entry;
    return write;
  };
  const AuditEntry created = log("created");
  const AuditEntry updated = log("updated");
  const AuditEntry removed = log("removed");
  const AuditEntry revived = log("revived");
  CHECK(channels().create(logging(created), channel).result == applied);
  CHECK(channels().create(logging(created), new_channel("ops")).result == conflict);
  CHECK(logged() == std::vector<std::string>{"created"});
  Channel changed = channel;
  changed.updated_at = at(1s);
  CHECK(channels().update(logging(updated), changed, at(0s)).result == applied);
  CHECK(logged().size() == 1);
  changed.enabled = false;
  changed.updated_at = at(2s);
  CHECK(channels().update(logging(updated), changed, at(1s)).result == applied);
  CHECK(logged().front() == "updated");
  CHECK(channels().revive(logging(revived), channel.id, [](std::size_t) { return StoredReply{}; }).result == applied);
  CHECK(logged().size() == 2);
  CHECK(channels().remove(logging(removed), channel.id).result == applied);
  CHECK(channels().remove(logging(removed), channel.id).result == not_found);
  CHECK(logged() == std::vector<std::string>{"removed", "updated", "created"});
}

TEST_CASE_METHOD(ChannelFixture, "the notices of a channel that is deleted are gone, those of others stay") {
  const Channel channel = make_channel("one");
  const Channel stays = make_channel("two");
  fail_tasks(3, at(1s));
  const auto claimed = claim_notices(at(2s));
  REQUIRE(claimed.size() == 2);
  CHECK(remove(channel.id) == applied);
  CHECK(channels().sizes(100).waiting == 3);
  CHECK(events(channel).empty());
  CHECK(events(stays).size() == 3);
  for (const ClaimedNotices& one : claimed) deliver(one.notices);
  CHECK(events(stays).size() == 2);
  CHECK(remove(channel.id) == not_found);
}

// ---- Notices, for people.

TEST_CASE_METHOD(ChannelFixture, "notices are listed newest first, by pages and by whether they are dead") {
  const Channel channel = make_channel();
  fail_tasks(2, at(1s));
  fail_tasks(2, at(3s));
  fail_tasks(1, at(2s));
  kill_notices(at(1s + 9us), at(10s));
  kill_notices(at(1s + 9us), at(10s));
  const auto all = channels().list_notices(notices_of(channel));
  REQUIRE(all.items.size() == 5);
  CHECK_FALSE(all.has_more);
  CHECK(all.items[0].occurred_at == at(3s + 1us));
  CHECK(all.items[2].occurred_at == at(2s));
  CHECK(all.items[4].occurred_at == at(1s));
  CHECK(all.items[4].dead_at == at(10s));
  CHECK_FALSE(all.items[4].next_at);
  CHECK(all.items[4].attempts == 1);
  CHECK(all.items[4].last_error == "HTTP 400");
  NoticeQuery query = notices_of(channel, 2);
  std::vector<NoticeId> by_cursor;
  for (bool more = true; more;) {
    const auto page = channels().list_notices(query);
    for (const NoticeRecord& one : page.items) by_cursor.push_back(one.id);
    more = page.has_more;
    query.after = page.items.back().id;
    query.offset = 7;
  }
  CHECK(by_cursor == ids_of(all));
  NoticeQuery by_offset = notices_of(channel, 2);
  by_offset.offset = 3;
  const auto rest = channels().list_notices(by_offset);
  CHECK(ids_of(rest) == std::vector{all.items[3].id, all.items[4].id});
  CHECK_FALSE(rest.has_more);
  by_offset.offset = 9;
  CHECK(channels().list_notices(by_offset).items.empty());
  NoticeQuery filtered = notices_of(channel, 2);
  filtered.dead = true;
  CHECK(ids_of(channels().list_notices(filtered)) == std::vector{all.items[3].id, all.items[4].id});
  CHECK_FALSE(channels().list_notices(filtered).has_more);
  filtered.dead = false;
  CHECK(ids_of(channels().list_notices(filtered)) == std::vector{all.items[0].id, all.items[1].id});
  CHECK(channels().list_notices(filtered).has_more);
  NoticeQuery foreign = notices_of(channel);
  foreign.organization_id = other;
  CHECK(channels().list_notices(foreign).items.empty());
  foreign.organization_id = acme;
  foreign.channel_id = next_id<ChannelId>();
  CHECK(channels().list_notices(foreign).items.empty());
}

TEST_CASE_METHOD(ChannelFixture, "dead notices that are tried again are as if they had never been told") {
  const Channel channel = make_channel("one");
  const Channel neighbour = make_channel("two");
  fail_tasks(2, at(1s));
  kill_notices(at(2s), at(10s));
  kill_notices(at(2s), at(11s));
  CHECK(channels().sizes(10).dead == 4);
  CHECK(claim_notices(at(99s)).empty());
  CHECK(revive(channel.id, at(200s)) == 2);
  CHECK(revive(channel.id, at(200s)) == 0);
  reopen();
  for (const NoticeRecord& one : notices(channel)) {
    CHECK(one.next_at == at(200s));
    CHECK_FALSE(one.dead_at);
    CHECK(one.attempts == 0);
    CHECK(one.last_error.empty());
  }
  for (const NoticeRecord& one : notices(neighbour)) CHECK(one.dead_at);
  CHECK(claim_notices(at(200s) - 1us).empty());
  CHECK(claim_notice(at(200s)).attempts == 0);
  CHECK(revive(next_id<ChannelId>(), at(200s)) == -1);
  ChannelWrite foreign = channel_write();
  foreign.organization_id = other;
  CHECK(channels().revive(foreign, channel.id, [](std::size_t) { return StoredReply{}; }).result == not_found);
}

TEST_CASE_METHOD(ChannelFixture, "a request to try again is answered with how many, and done once for its key") {
  const Channel channel = make_channel();
  fail_tasks(1, at(1s));
  kill_notices(at(2s), at(10s));
  const AuditEntry audit{acme, at(0s), "cli", "revived", "x", "y"};
  ChannelWrite write = channel_write(at(20s), key_used("k", 'a', at(20s)));
  write.audit = &audit;
  const auto reply = [](std::size_t count) { return StoredReply{200, std::to_string(count)}; };
  CHECK(channels().revive(write, channel.id, reply).result == applied);
  kill_notices(at(80s), at(80s));
  const auto again = channels().revive(write, channel.id, reply);
  CHECK(again.result == replayed);
  CHECK(again.replay == StoredReply{200, "1"});
  CHECK(channels().sizes(10).dead == 1);
  CHECK(logged() == std::vector<std::string>{"revived"});
}

TEST_CASE_METHOD(ChannelFixture, "dead notices expire, what waits does not") {
  const Channel channel = make_channel();
  fail_tasks(4, at(1s));
  for (int i = 0; i < 3; ++i) kill_notices(at(2s), at(seconds{10 + i}));
  CHECK(channels().expire(at(10s), 10) == 0);
  CHECK(channels().expire(at(13s), 2) == 2);
  auto left = notices(channel);
  REQUIRE(left.size() == 2);
  CHECK(std::count_if(left.begin(), left.end(), [](const auto& one) { return one.dead_at == at(12s); }) == 1);
  CHECK(channels().expire(at(13s), 2) == 1);
  CHECK(channels().expire(at(1000s), 2) == 0);
  CHECK(notices(channel).size() == 1);
}

TEST_CASE_METHOD(ChannelFixture, "the plugins of enabled channels for which something waits are named, each once") {
  const auto add = [&](const std::string& name, const std::string& plugin, const Events& wanted = {}) {
    Channel channel = new_channel(name, wanted);
    channel.plugin = plugin;
    REQUIRE(create(channel) == applied);
    return channel;
  };
  (void)make_channel();
  (void)add("a", "notifier-b");
  (void)add("b", "notifier-b");
  const Channel off = add("c", "notifier-a");
  (void)add("d", "notifier-c", {NoticeEvent::quota_reached});
  CHECK(channels().waiting_plugins().empty());
  fail_tasks(2, at(1s));
  using Names = std::vector<std::string>;
  CHECK(channels().waiting_plugins() == Names{"notifier-a", "notifier-b", "notifier-test"});
  set_enabled(off.id, false);
  CHECK(channels().waiting_plugins() == Names{"notifier-b", "notifier-test"});
  // What is claimed does not wait.
  kill_notices(at(2s), at(3s));
  CHECK(claim_notices(at(4s)).size() == 1);
  CHECK(channels().waiting_plugins() == Names{"notifier-b"});
}

TEST_CASE_METHOD(ChannelFixture, "what nobody tells is given up after the patience, and can be tried again") {
  const Channel channel = make_channel();
  const Channel off = make_channel("off");
  Channel foreign = new_channel("foreign");
  foreign.plugin = "notifier-other";
  REQUIRE(create(foreign) == applied);
  fail_tasks(3, at(10s));
  fail_tasks(2, at(20s));
  set_enabled(off.id, false);
  const auto give_up = [&](Time now, std::size_t limit) {
    return channels().give_up("notifier-test", now, 100s, "is not loaded", limit);
  };
  CHECK(give_up(at(110s), 10) == 0);
  CHECK(give_up(at(120s), 2) == 2);
  CHECK(give_up(at(120s), 10) == 1);
  CHECK(give_up(at(120s), 10) == 0);
  const auto left = notices(channel);
  REQUIRE(left.size() == 5);
  for (std::size_t i = 0; i < left.size(); ++i) {
    CHECK(left[i].dead_at == (i < 3 ? std::optional(at(120s)) : std::nullopt));
    CHECK(left[i].last_error == (i < 3 ? "is not loaded" : ""));
    CHECK(left[i].attempts == 0);
  }
  for (const Channel& untouched : {off, foreign}) {
    for (const NoticeRecord& one : notices(untouched)) CHECK_FALSE(one.dead_at);
  }
  // What is claimed is being told.
  const Notice claimed = claim_notice(at(121s));
  CHECK(give_up(at(1000s), 10) == 1);
  deliver({claimed});
  CHECK(revive(channel.id, at(1000s)) == 4);
  CHECK(deliver_singly(at(1000s)) == 4);
}

TEST_CASE_METHOD(ChannelFixture, "what is given up while others claim it is told or dead, each once") {
  constexpr std::size_t each = 60;
  std::vector<Channel> all;
  for (int i = 0; i < 5; ++i) all.push_back(make_channel("channel " + std::to_string(i)));
  fail_tasks(each, at(1s));
  const auto second = open_another();
  std::atomic<std::size_t> told{0};
  std::atomic<std::size_t> dead{0};
  const auto tell = [&](std::size_t thread) {
    Channels& mine = thread % 2 == 0 ? channels() : second->channels();
    for (int minute = 0; told + dead < each * all.size(); ++minute) {
      for (const ClaimedNotices& one : mine.claim(notice_request(at(seconds{100 + 61 * minute}), 1)).claimed) {
        std::vector<NoticeResult> results;
        for (const Notice& notice : one.notices)
          results.push_back({{notice.id, notice.token}, Kind::delivered, {}, {}});
        mine.settle(results);
        told += results.size();
      }
    }
  };
  const auto give_up = [&](std::size_t thread) {
    Channels& mine = thread % 2 == 0 ? channels() : second->channels();
    while (told + dead < each * all.size()) dead += mine.give_up("notifier-test", at(100s), 1s, "is not loaded", 2);
  };
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < 4; ++i) {
    threads.emplace_back(tell, i);
    threads.emplace_back(give_up, i);
  }
  for (auto& thread : threads) thread.join();
  CHECK(told + dead == each * all.size());
  CHECK(channels().sizes(1000).waiting == 0);
  CHECK(channels().sizes(1000).dead == dead);
}

TEST_CASE_METHOD(ChannelFixture, "waiting and dead notices are counted up to a limit") {
  make_channel();
  Channel next_door = new_channel("next door");
  next_door.organization_id = other;
  REQUIRE(create(next_door) == applied);
  fail_tasks(3, at(1s));
  fail_tasks(2, at(1s), other);
  kill_notices(at(2s), at(3s));
  (void)claim_notices(at(3s));
  CHECK(channels().sizes(10).waiting == 3);
  CHECK(channels().sizes(10).dead == 2);
  CHECK(channels().sizes(2).waiting == 2);
  CHECK(channels().sizes(1).dead == 1);
}
