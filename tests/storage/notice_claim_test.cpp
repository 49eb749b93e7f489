// Notices: how they are claimed, throttled, settled and rescued.
#include <atomic>
#include <catch2/catch.hpp>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "channel_fixture.hpp"

using namespace punctual;
using namespace punctual::testing;

// ---- Claims.

TEST_CASE_METHOD(ChannelFixture, "a notice is claimed with all that there is to tell") {
  const Channel channel = make_channel();
  const NewWork stored = full_task(acme, at(1s));
  insert(stored);
  const Claimed claimed = claim_one(at(2s));
  Settlement item = settlement(claimed, ExecutionStatus::failed, at(3s));
  item.status_code = 500;
  item.error_message = "HTTP 500";
  item.response_headers = {{"Content-Type", "text/plain"}};
  item.response_body = "oops";
  REQUIRE(settle(item) == SettleOutcome::settled);
  reopen();
  const auto request = notice_request(at(3s));
  const auto claims = channels().claim(request);
  CHECK_FALSE(claims.next_due);
  REQUIRE(claims.claimed.size() == 1);
  const ClaimedNotices& one = claims.claimed[0];
  CHECK(one.channel == channel);
  CHECK(one.organization_name == "acme");
  REQUIRE(one.notices.size() == 1);
  const Notice& notice = one.notices[0];
  CHECK(notice.id == notices(channel).at(0).id);
  CHECK(notice.token == request.token);
  CHECK(notice.event == NoticeEvent::task_failed);
  CHECK(notice.occurred_at == at(3s));
  CHECK(notice.since == at(1s));
  CHECK(notice.task_id == stored.task.id);
  CHECK(notice.task_name == stored.task.spec.name);
  CHECK(notice.task_url == stored.task.spec.url);
  CHECK(notice.task_method == stored.task.spec.method);
  CHECK(notice.attempts == 0);
  REQUIRE(notice.execution);
  CHECK(notice.execution->execution.id == claimed.id);
  CHECK(notice.execution->execution.status == ExecutionStatus::failed);
  CHECK(notice.execution->execution.status_code == 500);
  CHECK(notice.execution->execution.error_message == "HTTP 500");
  CHECK(notice.execution->execution.scheduled_for == at(1s));
  CHECK(notice.execution->response_headers == item.response_headers);
  CHECK(notice.execution->response_body == "oops");
  CHECK(notice.execution->request_url == claimed.url);
  CHECK(notice.execution->request_method == claimed.method);
}

TEST_CASE_METHOD(ChannelFixture, "the body of a response is cut between its characters") {
  make_channel();
  insert(once(acme, at(1s)));
  Settlement item = settlement(claim_one(at(2s)), ExecutionStatus::failed, at(3s));
  // The character at the boundary has two bytes.
  item.response_body = std::string(4095, 'x') + "ä and so on";
  REQUIRE(settle(item) == SettleOutcome::settled);
  const Notice notice = claim_notice(at(4s));
  REQUIRE(notice.execution);
  CHECK(notice.execution->response_body == std::string(4095, 'x'));
}

TEST_CASE_METHOD(ChannelFixture, "of a long response no more is read than is told") {
  make_channel();
  insert(once(acme, at(1s)));
  Settlement item = settlement(claim_one(at(2s)), ExecutionStatus::failed, at(3s));
  std::string body;
  while (body.size() < std::size_t{256} * 1024) body += "ä";
  item.response_body = body;
  REQUIRE(settle(item) == SettleOutcome::settled);
  const Notice notice = claim_notice(at(4s));
  REQUIRE(notice.execution);
  REQUIRE(notice.execution->response_body);
  CHECK(*notice.execution->response_body == body.substr(0, notice_body::most_bytes));
  CHECK(notice.execution->response_body->capacity() < 3 * notice_body::most_bytes);
}

TEST_CASE_METHOD(ChannelFixture, "a notice outlives its task and its execution") {
  make_channel();
  fail_tasks(1, at(3s));
  constexpr auto day = 24h;
  for (int calls = 0; calls < 50; ++calls) {
    if (store().maintenance().upkeep({at(60 * day), 30 * day}).done.empty()) break;
  }
  const Notice notice = claim_notice(at(60 * day));
  CHECK(notice.task_id);
  CHECK(notice.task_name.empty());
  CHECK(notice.task_url.empty());
  CHECK_FALSE(notice.task_method);
  CHECK_FALSE(notice.execution);
}

