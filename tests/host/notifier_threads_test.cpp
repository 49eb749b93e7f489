// The threads of a notifier plugin, with plugins that do all that a plugin should not.
#include "host/notifier_threads.hpp"

#include <pthread.h>

#include <atomic>
#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>

#include "host/plugin_library.hpp"
#include "host/settings_reader.hpp"
#include "host_fixtures.hpp"

using namespace punctual;
using namespace punctual::testing;
using Kind = NotifierOutcome::Kind;

namespace {

constexpr milliseconds long_enough{20000};

class NoHttp final : public PluginHttp {
 public:
  bool send(const punctual_http_request&, punctual_http_response& response) override {
    response = no_response("none in this test");
    return !stopping;
  }
  std::atomic<bool> stopping{false};
};

// What came of the events that were told, by their ids.
class Outcomes {
 public:
  NotifierCompletion of(const std::string& id) {
    return [this, id](NotifierOutcome&& outcome) {
      const std::lock_guard lock(mutex_);
      // Checked by the thread of the test, as Catch wants it.
      if (!outcomes_.emplace(id, std::move(outcome)).second) twice_ = true;
      changed_.notify_all();
    };
  }
  NotifierOutcome wait_for(const std::string& id) {
    std::unique_lock lock(mutex_);
    REQUIRE(changed_.wait_for(lock, long_enough, [&] { return outcomes_.contains(id); }));
    REQUIRE_FALSE(twice_);
    return outcomes_.at(id);
  }
  bool has(const std::string& id) {
    const std::lock_guard lock(mutex_);
    return outcomes_.contains(id);
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, NotifierOutcome> outcomes_;
  bool twice_ = false;
};

struct Threads {
  explicit Threads(NotifierLimits limits = {2, milliseconds{10000}})
      : gate(std::make_shared<NotifierGate>(logged.host, http)), threads(plugin(), settings(), gate, limits) {}
  ~Threads() {
    if (!threads.drain(milliseconds{100})) PluginLibrary::keep_loaded(library.file());
    gate->close();
  }

  const Plugin& plugin() const { return library.plugins().front(); }
  std::string settings() const {
    return read_settings(KnownSettings({}, library.plugins()), {}).json_for(*plugin().descriptor);
  }

  static Channel channel(std::uint8_t number, boost::json::object own) {
    Channel out;
    out.id.value.bytes[15] = number;
    out.name = "channel " + std::to_string(number);
    out.plugin = "notifier-scripted";
    out.settings = boost::json::serialize(own);
    return out;
  }
  void tell(const Channel& to, const std::string& id) {
    NotifierEvent event;
    event.id = id;
    event.kind = "task.failed";
    event.json = "{}";
    event.channel = to.name;
    threads.call(to, event, outcomes.of(id));
  }
  NotifierOutcome told(const Channel& to, const std::string& id) {
    tell(to, id);
    return outcomes.wait_for(id);
  }
  // Until it is delivered: with little time for a call, one may be late on a slow machine.
  void deliver(const Channel& to, const std::string& id) {
    for (int i = 0; told(to, id + " " + std::to_string(i)).kind != Kind::delivered; ++i) REQUIRE(i < 50);
  }
  // The ids of the events that the plugin has written down.
  std::vector<std::string> recorded() const {
    std::vector<std::string> out;
    std::ifstream file(record());
    for (std::string line; std::getline(file, line);) {
      out.emplace_back(boost::json::parse(line).at("id").as_string());
    }
    return out;
  }
  std::string record() const { return (folder.path() / "record").string(); }
  std::string begun() const { return (folder.path() / "begun").string(); }
  std::string flag() const { return (folder.path() / "flag").string(); }

