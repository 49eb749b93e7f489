// Channels of the built server: told by the real plugins, and by plugins that no server should have.
#include <catch2/catch.hpp>
#include <chrono>
#include <fstream>

#include "deployment.hpp"

using namespace punctual;
using namespace punctual::testing;
using namespace std::chrono_literals;
using Catch::Contains;

namespace {

boost::json::object json_of(const TargetRequest& request) { return boost::json::parse(request.body).as_object(); }

// The plugins that a server has, and those of the tests beside them.
class PluginFolder {
 public:
  PluginFolder() {
    for (const auto& file : std::filesystem::directory_iterator(PUNCTUAL_PLUGIN_FOLDER)) add(file.path());
    add(PUNCTUAL_SCRIPTED_NOTIFIER);
  }
  [[nodiscard]] std::string text() const { return folder_.path().string(); }

 private:
  void add(const std::filesystem::path& plugin) {
    std::filesystem::create_symlink(plugin, folder_ / plugin.filename().string());
  }
  TemporaryFolder folder_;
};

struct Scripts : FreshStorage {
  // The id of a channel that does what its settings say.
  void add_channel(const std::string& name, const std::vector<std::string>& settings) {
    std::vector<std::string> arguments{"channel",           "add",    "--org", "acme",      "--plugin",
                                       "notifier-scripted", "--name", name,    "--plugins", plugins.text()};
    arguments.insert(arguments.end(), {"--set", "notify.timeout=500ms"});
    for (const std::string& setting : settings) arguments.insert(arguments.end(), {"--set", setting});
    const auto added = installation.run(arguments);
    INFO(added.err);
    REQUIRE(added.exit_code == 0);
  }
  std::size_t lines_of(const std::string& name) const {
    std::ifstream file(folder / name);
    return static_cast<std::size_t>(
        std::count(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>(), '\n'));
  }

  PluginFolder plugins;
  TemporaryFolder folder;
  Installation installation{url()};
};

}  // namespace

TEST_CASE_METHOD(Deployment, "a webhook is told, signed, when a task fails, and once more when it works again") {
  const std::string secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
  const auto added = run({"channel", "add", "--org", "acme", "--plugin", "notifier-webhook", "--set",
                          "url=" + target().url("/events"), "--set", "secret=" + secret});
  REQUIRE(added.exit_code == 0);
  target().answer("/hook", {.status = 500, .body = "no space left on device"});
  const auto created = create({{"url", target().url("/hook")}, {"name", "nightly"}, {"retry_attempts", 0}});
  REQUIRE(eventually([&] { return target().requests("/events").size() == 1; }));
  const auto request = target().requests("/events").at(0);
  CHECK(request.header("webhook-signature").value_or("").starts_with("v1,"));
  const auto event = json_of(request);
  CHECK(event.at("event") == "task.failed");
  CHECK(event.at("message") == "\"nightly\" has failed: HTTP 500");
  CHECK(event.at("execution").at("response_body") == "no space left on device");
  CHECK(event.at("id").as_string() == std::string_view(request.header("webhook-id").value_or("")));
  target().answer("/hook", {.status = 200});
  const std::string task(created.at("task_id").as_string());
  REQUIRE(client().post("/api/v1/tasks/" + task + "/trigger", "").status == 202);
  REQUIRE(eventually([&] { return target().requests("/events").size() == 2; }));
  CHECK(json_of(target().requests("/events").at(1)).at("event") == "task.recovered");
}

TEST_CASE_METHOD(Deployment, "what had not been told when the server was killed is told by the next") {
  const auto added = run(
      {"channel", "add", "--org", "acme", "--plugin", "notifier-webhook", "--set", "url=" + target().url("/events")});
  REQUIRE(added.exit_code == 0);
  target().answer("/hook", {.status = 404});
  target().answer("/events", {.shape = TargetAnswer::Shape::never});
  (void)create({{"url", target().url("/hook")}});
  REQUIRE(eventually([&] { return target().requests("/events").size() == 1; }));
  server().process().signal(9);
  (void)server().process().wait();
  target().answer("/events", {.status = 200});
  start();
  REQUIRE(eventually([&] { return target().requests("/events").size() == 2; }, 60s));
  const auto requests = target().requests("/events");
  CHECK(json_of(requests[0]).at("id") == json_of(requests[1]).at("id"));
}

TEST_CASE_METHOD(Deployment, "what a shutdown cuts off counts as not told, and the next server tells it at once") {
  const auto added = run(
      {"channel", "add", "--org", "acme", "--plugin", "notifier-webhook", "--set", "url=" + target().url("/events")});
  REQUIRE(added.exit_code == 0);
  start({"--set", "server.shutdown_deadline=1s"});
  target().answer("/hook", {.status = 404});
  target().answer("/events", {.shape = TargetAnswer::Shape::never});
  (void)create({{"url", target().url("/hook")}});
  REQUIRE(eventually([&] { return target().requests("/events").size() == 1; }));
  CHECK(server().stop().exit_code == 0);
  start();
  REQUIRE(eventually([&] { return target().requests("/events").size() == 2; }, 60s));
  const std::string id = lines_of(added.out).at(0);
  const auto notices = client().get("/api/v1/channels/" + id + "/notices").json().at("data").as_array();
  REQUIRE(notices.size() == 1);
  CHECK(notices.at(0).at("attempts") == 0);
}

TEST_CASE_METHOD(Scripts, "notifiers that block, throw, leak or end their thread delay no task and keep no server up") {
  for (const char* behaviour : {"block", "throw", "throw-number", "leak", "end-thread", "create-block", "nonsense"}) {
    add_channel(behaviour, {std::string("behaviour=") + behaviour});
  }
  add_channel("good", {"file=" + (folder / "good").string()});
  (void)installation.start(
      {"--plugins", plugins.text(), "--set", "notify.timeout=500ms", "--set", "server.shutdown_deadline=3s"});
  auto& target = installation.target();
  target.answer("/hook", {.status = 404});
  constexpr int tasks = 300;
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < tasks; ++i) {
    const auto reply = installation.client().post(
        "/api/v1/tasks", R"({"url":")" + target.url("/hook") + R"(","name":"task )" + std::to_string(i) + "\"}");
    REQUIRE(reply.status == 202);
  }
  REQUIRE(eventually([&] { return target.requests("/hook").size() == tasks; }, 30s));
  // Loose, for a busy machine; one call that was waited for would take half a second.
  CHECK(std::chrono::steady_clock::now() - begun < 60s);
  // One by itself and the rest as a summary, perhaps.
  CHECK(eventually([&] { return lines_of("good") > 0; }, 60s));
  const auto stop = std::chrono::steady_clock::now();
  const auto ended = installation.server().stop();
  CHECK(ended.exit_code == 0);
  CHECK(std::chrono::steady_clock::now() - stop < 15s);
  CHECK_THAT(ended.err + ended.out, Contains("did not return within 500 ms"));
  CHECK_THAT(ended.err + ended.out, Contains("has ended its thread"));
}