TEST_CASE_METHOD(ChannelFixture, "of a channel one notice is claimed at a time, the earliest due first") {
  make_channel();
  fail_tasks(1, at(3s));
  fail_tasks(1, at(1s));
  fail_tasks(1, at(2s));
  const auto first = channels().claim(notice_request(at(9s)));
  REQUIRE(first.claimed.size() == 1);
  REQUIRE(first.claimed[0].notices.size() == 1);
  CHECK(first.claimed[0].notices[0].occurred_at == at(1s));
  // The end of this one is what makes the next claimable.
  CHECK_FALSE(first.next_due);
  reopen();
  CHECK(claim_notices(at(9s)).empty());
  deliver(first.claimed[0].notices);
  CHECK(claim_notice(at(9s)).occurred_at == at(2s));
}

TEST_CASE_METHOD(ChannelFixture, "a notice is due when it has occurred") {
  make_channel();
  fail_tasks(1, at(5s));
  const auto early = channels().claim(notice_request(at(5s) - 1us));
  CHECK(early.claimed.empty());
  CHECK(early.next_due == at(5s));
  CHECK(claim_notices(at(5s)).size() == 1);
}

TEST_CASE_METHOD(ChannelFixture, "what is given back is due as before, what was told is gone") {
  const Channel channel = make_channel();
  fail_tasks(1, at(1s));
  const Notice notice = claim_notice(at(2s));
  const NoticeClaim wrong{notice.id, next_token()};
  channels().release({&wrong, 1});
  CHECK(claim_notices(at(2s)).empty());
  const NoticeClaim claim{notice.id, notice.token};
  channels().release({&claim, 1});
  channels().release({});
  CHECK(claim_notices(at(1s) - 1us).empty());
  const Notice again = claim_notice(at(2s));
  CHECK(again.id == notice.id);
  CHECK(again.attempts == 0);
  deliver({notice});
  CHECK(notices(channel).size() == 1);
  deliver({again});
  CHECK(notices(channel).empty());
  channels().settle({});
}

TEST_CASE_METHOD(ChannelFixture, "a notice that is to be told again is due at that time, one that is dead never") {
  const Channel channel = make_channel();
  fail_tasks(1, at(1s));
  for (int attempts = 0; attempts < 3; ++attempts) {
    const Notice notice = claim_notice(at(attempts * 100s + 2s));
    CHECK(notice.attempts == attempts);
    settle_notice(notice, Kind::retry, at((attempts + 1) * 100s), "no answer");
    settle_notice(notice, Kind::dead, at(0s));
    const auto stored = notices(channel).at(0);
    CHECK(stored.attempts == attempts + 1);
    CHECK(stored.next_at == at((attempts + 1) * 100s));
    CHECK(stored.last_error == "no answer");
    const auto early = channels().claim(notice_request(at((attempts + 1) * 100s) - 1us));
    CHECK(early.claimed.empty());
    CHECK(early.next_due == at((attempts + 1) * 100s));
  }
  settle_notice(claim_notice(at(400s)), Kind::dead, at(401s), std::string("bad \0 \xff", 7));
  reopen();
  const auto dead = channels().claim(notice_request(at(9000s)));
  CHECK(dead.claimed.empty());
  CHECK_FALSE(dead.next_due);
  const auto stored = notices(channel).at(0);
  CHECK(stored.dead_at == at(401s));
  CHECK_FALSE(stored.next_at);
  CHECK(stored.attempts == 4);
  CHECK(stored.last_error.starts_with("bad "));
}

TEST_CASE_METHOD(ChannelFixture, "nothing is claimed of channels that are disabled, passed over or of other plugins") {
  const Channel channel = make_channel("one");
  Channel foreign = new_channel("two");
  foreign.plugin = "notifier-other";
  REQUIRE(create(foreign) == applied);
  fail_tasks(1, at(1s));
  set_enabled(channel.id, false);
  auto claims = channels().claim(notice_request(at(2s)));
  CHECK(claims.claimed.empty());
  CHECK_FALSE(claims.next_due);
  set_enabled(channel.id, true);
  auto request = notice_request(at(2s));
  request.passed_over = {channel.id};
  claims = channels().claim(request);
  CHECK(claims.claimed.empty());
  CHECK_FALSE(claims.next_due);
  request.plugins = {"notifier-other", "notifier-test"};
  claims = channels().claim(request);
  REQUIRE(claims.claimed.size() == 1);
  CHECK(claims.claimed[0].channel.id == foreign.id);
  CHECK(claim_notices(at(2s)).at(0).channel.id == channel.id);
}

