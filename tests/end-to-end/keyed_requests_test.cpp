// Requests with an Idempotency-Key to servers that die.
#include <signal.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <map>
#include <set>
#include <sstream>
#include <thread>

#include "engine/guarded.hpp"
#include "installation.hpp"
#include "support/eventually.hpp"
#include "support/fresh_storage.hpp"

using namespace punctual;
using namespace punctual::testing;
using namespace std::chrono_literals;

namespace {

// Pairs of clients that create the same tasks under the same keys at the same time, each of them until it is answered 202, and
// some of them once more.
class KeyedClients {
 public:
  struct Answers {
    std::map<std::string, std::set<std::string>> bodies;  // of each key
    std::size_t replayed = 0;
    std::size_t unclear = 0;     // requests without an answer, and 503
    std::string unexpected;      // one answer that was none of 202, 409 and 503
    std::size_t unanswered = 0;  // keys that were given up
  };

  KeyedClients(Installation& site, int pairs) : site_(site) {
    for (int pair = 0; pair < pairs; ++pair) {
      for (int twin = 0; twin < 2; ++twin) {
        threads_.emplace_back(
            [this, pair, twin] { run("pair" + std::to_string(pair), static_cast<std::size_t>(twin)); });
      }
    }
  }
  ~KeyedClients() { (void)finish(); }
  KeyedClients(const KeyedClients&) = delete;
  KeyedClients& operator=(const KeyedClients&) = delete;

  [[nodiscard]] std::size_t answered() const { return answers_.lock()->bodies.size(); }

  // Lets every client be answered for the key that it is at; some server must be up.
  Answers finish() {
    stopping_ = true;
    for (auto& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
    return *answers_.lock();
  }

 private:
  void run(const std::string& name, std::size_t turn) {
    for (int number = 0; !stopping_; ++number) {
      const std::string key = name + "-" + std::to_string(number);
      const auto give_up = std::chrono::steady_clock::now() + 60s;
      int wanted = number % 4 == 0 ? 2 : 1;
      while (wanted > 0 && std::chrono::steady_clock::now() < give_up) wanted -= create(key, turn++) ? 1 : 0;
      if (wanted > 0) ++answers_.lock()->unanswered;
    }
  }

  // Whether it was answered 202.
  bool create(const std::string& key, std::size_t turn) {
    const auto addresses = site_.addresses();
    const HttpClient client(addresses[turn % addresses.size()], site_.key());
    const std::string body = R"({"name":")" + key + R"(","url":")" + site_.target().url("/keyed") + R"(","body":")" +
                             key + R"(","delay":)" + (key.back() == '7' ? "1" : "null") + "}";
    try {
      const auto reply = client.post("/api/v1/tasks", body, {{"Idempotency-Key", key}});
      auto answers = answers_.lock();
      if (reply.status == 202) {
        answers->bodies[key].insert(reply.body);
        if (reply.header("Idempotent-Replayed")) ++answers->replayed;
        return true;
      }
      if (reply.status == 503) ++answers->unclear;
      if (reply.status != 503 && reply.status != 409) {
        answers->unexpected = std::to_string(reply.status) + " " + reply.body;
      }
    } catch (const std::exception&) {
      ++answers_.lock()->unclear;
    }
    std::this_thread::sleep_for(20ms);
    return false;
  }

  Installation& site_;
  std::atomic<bool> stopping_{false};
  mutable Guarded<Answers> answers_;
  std::vector<std::thread> threads_;
};

struct KeyedFixture {
  // How many tasks have each name. From the database: a list would change under its reader as long as tasks are run.
  std::map<std::string, int> tasks() {
    std::istringstream names(storage.postgres()->value("select string_agg(name, ' ') from punctual.tasks"));
    std::map<std::string, int> out;
    for (std::string name; names >> name;) ++out[name];
    return out;
  }

  FreshStorage storage;
  Installation site{storage.url()};
};

}  // namespace

TEST_CASE_METHOD(KeyedFixture,
                 "every key makes one task and has one answer, though its servers are killed again and again") {
  const std::size_t servers = GENERATE(2, 4);
  for (std::size_t i = 0; i < servers; ++i) (void)site.start();
  site.arrivals().record(site.target(), "/keyed", TargetAnswer{});
  KeyedClients clients(site, 4);
  for (std::size_t kill = 0; kill < 6; ++kill) {
    const std::size_t before = clients.answered();
    REQUIRE(eventually([&] { return clients.answered() >= before + 50; }, 60s));
    const std::size_t victim = kill % servers;
    site.server(victim).process().signal(SIGKILL);
    (void)site.server(victim).process().wait();
    site.start_again(victim);
  }
  const auto answers = clients.finish();
  CHECK(answers.unexpected.empty());
  CHECK(answers.unanswered == 0);
  CHECK(answers.replayed > 0);
  CHECK(answers.unclear > 0);
  const auto made = tasks();
  CHECK(made.size() == answers.bodies.size());
  for (const auto& [key, bodies] : answers.bodies) {
    INFO(key);
    CHECK(bodies.size() == 1);
    const auto found = made.find(key);
    CHECK((found != made.end() && found->second == 1));
  }
  // One task, and so one execution of it, however often it had to be sent.
  std::map<std::string, std::set<std::string>> executions;
  for (const auto& arrival : site.arrivals().all()) executions[arrival.body].insert(arrival.execution);
  for (const auto& [key, of_key] : executions) {
    INFO(key);
    CHECK(of_key.size() == 1);
  }
}
