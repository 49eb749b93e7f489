// The library as the server finds and drives it.
#include <cstdlib>
#include <ctime>

#include "notifier-webhook/standard_webhooks.hpp"
#include "punctual/version.h"
#include "support/http_client.hpp"
#include "support/http_target.hpp"
#include "support/loaded_notifier.hpp"

using namespace punctual;
using namespace punctual::testing;

namespace {

NotifierLibrary load() { return NotifierLibrary(std::getenv("PUNCTUAL_NOTIFIER_WEBHOOK")); }

const Settings to_example{{"webhook.url", "https://hooks.example.com/events"}};

std::string refusal(Settings settings) {
  const auto library = load();
  const NotifierInstance instance(library, std::move(settings));
  CHECK(!instance.made());
  return instance.failure();
}

// What notify says to this answer.
std::pair<punctual_notify_result, std::string> result_of(const Answer& answer) {
  const auto library = load();
  NotifierInstance instance(library, to_example);
  instance.answer(answer);
  const auto result = instance.notify({});
  return {result, instance.failure()};
}

}  // namespace

TEST_CASE("the library carries a notifier") {
  const auto library = load();
  CHECK(library.plugin().kind == PUNCTUAL_NOTIFIER);
  CHECK(std::string(library.plugin().name) == "notifier-webhook");
  CHECK(std::string(library.plugin().cxx_abi_tag).empty());
}