TEST_CASE_METHOD(ChannelFixture, "what waits for a channel is told to it as it is now") {
  const Channel channel = make_channel();
  fail_tasks(1, at(1s));
  REQUIRE(change(channel.id, [](Channel& one) {
            one.settings = "{}";
            one.events.bits = 0;
          }) == applied);
  const auto claimed = claim_notices(at(2s));
  REQUIRE(claimed.size() == 1);
  CHECK(claimed[0].channel.settings == "{}");
}

TEST_CASE_METHOD(ChannelFixture, "channels take turns by when their earliest was due") {
  const Channel late = make_channel("a", {NoticeEvent::task_failed});
  const Channel early = make_channel("b", {NoticeEvent::task_recovered});
  const Channel middle = make_channel("c", {NoticeEvent::task_disabled});
  const TaskId id = task_with_runs();
  run(id, ExecutionStatus::failed, at(1s));
  const Notice first = claim_notice(at(1s));
  settle_notice(first, Kind::retry, at(9s));
  run(id, ExecutionStatus::success, at(5s));
  Settlement item = settlement(start_run(id), ExecutionStatus::success, at(6s));
  item.disable = AuditEntry{acme, at(6s), "system", "x", "y", "z"};
  REQUIRE(settle(item) == SettleOutcome::settled);
  std::vector<ChannelId> turns;
  for (int i = 0; i < 3; ++i) {
    const auto claims = channels().claim(notice_request(at(10s), 1));
    REQUIRE(claims.claimed.size() == 1);
    turns.push_back(claims.claimed[0].channel.id);
    if (i == 0) CHECK(claims.next_due == at(6s));
    if (i == 1) CHECK(claims.next_due == at(9s));
  }
  CHECK(turns == std::vector{early.id, middle.id, late.id});
}

TEST_CASE_METHOD(ChannelFixture, "a claim for none tells when there is something") {
  make_channel();
  fail_tasks(1, at(1s));
  const auto claims = channels().claim(notice_request(at(2s), 0));
  CHECK(claims.claimed.empty());
  CHECK(claims.next_due == at(1s));
}

// ---- Not too much at once.

TEST_CASE_METHOD(ChannelFixture, "ten notices are told singly in a minute, the next when it is over") {
  const Channel channel = make_channel();
  fail_tasks(10, at(1s));
  CHECK(deliver_singly(at(5s)) == 10);
  fail_tasks(3, at(6s));
  const auto full = channels().claim(notice_request(at(65s) - 1us));
  CHECK(full.claimed.empty());
  CHECK(full.next_due == at(65s));
  reopen();
  CHECK(deliver_singly(at(65s)) == 3);
  CHECK(notices(channel).empty());
  // The window begins with its first claim, not when the one before has ended.
  fail_tasks(8, at(120s));
  CHECK(deliver_singly(at(124s)) == 7);
  CHECK(deliver_singly(at(125s)) == 1);
  fail_tasks(10, at(126s));
  CHECK(deliver_singly(at(127s)) == 9);
  CHECK(channels().claim(notice_request(at(127s))).next_due == at(185s));
}

TEST_CASE_METHOD(ChannelFixture, "more than ten at the beginning of a minute go as a summary, and nothing after it") {
  const Channel channel = make_channel();
  fail_tasks(11, at(1s));
  const auto claims = channels().claim(notice_request(at(5s)));
  REQUIRE(claims.claimed.size() == 1);
  const auto& told = claims.claimed[0].notices;
  REQUIRE(told.size() == 11);
  CHECK(std::is_sorted(told.begin(), told.end(), [](const Notice& a, const Notice& b) {
    return std::tie(a.occurred_at, a.id) < std::tie(b.occurred_at, b.id);
  }));
  CHECK(told.front().occurred_at == at(1s));
  CHECK(told.back().occurred_at == at(1s + 10us));
  deliver(told);
  CHECK(notices(channel).empty());
  fail_tasks(1, at(6s));
  const auto full = channels().claim(notice_request(at(65s) - 1us));
  CHECK(full.claimed.empty());
  CHECK(full.next_due == at(65s));
  CHECK(claim_notice(at(65s)).occurred_at == at(6s));
}