  TemporaryFolder folder;
  LoggedHost logged;
  NoHttp http;
  Outcomes outcomes;
  PluginLibrary library{plugin_file("notifier_scripted")};
  std::shared_ptr<NotifierGate> gate;
  NotifierThreads threads;
};

void wait_until(const std::function<bool()>& holds) {
  const auto give_up = std::chrono::steady_clock::now() + long_enough;
  while (!holds()) {
    REQUIRE(std::chrono::steady_clock::now() < give_up);
    std::this_thread::sleep_for(milliseconds{2});
  }
}

// While it lives no thread can be started: each would be given a stack larger than there are addresses, which fails as it does
// where the system has no more threads.
class NoMoreThreads {
 public:
  NoMoreThreads() {
    REQUIRE(pthread_getattr_default_np(&before_) == 0);
    pthread_attr_t huge;
    REQUIRE(pthread_getattr_default_np(&huge) == 0);
    REQUIRE(pthread_attr_setstacksize(&huge, std::size_t{1} << 60) == 0);
    REQUIRE(pthread_setattr_default_np(&huge) == 0);
    pthread_attr_destroy(&huge);
    REQUIRE_THROWS_AS(std::thread([] {}), std::system_error);
  }
  ~NoMoreThreads() {
    pthread_setattr_default_np(&before_);
    pthread_attr_destroy(&before_);
  }
  NoMoreThreads(const NoMoreThreads&) = delete;
  NoMoreThreads& operator=(const NoMoreThreads&) = delete;