TEST_CASE("an event is posted as JSON") {
  const auto library = load();
  NotifierInstance instance(library, to_example);
  const EventTexts event;
  CHECK(instance.notify(event) == PUNCTUAL_DELIVERED);
  REQUIRE(instance.requests().size() == 1);
  const auto& request = instance.requests().front();
  CHECK(request.method == "POST");
  CHECK(request.url == "https://hooks.example.com/events");
  CHECK(request.body == event.json);
  CHECK(request.header("Content-Type") == "application/json");
  CHECK(request.header("User-Agent") == "Punctual/" PUNCTUAL_VERSION);
  CHECK(request.header("webhook-id") == event.id);
  CHECK(request.header("webhook-signature").empty());
  CHECK(request.timeout_ms == 10'000);
}

TEST_CASE("a secret signs JSON with the time it is sent at") {
  const std::string secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
  auto settings = to_example;
  settings["webhook.secret"] = secret;
  const auto library = load();
  NotifierInstance instance(library, settings);
  const EventTexts event;
  const auto before = std::time(nullptr);
  CHECK(instance.notify(event) == PUNCTUAL_DELIVERED);
  const auto& request = instance.requests().front();
  const auto timestamp = std::stoll(request.header("webhook-timestamp"));
  CHECK(timestamp >= before);
  CHECK(timestamp <= std::time(nullptr));
  CHECK(request.header("webhook-signature") ==
        webhook::signature(*webhook::key_of_secret(secret), event.id, timestamp, request.body));
}

TEST_CASE("the format may be told apart from the URL") {
  auto settings = to_example;
  settings["webhook.format"] = "discord";
  const auto library = load();
  NotifierInstance instance(library, settings);
  CHECK(instance.notify({}) == PUNCTUAL_DELIVERED);
  CHECK_THAT(instance.requests().front().body, Catch::Contains("allowed_mentions"));
}

TEST_CASE("a token and headers go with every request") {
  const Settings settings{{"webhook.url", "https://ntfy.sh/topic"},
                          {"webhook.token", "tk_abc"},
                          {"webhook.headers", "Priority: urgent,X-Team: ops"},
                          {"webhook.timeout", "2500"}};
  const auto library = load();
  NotifierInstance instance(library, settings);
  CHECK(instance.notify({}) == PUNCTUAL_DELIVERED);
  const auto& request = instance.requests().front();
  CHECK(request.header("Authorization") == "Bearer tk_abc");
  CHECK(request.header("Priority") == "urgent");  // instead of the one by the kind of event
  CHECK(request.header("X-Team") == "ops");
  CHECK(request.header("Title") == "Task failed: nightly report");
  CHECK(request.timeout_ms == 2500);
}

TEST_CASE("any 2xx is delivered") {
  CHECK(result_of({200}).first == PUNCTUAL_DELIVERED);
  CHECK(result_of({202}).first == PUNCTUAL_DELIVERED);
  CHECK(result_of({204}).first == PUNCTUAL_DELIVERED);
}

TEST_CASE("what may go better later is told again") {
  for (const int status : {408, 425, 429, 500, 502, 503}) {
    INFO(status);
    const auto [result, error] = result_of({status, "busy"});
    CHECK(result == PUNCTUAL_RETRY_LATER);
    CHECK(error == "HTTP " + std::to_string(status) + ": busy");
  }
  CHECK(result_of({0, "", "Couldn't connect to server"}).first == PUNCTUAL_RETRY_LATER);
  CHECK(result_of({0, "", "Couldn't connect to server"}).second == "Couldn't connect to server");
  CHECK(result_of({429, "", "", 30'000}).second == "HTTP 429 (asks to wait for 30 s)");
}

TEST_CASE("what will not go better is given up, with the status and the beginning of the answer") {
  for (const int status : {400, 401, 403, 404, 410}) {
    INFO(status);
    const auto [result, error] = result_of({status, "no_\nservice" + std::string(1000, '.')});
    CHECK(result == PUNCTUAL_GIVE_UP);
    CHECK(error.find("HTTP " + std::to_string(status) + ": no_ service...") == 0);
    CHECK(error.size() < 220);
  }
  CHECK(result_of({301}).first == PUNCTUAL_GIVE_UP);
  CHECK_THAT(result_of({301}).second, Catch::Contains("redirects are not followed"));
}

TEST_CASE("an address that must not be reached is given up") {
  const auto [result, error] = result_of({0, "", "blocked address: 127.0.0.1", 0, true});
  CHECK(result == PUNCTUAL_GIVE_UP);
  CHECK(error == "blocked address: 127.0.0.1");
}

TEST_CASE("a connector of Teams that answers 200 and means a failure is asked again") {
  const auto library = load();
  NotifierInstance instance(library, {{"webhook.url", "https://acme.webhook.office.com/webhookb2/x"}});
  instance.answer(
      {200, "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429"});
  CHECK(instance.notify({}) == PUNCTUAL_RETRY_LATER);
  CHECK(instance.notify({}) == PUNCTUAL_DELIVERED);
}

TEST_CASE("settings that make no sense are refused by their names") {
  CHECK_THAT(refusal({}), Catch::Contains("webhook.url is not set"));
  CHECK(refusal({{"webhook.url", "hooks.example.com/secret"}}) == "webhook.url is not an http or https URL");
  const auto refused = [](const std::string& name, const std::string& value) {
    auto settings = to_example;
    settings[name] = value;
    return refusal(settings);
  };
  CHECK(refused("webhook.format", "xml") ==
        "webhook.format must be auto, json, slack, discord, teams or ntfy, not 'xml'");
  CHECK(refused("webhook.secret", "whsec_not base64") == "webhook.secret must be whsec_ and a key in base64");
  CHECK(refused("webhook.secret", "bm9wcmVmaXg=") == "webhook.secret must be whsec_ and a key in base64");
  CHECK_THAT(refused("webhook.headers", "X-Team"), Catch::Contains("webhook.headers"));
  CHECK_THAT(refused("webhook.token", "a b"), Catch::Contains("webhook.token"));
  CHECK_THAT(refused("webhook.timeout", "0"), Catch::Contains("webhook.timeout"));
}

TEST_CASE("a real receiver gets what was posted, twice loaded too") {
  HttpTarget target;
  target.answer("/gone", {.status = 410, .body = "gone"});
  const auto over_the_net = [&](const SentRequest& sent) {
    HeaderList headers;
    for (std::size_t at = 0; at < sent.headers.size();) {
      const auto end = sent.headers.find("\r\n", at);
      const auto colon = sent.headers.find(": ", at);
      headers.emplace_back(sent.headers.substr(at, colon - at), sent.headers.substr(colon + 2, end - colon - 2));
      at = end + 2;
    }
    const auto path = sent.url.substr(sent.url.find('/', 8));
    const auto reply = HttpClient("127.0.0.1:" + std::to_string(target.port())).post(path, sent.body, headers);
    return Answer{reply.status, reply.body};
  };
  for (int round = 1; round <= 2; ++round) {
    const auto library = load();
    NotifierInstance hook(library, {{"webhook.url", target.url("/hook")}, {"webhook.format", "slack"}});
    hook.transport = over_the_net;
    CHECK(hook.notify({}) == PUNCTUAL_DELIVERED);
    NotifierInstance gone(library, {{"webhook.url", target.url("/gone")}});
    gone.transport = over_the_net;
    CHECK(gone.notify({}) == PUNCTUAL_GIVE_UP);
    CHECK(gone.failure() == "HTTP 410: gone");
  }
  const auto requests = target.requests("/hook");
  REQUIRE(requests.size() == 2);
  CHECK(requests[0].header("content-type") == "application/json");
  CHECK_THAT(requests[0].body, Catch::Contains("Task failed: nightly report"));
}