TEST_CASE_METHOD(ChannelFixture, "what comes beyond ten in a minute waits for the summary of the next") {
  make_channel();
  fail_tasks(5, at(1s));
  CHECK(deliver_singly(at(2s)) == 5);
  fail_tasks(20, at(3s));
  CHECK(deliver_singly(at(4s)) == 5);
  const auto claimed = claim_notices(at(62s));
  REQUIRE(claimed.size() == 1);
  CHECK(claimed[0].notices.size() == 15);
}

TEST_CASE_METHOD(ChannelFixture, "a summary tells of the first thousand, the next of the rest") {
  make_channel();
  for (int i = 0; i < 11; ++i) fail_tasks(100, at(seconds{20 - i}));
  const auto first = claim_notices(at(30s));
  REQUIRE(first.size() == 1);
  REQUIRE(first[0].notices.size() == notice_throttle::most_in_a_summary);
  CHECK(first[0].notices.front().occurred_at == at(10s));
  CHECK(first[0].notices.back().occurred_at == at(19s + 99us));
  deliver(first[0].notices);
  CHECK(claim_notices(at(89s)).empty());
  const auto second = claim_notices(at(90s));
  REQUIRE(second.size() == 1);
  CHECK(second[0].notices.size() == 100);
}

TEST_CASE_METHOD(ChannelFixture, "of a summary each notice is settled by itself") {
  const Channel channel = make_channel();
  fail_tasks(12, at(1s));
  const auto told = claim_notices(at(2s)).at(0).notices;
  REQUIRE(told.size() == 12);
  std::vector<NoticeResult> results;
  for (std::size_t i = 0; i < told.size(); ++i) {
    const Kind kind = i < 4 ? Kind::delivered : i < 8 ? Kind::retry : Kind::dead;
    results.push_back({{told[i].id, i == 3 ? next_token() : told[i].token}, kind, at(100s), "x"});
  }
  channels().settle(results);
  CHECK(channels().sizes(100).waiting == 5);
  CHECK(channels().sizes(100).dead == 4);
  CHECK(channels().held(node) == std::vector{NoticeClaim{told[3].id, told[3].token}});
  // One of them is claimed still.
  CHECK(claim_notices(at(200s)).empty());
  deliver({told[3]});
  CHECK(claim_notice(at(200s)).attempts == 1);
}

TEST_CASE_METHOD(ChannelFixture, "what is given back keeps its place in the minute") {
  make_channel();
  fail_tasks(9, at(1s));
  for (int i = 0; i < 10; ++i) {
    const Notice notice = claim_notice(at(2s));
    const NoticeClaim claim{notice.id, notice.token};
    channels().release({&claim, 1});
  }
  CHECK(claim_notices(at(2s)).empty());
  CHECK(channels().claim(notice_request(at(2s))).next_due == at(62s));
  CHECK(deliver_singly(at(62s)) == 9);
}

TEST_CASE_METHOD(ChannelFixture, "each channel has minutes of its own") {
  make_channel("one");
  fail_tasks(11, at(1s));
  CHECK(claim_notices(at(2s)).at(0).notices.size() == 11);
  make_channel("two");
  fail_tasks(1, at(3s));
  CHECK(claim_notice(at(4s)).occurred_at == at(3s));
}

// ---- Servers that die.

TEST_CASE_METHOD(ChannelFixture, "a successor tells what a dead server had claimed, whose own result is stale") {
  const Channel channel = make_channel();
  fail_tasks(11, at(1s));
  const auto lost = claim_notices(at(2s)).at(0).notices;
  CHECK(succeed().notices == lost.size());
  deliver(lost);
  CHECK(notices(channel).size() == 11);
  const auto again = claim_notices(at(90s));
  REQUIRE(again.size() == 1);
  CHECK(again[0].notices.size() == 11);
}

TEST_CASE_METHOD(ChannelFixture, "held names the notices of a lease and no others") {
  make_channel();
  fail_tasks(2, at(1s));
  const Notice notice = claim_notice(at(2s));
  CHECK(channels().held(node) == std::vector{NoticeClaim{notice.id, notice.token}});
  CHECK(channels().held(next_id<NodeId>()).empty());
  CHECK(store().leases().held(node).empty());
  CHECK(store().outbox().held(node).empty());
}

