// Channels and their notices as clients see them.
#include <catch2/catch.hpp>

#include "running_api.hpp"

using namespace punctual;
using namespace punctual::testing;
using Catch::Contains;

namespace {

using Texts = std::vector<std::string>;
const std::string path = "/api/v1/channels";
constexpr std::string_view ops =
    R"({"name":"ops","plugin":"notifier-fake","settings":{"fake.url":"https://a.example"}})";

std::string id_of_reply(const HttpReply& reply) { return text_of(reply.json().at("data").at("id")); }

std::string add_channel(const RunningApi& server, std::string_view body = ops) {
  const auto reply = server.client().post(path, body);
  REQUIRE(reply.status == 201);
  return id_of_reply(reply);
}

boost::json::value details(const HttpReply& reply) { return reply.json().at("error").at("details"); }

// A task that has failed for good.
void fail_a_task(RunningApi& server) {
  (void)server.run(server.create(R"({"url":"https://example.com","name":"nightly","retry_attempts":0})"), 500);
}

}  // namespace

TEST_CASE("a channel is created, shown, listed, changed and deleted") {
  RunningApi server;
  const auto reply = server.client().post(path, ops);
  REQUIRE(reply.status == 201);
  const auto id = id_of_reply(reply);
  const auto made = server.get(path + "/" + id);
  CHECK(made == reply.json().at("data"));
  CHECK(keys_of(made) == Texts{"id", "name", "plugin", "settings", "events", "enabled", "inserted_at", "updated_at"});
  CHECK(made.at("name") == "ops");
  CHECK(made.at("plugin") == "notifier-fake");
  CHECK(made.at("settings") == boost::json::parse(R"({"fake.url":"https://a.example"})"));
  CHECK(made.at("events").is_null());
  CHECK(made.at("enabled") == true);
  CHECK(server.get(path).as_array().size() == 1);

  server.clock.advance(seconds{1});
  const auto changed = server.client().request("PATCH", path + "/" + id,
                                               R"({"events":["task.recovered","task.failed"],"enabled":false})");
  REQUIRE(changed.status == 200);
  const auto now = changed.json().at("data");
  CHECK(now.at("events") == boost::json::parse(R"(["task.failed","task.recovered"])"));
  CHECK(now.at("enabled") == false);
  CHECK(now.at("name") == "ops");
  CHECK(now.at("updated_at") == "2026-01-15T12:00:01.000Z");

  CHECK(server.client().request("DELETE", path + "/" + id).status == 204);
  CHECK(server.client().request("DELETE", path + "/" + id).status == 404);
  CHECK(server.client().get(path + "/" + id).status == 404);
  CHECK(server.get(path).as_array().empty());
}

TEST_CASE("a channel without a name has that of its plugin") {
  RunningApi server;
  const auto id = add_channel(server, R"({"plugin":"notifier-fake"})");
  CHECK(server.get(path + "/" + id).at("name") == "notifier-fake");
}

TEST_CASE("what GET gave of a channel can be put back, and its secrets stay") {
  RunningApi server;
  const auto id = add_channel(server, R"({"name":"x","plugin":"notifier-fake","settings":{"fake.secret":"hidden"}})");
  const auto shown = server.client().get(path + "/" + id);
  CHECK_THAT(shown.body, !Contains("hidden"));
  CHECK(shown.json().at("data").at("settings").at("fake.secret") == "********");
  const auto put = server.client().request("PUT", path + "/" + id, boost::json::serialize(shown.json().at("data")));
  CHECK(put.status == 200);
  CHECK(server.client().post(path + "/" + id + "/test", "").status == 200);
  CHECK(server.notifiers().told().at(0).channel.settings == R"({"fake.secret":"hidden"})");
}

TEST_CASE("of a channel whose plugin is not loaded any more all can be changed but its settings") {
  RunningApi server;
  const auto id = add_channel(
      server, R"({"name":"x","plugin":"notifier-fake","settings":{"fake.secret":"hidden","fake.url":"https://a"}})");
  server.notifiers().unload();
  const auto patch = [&](std::string_view body) {
    server.clock.advance(seconds{1});
    return server.client().request("PATCH", path + "/" + id, body);
  };
  const auto renamed = patch(R"({"enabled":false,"name":"y","events":["task.failed"]})");
  REQUIRE(renamed.status == 200);
  const auto now = renamed.json().at("data");
  CHECK(now.at("enabled") == false);
  CHECK(now.at("name") == "y");
  CHECK(now.at("settings") == boost::json::parse(R"({"fake.secret":"********","fake.url":"https://a"})"));
  // As it is shown, in any order.
  CHECK(patch(R"({"settings":{"fake.url":"https://a","fake.secret":"********"},"enabled":true})").status == 200);
  const auto refused = patch(R"({"settings":{"fake.url":"https://b"}})");
  CHECK(refused.status == 422);
  CHECK(details(refused) == boost::json::parse(R"({"plugin":["is not loaded: no notifier plugin is"]})"));
  CHECK(server.client().request("DELETE", path + "/" + id).status == 204);
}

TEST_CASE("what is wrong with a channel is said for each field") {
  RunningApi server;
  (void)add_channel(server);
  const auto refuse = [&](std::string_view body) {
    const auto reply = server.client().post(path, body);
    CHECK(reply.status == 422);
    return details(reply);
  };
  CHECK(refuse("{}") == boost::json::parse(R"({"plugin":["can't be blank"]})"));
  CHECK(refuse(R"({"plugin":"notifier-nobody"})").at("plugin").at(0) == "must be one of: notifier-fake");
  CHECK(refuse(ops) == boost::json::parse(R"({"name":["has already been taken"]})"));
  CHECK(refuse(R"({"plugin":"notifier-fake","settings":{"wrong":1}})") ==
        boost::json::parse(R"({"settings":["'wrong' is not a setting of notifier-fake"]})"));
  CHECK(refuse(R"({"plugin":"notifier-fake","settings":{"fake.unmakeable":"1"}})") ==
        boost::json::parse(R"({"settings":["it cannot be made"]})"));
  const auto all =
      refuse(R"({"plugin":7,"name":" ","settings":[],"events":["task.exploded"],"enabled":"yes","colour":"red"})");
  CHECK(all.at("plugin").at(0) == "is invalid");
  CHECK(all.at("name").at(0) == "can't be blank");
  CHECK(all.at("settings").at(0) == "is invalid");
  CHECK_THAT(text_of(all.at("events").at(0)), Contains("task.failed"));
  CHECK(all.at("enabled").at(0) == "is invalid");
  CHECK(all.at("colour").at(0) == "is not a known field");
}

TEST_CASE("channels belong to one organisation") {
  RunningApi server;
  const auto id = add_channel(server);
  const auto other = server.client(other_key);
  CHECK(other.get(path + "/" + id).status == 404);
  CHECK(other.request("PATCH", path + "/" + id, "{}").status == 404);
  CHECK(other.request("DELETE", path + "/" + id).status == 404);
  CHECK(other.post(path + "/" + id + "/test", "").status == 404);
  CHECK(other.get(path + "/" + id + "/notices").status == 404);
  CHECK(other.post(path + "/" + id + "/notices/retry", "").status == 404);
  CHECK(other.get(path).json().at("data").as_array().empty());
  // The name is free there.
  CHECK(other.post(path, ops).status == 201);
  CHECK(server.client().get(path + "/no-id").status == 404);
}

TEST_CASE("a channel is made once for one Idempotency-Key") {
  RunningApi server;
  const auto first = server.client().request("POST", path, ops, {{"Idempotency-Key", "k"}});
  const auto second = server.client().request("POST", path, ops, {{"Idempotency-Key", "k"}});
  CHECK(first.status == 201);
  CHECK(second.status == 201);
  CHECK(second.body == first.body);
  CHECK(server.get(path).as_array().size() == 1);
}

TEST_CASE("a test says at once what came of it") {
  RunningApi server;
  const auto id = add_channel(server);
  const auto test = [&] { return server.client().post(path + "/" + id + "/test", "").json().at("data"); };
  CHECK(test() == boost::json::parse(R"({"result":"delivered","error":"told to","duration_ms":1})"));
  server.notifiers().answer_with(NotifierOutcome::Kind::give_up);
  CHECK(test().at("result") == "given_up");
  server.notifiers().set_room(0);
  CHECK(server.client().post(path + "/" + id + "/test", "").status == 503);
}

TEST_CASE("what a channel has not been told stands in a list, and is told again when asked for") {
  RunningApi server;
  server.notifiers().answer_with(NotifierOutcome::Kind::give_up);
  const auto id = add_channel(server);
  fail_a_task(server);
  const auto list = [&](const std::string& query = "") {
    return server.get(path + "/" + id + "/notices" + query).as_array();
  };
  REQUIRE(eventually([&] { return !list("?status=dead").empty(); }));
  const auto notice = list("?status=dead").at(0);
  CHECK(keys_of(notice) == Texts{"id", "event", "status", "occurred_at", "subject", "detail", "task_id", "execution_id",
                                 "attempts", "next_at", "dead_at", "last_error"});
  CHECK(notice.at("event") == "task.failed");
  CHECK(notice.at("status") == "dead");
  CHECK(notice.at("attempts") == 1);
  CHECK(notice.at("next_at").is_null());
  CHECK(notice.at("last_error") == "told to");
  CHECK(list("?status=waiting").empty());
  CHECK(server.client().get(path + "/" + id + "/notices?status=other").status == 400);

  server.notifiers().answer_with(NotifierOutcome::Kind::delivered);
  const auto retried = server.client().post(path + "/" + id + "/notices/retry", "");
  CHECK(retried.status == 202);
  CHECK(retried.body == R"({"data":{"retried":1}})");
  CHECK(eventually([&] { return list().empty(); }));
}

TEST_CASE("changes of channels are in the audit log, without their settings") {
  RunningApi server;
  const auto id = add_channel(server);
  server.clock.advance(seconds{1});
  CHECK(server.client()
            .request("PATCH", path + "/" + id, R"({"name":"on call","settings":{"fake.url":"https://b.example"}})")
            .status == 200);
  server.clock.advance(seconds{1});
  CHECK(server.client().request("DELETE", path + "/" + id).status == 204);
  const auto entries = server.get("/api/v1/audit").as_array();
  REQUIRE(entries.size() == 3);
  CHECK(entries[0].at("action") == "channel.deleted");
  CHECK(entries[1].at("action") == "channel.updated");
  CHECK(entries[1].at("changes") ==
        boost::json::parse(R"({"name":{"from":"ops","to":"on call"},"settings":{"changed":["fake.url"]}})"));
  CHECK(entries[2].at("action") == "channel.created");
  CHECK_THAT(boost::json::serialize(entries), !Contains(".example"));
}

TEST_CASE("the plugins that channels may use are listed") {
  RunningApi server;
  CHECK(server.get("/api/v1/notifiers").at(0).at("name") == "notifier-fake");
}