 private:
  pthread_attr_t before_{};
};

}  // namespace

TEST_CASE("notifier threads: an event is told with the settings of its channel", "[notifier]") {
  Threads test;
  REQUIRE(test.told(Threads::channel(1, {{"scripted.file", test.record()}}), "a").kind == Kind::delivered);
  CHECK(test.recorded() == std::vector<std::string>{"a"});
}

TEST_CASE("notifier threads: a channel that was changed is told by a new instance", "[notifier]") {
  Threads test;
  auto channel = Threads::channel(1, {{"scripted.behaviour", "give-up"}, {"scripted.text", "not so"}});
  const auto refused = test.told(channel, "a");
  CHECK(refused.kind == Kind::give_up);
  CHECK(refused.error == "not so");
  channel.settings = R"({"scripted.text":"better"})";
  channel.updated_at += seconds{1};
  CHECK(test.told(channel, "b").kind == Kind::delivered);
}

TEST_CASE("notifier threads: settings that the plugin does not know are given up with a word on which", "[notifier]") {
  Threads test;
  const auto outcome = test.told(Threads::channel(1, {{"scripted.flie", "x"}}), "a");
  CHECK(outcome.kind == Kind::give_up);
  CHECK_THAT(outcome.error, Catch::Contains("scripted.flie"));
}

TEST_CASE("notifier threads: settings can be tried without telling anything", "[notifier]") {
  Threads test;
  test.threads.call(Threads::channel(1, {{"scripted.file", test.record()}}), std::nullopt, test.outcomes.of("good"));
  CHECK(test.outcomes.wait_for("good").kind == Kind::delivered);
  CHECK(test.recorded().empty());
  const auto refused =
      Threads::channel(2, {{"scripted.behaviour", "create-refuse"}, {"scripted.text", "no such host"}});
  test.threads.call(refused, std::nullopt, test.outcomes.of("bad"));
  const auto outcome = test.outcomes.wait_for("bad");
  CHECK(outcome.kind == Kind::retry_later);
  // Tenants read this; where the plugin is stands in the log.
  CHECK(outcome.error == "plugin 'notifier-scripted' could not be created: no such host");
  CHECK_THAT(test.logged.written.str(), Catch::Contains(test.library.file().string() + ": " + outcome.error));
}

TEST_CASE("notifier threads: what a plugin throws is its channel's matter alone", "[notifier]") {
  Threads test;
  for (const char* behaviour : {"throw", "throw-number", "nonsense"}) {
    CAPTURE(behaviour);
    const auto outcome = test.told(Threads::channel(1, {{"scripted.behaviour", behaviour}}), behaviour);
    CHECK(outcome.kind == Kind::give_up);
  }
  CHECK(test.told(Threads::channel(2, {}), "after").kind == Kind::delivered);
}

TEST_CASE("notifier threads: a plugin that cannot be made is tried again later", "[notifier]") {
  Threads test;
  for (const char* behaviour : {"create-refuse", "create-throw"}) {
    CAPTURE(behaviour);
    const auto channel = Threads::channel(1, {{"scripted.behaviour", behaviour}, {"scripted.text", "no such server"}});
    const auto outcome = test.told(channel, behaviour);
    CHECK(outcome.kind == Kind::retry_later);
    CHECK_FALSE(outcome.error.empty());
  }
}

TEST_CASE("notifier threads: a call that does not return is late for one channel, and on time for the others",
          "[notifier]") {
  Threads test({2, milliseconds{300}});
  const auto blocked = Threads::channel(1, {{"scripted.behaviour", "block"}, {"scripted.until", test.flag()}});
  test.tell(blocked, "blocked");
  // Both threads of the plugin: one more call is begun all the same when the first is given up.
  test.tell(blocked, "blocked too");
  test.deliver(Threads::channel(2, {}), "behind them");
  const auto outcome = test.outcomes.wait_for("blocked");
  CHECK(outcome.kind == Kind::retry_later);
  CHECK_THAT(outcome.error, Catch::Contains("did not return within 300 ms"));
  wait_until([&] { return test.threads.hanging() == 2; });
  std::ofstream(test.flag()).put('x');
  wait_until([&] { return test.threads.hanging() == 0 && test.threads.room() == 2; });
}

TEST_CASE("notifier threads: a plugin that hangs whatever it is told is left alone until it returns", "[notifier]") {
  Threads test({2, milliseconds{300}});
  const auto blocked = Threads::channel(1, {{"scripted.behaviour", "block"}, {"scripted.until", test.flag()}});
  for (int i = 0; i < 4; ++i) test.tell(blocked, "call " + std::to_string(i));
  for (int i = 0; i < 4; ++i) {
    CHECK(test.outcomes.wait_for("call " + std::to_string(i)).kind == Kind::retry_later);
  }
  wait_until([&] { return test.threads.hanging() == 4; });
  CHECK(test.threads.room() == 0);
  const auto outcome = test.told(Threads::channel(2, {}), "none free");
  CHECK(outcome.kind == Kind::retry_later);
  CHECK_THAT(outcome.error, Catch::Contains("no thread"));
  std::ofstream(test.flag()).put('x');
  wait_until([&] { return test.threads.room() == 2; });
  test.deliver(Threads::channel(2, {}), "free");
}

TEST_CASE("notifier threads: an instance that does not let itself be ended takes its thread, not those of others",
          "[notifier]") {
  Threads test({1, milliseconds{300}});
  const auto behaviour = (test.folder.path() / "behaviour").string();
  std::ofstream(behaviour) << "deliver";
  // As many as are kept.
  constexpr int channels = 256;
  const auto channel = [&](int number) {
    auto out = Threads::channel(static_cast<std::uint8_t>(number % 256),
                                {{"scripted.behaviour", "@" + behaviour}, {"scripted.until", test.flag()}});
    out.id.value.bytes[14] = static_cast<std::uint8_t>(number / 256);
    return out;
  };
  for (int i = 0; i < channels; ++i) test.deliver(channel(i), std::to_string(i));
  std::ofstream(behaviour) << "destroy-block";
  // One more: the oldest is ended.
  (void)test.told(channel(channels), "one more");
  wait_until([&] { return test.threads.hanging() == 1; });
  auto other = channel(channels + 1);
  other.settings = "{}";
  test.deliver(other, "after");
  std::ofstream(test.flag()).put('x');
  CHECK(test.threads.drain(long_enough));
  CHECK_THAT(test.logged.written.str(), Catch::Contains("its destroy did not return within 300 ms; 1 of its threads"));
}

TEST_CASE("notifier threads: a plugin that ends its thread gets another one", "[notifier]") {
  Threads test;
  std::uint8_t channels = 0;
  for (const char* behaviour : {"end-thread", "create-end-thread", "cancel-thread", "end-thread"}) {
    CAPTURE(behaviour);
    const auto number = ++channels;
    const auto id = std::string(behaviour) + std::to_string(number);
    const auto outcome = test.told(Threads::channel(number, {{"scripted.behaviour", behaviour}}), id);
    const bool went_on = std::string(behaviour) == "cancel-thread";
    CHECK(outcome.kind == (went_on ? Kind::delivered : Kind::retry_later));
  }
  CHECK(test.told(Threads::channel(9, {}), "after").kind == Kind::delivered);
  wait_until([&] { return test.threads.room() == 2; });
}

TEST_CASE("notifier threads: a plugin that ends its thread in notify and then in destroy gets others", "[notifier]") {
  Threads test;
  const auto ending = Threads::channel(1, {{"scripted.behaviour", "end-each-thread"}});
  CHECK(test.told(ending, "a").kind == Kind::retry_later);
  CHECK(test.told(ending, "b").kind == Kind::retry_later);
  CHECK(test.told(Threads::channel(2, {}), "after").kind == Kind::delivered);
  CHECK(test.threads.drain(long_enough));
}

TEST_CASE("notifier threads: instances are ended in time or not at all when no thread is left", "[notifier]") {
  Threads test;
  const bool returns = GENERATE(true, false);
  const std::string behaviour = returns ? "destroy-end-thread" : "destroy-block";
  const auto idle = Threads::channel(1, {{"scripted.behaviour", behaviour}, {"scripted.until", test.flag()}});
  CHECK(test.told(idle, "idle").kind == Kind::delivered);
  // The one thread that there is, as nothing waits for another.
  CHECK(test.told(Threads::channel(2, {{"scripted.behaviour", "create-end-thread"}}), "end").kind == Kind::retry_later);
  CHECK(test.threads.drain(returns ? long_enough : milliseconds{100}) == returns);
  if (!returns) PluginLibrary::keep_loaded(test.library.file());
  std::ofstream(test.flag()).put('x');
}

TEST_CASE("notifier threads: events are told later when the system has no thread for them", "[notifier]") {
  Threads test;
  {
    const NoMoreThreads none;
    const auto outcome = test.told(Threads::channel(1, {}), "none");
    CHECK(outcome.kind == Kind::retry_later);
    CHECK_THAT(outcome.error, Catch::Contains("could start no thread"));
    CHECK(test.threads.room() == 0);
  }
  CHECK_THAT(test.logged.written.str(), Catch::Contains("Let the server have more threads"));
  wait_until([&] { return test.threads.room() == 2; });
  CHECK(test.told(Threads::channel(1, {}), "some").kind == Kind::delivered);
}

TEST_CASE("notifier threads: those that there are go on when the system has no more", "[notifier]") {
  Threads test;
  CHECK(test.told(Threads::channel(1, {}), "before").kind == Kind::delivered);
  const NoMoreThreads none;
  test.tell(Threads::channel(2, {}), "a");
  test.tell(Threads::channel(3, {}), "b");
  test.tell(Threads::channel(4, {{"scripted.behaviour", "end-thread"}}), "c");
  for (const char* id : {"a", "b"}) CHECK(test.outcomes.wait_for(id).kind == Kind::delivered);
  CHECK(test.outcomes.wait_for("c").kind == Kind::retry_later);
  // Nobody is left.
  CHECK(test.told(Threads::channel(5, {}), "d").kind == Kind::retry_later);
  CHECK_FALSE(test.threads.drain(milliseconds{100}));
  PluginLibrary::keep_loaded(test.library.file());
}

TEST_CASE("notifier threads: draining waits for what is under way", "[notifier]") {
  Threads test({2, milliseconds{10000}});
  test.tell(Threads::channel(
                1, {{"scripted.behaviour", "block"}, {"scripted.wait", "100ms"}, {"scripted.begun", test.begun()}}),
            "slow");
  wait_until([&] { return std::filesystem::exists(test.begun()); });
  CHECK(test.threads.drain(long_enough));
  REQUIRE(test.outcomes.has("slow"));
  CHECK(test.outcomes.wait_for("slow").kind == Kind::delivered);
  CHECK(test.told(Threads::channel(2, {}), "too late").kind == Kind::cancelled);
}

TEST_CASE("notifier threads: nothing more is begun once a stop has begun, and what is under way goes on",
          "[notifier]") {
  Threads test({1, milliseconds{10000}});
  test.tell(
      Threads::channel(
          1, {{"scripted.behaviour", "block"}, {"scripted.until", test.flag()}, {"scripted.begun", test.begun()}}),
      "under way");
  wait_until([&] { return std::filesystem::exists(test.begun()); });
  test.tell(Threads::channel(2, {}), "behind it");
  test.threads.begin_nothing_more();
  CHECK(test.outcomes.wait_for("behind it").kind == Kind::cancelled);
  CHECK(test.told(Threads::channel(3, {}), "too late").kind == Kind::cancelled);
  CHECK(test.threads.room() == 0);
  std::ofstream(test.flag()).put('x');
  CHECK(test.outcomes.wait_for("under way").kind == Kind::delivered);
  CHECK(test.threads.drain(long_enough));
}

TEST_CASE("notifier threads: what fails because the server stops has not been told", "[notifier]") {
  Threads test;
  const std::string behaviour = GENERATE("send", "create-send");
  const auto sending = Threads::channel(1, {{"scripted.behaviour", behaviour}, {"scripted.url", "http://x.example"}});
  CHECK(test.told(sending, "without a response").kind == Kind::retry_later);
  test.http.stopping = true;
  CHECK(test.told(sending, "refused").kind == Kind::cancelled);
}

TEST_CASE("notifier threads: draining at the moment when a thread ends comes to its end", "[notifier]") {
  Threads test;
  for (int i = 0; i < 1000; ++i) {
    NotifierThreads threads(test.plugin(), test.settings(), test.gate, {1, milliseconds{10000}});
    const auto id = "event " + std::to_string(i);
    threads.call(Threads::channel(1, {{"scripted.behaviour", i % 2 == 0 ? "deliver" : "end-thread"}}), NotifierEvent{},
                 test.outcomes.of(id));
    (void)test.outcomes.wait_for(id);
    if (i % 3 == 0) std::this_thread::sleep_for(std::chrono::microseconds(i % 50));
    if (!threads.drain(milliseconds{i % 2})) PluginLibrary::keep_loaded(test.library.file());
  }
}

TEST_CASE("notifier threads: draining does not wait for a plugin that hangs", "[notifier]") {
  Threads test({1, milliseconds{10000}});
  const auto blocked = Threads::channel(
      1, {{"scripted.behaviour", "block"}, {"scripted.until", test.flag()}, {"scripted.begun", test.begun()}});
  test.tell(blocked, "hangs");
  wait_until([&] { return std::filesystem::exists(test.begun()); });
  test.tell(blocked, "behind it");
  const auto begun = std::chrono::steady_clock::now();
  CHECK_FALSE(test.threads.drain(milliseconds{100}));
  PluginLibrary::keep_loaded(test.library.file());
  CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds{5});
  CHECK(test.outcomes.wait_for("hangs").kind == Kind::cancelled);
  CHECK(test.outcomes.wait_for("behind it").kind == Kind::cancelled);
  std::ofstream(test.flag()).put('x');
}

TEST_CASE("notifier threads: no more than the threads of a plugin are told at once, and all in the end", "[notifier]") {
  Threads test({3, milliseconds{10000}});
  for (int i = 0; i < 200; ++i) {
    test.tell(Threads::channel(static_cast<std::uint8_t>(i % 20), {{"scripted.file", test.record()}}),
              "event " + std::to_string(i));
    CHECK(test.threads.room() <= 3);
  }
  for (int i = 0; i < 200; ++i) {
    CHECK(test.outcomes.wait_for("event " + std::to_string(i)).kind == Kind::delivered);
  }
  CHECK(test.recorded().size() == 200);
}