TEST_CASE_METHOD(ChannelFixture, "where several servers are allowed one without a lease is given no notices") {
  if (!site.allows_several_servers()) return;
  make_channel();
  fail_tasks(1, at(1s));
  auto request = notice_request(at(2s));
  request.node = next_id<NodeId>();
  CHECK(channels().claim(request).claimed.empty());
  CHECK(claim_notices(at(2s)).size() == 1);
}

TEST_CASE_METHOD(ChannelFixture, "where several servers are allowed the end of a lease gives its notices back") {
  if (!site.allows_several_servers()) return;
  make_channel();
  fail_tasks(1, at(1s));
  REQUIRE(claim_notices(at(2s)).size() == 1);
  store().leases().end(node);
  take_lease();
  CHECK(claim_notices(at(2s)).size() == 1);
}

// ---- Many at once.

namespace {

struct TellingServers : ChannelFixture {
  struct Server {
    Storage* store = nullptr;
    NodeId node;
  };

  TellingServers() {
    servers.push_back({&store(), node});
    while (site.allows_several_servers() && servers.size() < 3) {
      others.push_back(open_another());
      servers.push_back({others.back().get(), next_id<NodeId>()});
      (void)others.back()->leases().acquire({servers.back().node, "another-host", 1, at(0s)});
    }
  }

  // Runs `work(server, thread)` in so many threads, on one server after the other.
  template <class Work>
  void run(int threads, const Work& work) {
    std::vector<std::thread> running;
    for (int i = 0; i < threads; ++i) {
      running.emplace_back([&, i] {
        try {
          work(servers[static_cast<std::size_t>(i) % servers.size()], i);
        } catch (const std::exception& problem) {
          const std::lock_guard lock(mutex);
          failure = problem.what();
        }
      });
    }
    for (auto& one : running) one.join();
    CHECK(failure.empty());
  }

  std::vector<PluginLibrary::Instance> others;
  std::vector<Server> servers;
  std::mutex mutex;
  std::string failure;  // guarded by mutex
};

}  // namespace

TEST_CASE_METHOD(TellingServers, "of a channel never more than ten are told in a minute, by all servers together") {
  constexpr std::size_t most = notice_throttle::most_in_a_window;
  make_channel();
  for (int round = 0; round < 5; ++round) {
    const Time begin = at(std::chrono::minutes{3 * round});
    fail_tasks(1, begin);
    deliver({claim_notice(begin + 1s)});
    fail_tasks(24, begin);
    std::atomic<std::size_t> told{1};
    std::atomic<int> at_the_same_time{0};
    std::atomic<int> wrong{0};
    std::map<NoticeId, int> times;  // guarded by mutex
    run(9, [&](const Server& server, int) {
      // When ten have been told some further claims find that nothing is left.
      for (int further = 0; further < 5; further += told < most ? 0 : 1) {
        const auto claims =
            server.store->channels().claim({server.node, next_token(), begin + 2s, 5, {"notifier-test"}, {}});
        for (const ClaimedNotices& one : claims.claimed) {
          wrong += at_the_same_time++ > 0 || one.notices.size() != 1;
          const Notice& notice = one.notices.front();
          {
            const std::lock_guard lock(mutex);
            ++times[notice.id];
          }
          ++told;
          --at_the_same_time;
          const NoticeResult result{{notice.id, notice.token}, Kind::delivered, {}, {}};
          server.store->channels().settle({&result, 1});
        }
      }
    });
    CHECK(wrong == 0);
    CHECK(told == most);
    CHECK(times.size() == most - 1);
    const auto rest = claim_notices(begin + 61s);
    REQUIRE(rest.size() == 1);
    CHECK(rest[0].notices.size() == 15);
    deliver(rest[0].notices);
    CHECK(channels().sizes(10).waiting == 0);
  }
}

TEST_CASE_METHOD(TellingServers, "at the beginning of a minute one server has the summary, and the others nothing") {
  make_channel();
  for (int minute = 0; minute < 5; ++minute) {
    const Time now = at(std::chrono::minutes{minute} + 10s);
    fail_tasks(40, now);
    std::atomic<std::size_t> claims{0};
    std::atomic<std::size_t> told{0};
    run(9, [&](const Server& server, int) {
      for (int further = 0; further < 5; further += claims == 0 ? 0 : 1) {
        for (const ClaimedNotices& one :
             server.store->channels().claim({server.node, next_token(), now + 1s, 5, {"notifier-test"}, {}}).claimed) {
          ++claims;
          told += one.notices.size();
          std::vector<NoticeResult> results;
          for (const Notice& notice : one.notices)
            results.push_back({{notice.id, notice.token}, Kind::delivered, {}, {}});
          server.store->channels().settle(results);
        }
      }
    });
    CHECK(claims == 1);
    CHECK(told == 40);
  }
}

TEST_CASE_METHOD(TellingServers,
                 "while tasks fail, channels change and servers tell, every notice is told once or dead") {
  constexpr int channel_count = 6;
  constexpr int failing_threads = 3;
  constexpr int batches = 12;
  constexpr std::size_t batch_size = 5;
  constexpr std::size_t total = failing_threads * batches * batch_size * channel_count;
  std::vector<Channel> all;
  for (int i = 0; i < channel_count; ++i) all.push_back(make_channel("channel " + std::to_string(i)));
  std::atomic<int> failing{failing_threads};
  std::atomic<std::int64_t> clock{0};  // minutes that have passed
  std::map<NoticeId, int> told;        // guarded by mutex
  std::atomic<std::size_t> dead{0};
  const auto fail = [&](const Server& server) {
    for (int number = 0; number < batches; ++number) {
      std::vector<NewWork> batch;
      std::vector<Settlement> items;
      for (std::size_t i = 0; i < batch_size; ++i) {
        NewWork one = once(acme, at(0s));
        one.claim = next_token();
        Claimed claimed;
        claimed.id = one.execution->id;
        claimed.task_id = one.task.id;
        claimed.token = *one.claim;
        items.push_back(settlement(claimed, ExecutionStatus::failed, at(1s)));
        batch.push_back(std::move(one));
      }
      (void)server.store->work().insert(server.node, batch);
      (void)server.store->work().settle(items);
    }
    --failing;
  };
  const auto tell = [&](const Server& server, int thread) {
    for (int turn = 0; failing > 0 || server.store->channels().sizes(1).waiting > 0; ++turn) {
      const Time now = at(std::chrono::minutes{++clock});
      const auto claimed =
          server.store->channels().claim({server.node, next_token(), now, 2, {"notifier-test"}, {}}).claimed;
      std::vector<NoticeResult> results;
      std::vector<NoticeClaim> returned;
      for (const ClaimedNotices& one : claimed) {
        for (const Notice& notice : one.notices) {
          const NoticeClaim claim{notice.id, notice.token};
          if ((turn + thread) % 4 == 0) {
            returned.push_back(claim);
          } else if (notice.attempts == 0 && (turn + thread) % 3 == 0) {
            results.push_back({claim, Kind::retry, now, "again"});
          } else if (notice.id.value.bytes[15] % 10 == 0) {
            results.push_back({claim, Kind::dead, now, "no"});
            ++dead;
          } else {
            results.push_back({claim, Kind::delivered, {}, {}});
            const std::lock_guard lock(mutex);
            ++told[notice.id];
          }
        }
      }
      server.store->channels().release(returned);
      server.store->channels().settle(results);
    }
  };
  const auto change_channels = [&](const Server& server) {
    for (int turn = 0; failing > 0; ++turn) {
      auto channel = server.store->channels().find(acme, all[static_cast<std::size_t>(turn) % all.size()].id);
      const Time version = channel->updated_at;
      channel->updated_at = version + 1s;
      channel->name = "channel " + std::to_string(turn);
      (void)server.store->channels().update(channel_write(), *channel, version);
      const Channel made = new_channel("short-lived", {NoticeEvent::task_recovered});
      (void)server.store->channels().create(channel_write(), made);
      (void)server.store->channels().remove(channel_write(), made.id);
    }
  };
  run(10, [&](const Server& server, int thread) {
    if (thread < failing_threads) {
      fail(server);
    } else if (thread == failing_threads) {
      change_channels(server);
    } else {
      tell(server, thread);
    }
  });
  CHECK(told.size() + dead == total);
  for (const auto& [id, times] : told) CHECK(times == 1);
  CHECK(channels().sizes(total).dead == dead);
}
