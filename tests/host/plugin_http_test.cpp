#include "host/plugin_http.hpp"

#include <cstring>
#include <optional>
#include <thread>

#include "host/plugin_instance.hpp"
#include "host_fixtures.hpp"
#include "support/fake_transport.hpp"

namespace punctual {
namespace {

using testing::FakeTransport;
using testing::LoggedHost;
using testing::plugin_file;
using testing::StillClock;

struct Sending {
  punctual_http_response send(const punctual_http_request& request) {
    punctual_http_response response{};
    goes_on = http.send(request, response);
    return response;
  }
  // What comes of `outcome`.
  punctual_http_response answer(DeliveryOutcome outcome) {
    transport.answer_next(std::move(outcome));
    return send(request());
  }
  static punctual_http_request request() {
    punctual_http_request out{};
    out.struct_size = sizeof out;
    out.method = "POST";
    out.url = "HTTPS://example.com/hook";
    out.headers = "Content-Type: application/json\r\nX-Empty:\r\nX-Padded: \t a b  \r\n";
    out.body = "{\0}";
    out.body_size = 3;
    out.timeout_ms = 2000;
    return out;
  }

  bool goes_on = false;  // what the last send has returned
  StillClock clock;
  FakeTransport transport{clock};
  std::vector<Transport*> transports{&transport};
  TransportHttp http{transports, clock, milliseconds{5000}};
};

DeliveryOutcome response(int status, std::string body, Headers headers = {}) {
  DeliveryOutcome out;
  out.result = DeliveryResult::responded;
  out.status_code = status;
  out.body = std::move(body);
  out.headers = std::move(headers);
  return out;
}

DeliveryOutcome no_response(DeliveryResult result, std::string error = {}) {
  DeliveryOutcome out;
  out.result = result;
  out.error = std::move(error);
  return out;
}

TEST_CASE("a plugin's request is sent as it was asked for") {
  Sending sending;
  const auto answer = sending.send(Sending::request());
  CHECK(answer.status == 200);
  CHECK(std::string(answer.error).empty());
  const auto started = sending.transport.started();
  REQUIRE(started.size() == 1);
  CHECK(started[0].method == Method::post);
  CHECK(started[0].url == "HTTPS://example.com/hook");
  CHECK(started[0].headers == Headers{{"Content-Type", "application/json"}, {"X-Empty", ""}, {"X-Padded", "a b"}});
  CHECK(started[0].body == std::string("{\0}", 3));
  CHECK(started[0].timeout == milliseconds{2000});
}

TEST_CASE("requests of plugins have ids of their own") {
  Sending sending;
  (void)sending.send(Sending::request());
  (void)sending.send(Sending::request());
  const auto started = sending.transport.started();
  CHECK(started[0].id != started[1].id);
}

TEST_CASE("a plugin's request takes no longer than the server allows") {
  Sending sending;
  auto request = Sending::request();
  request.timeout_ms = GENERATE(-1, 0, 5001, 3'600'000);
  (void)sending.send(request);
  CHECK(sending.transport.started().at(0).timeout == milliseconds{5000});
}

TEST_CASE("a request without headers and body is sent without them") {
  Sending sending;
  auto request = Sending::request();
  request.headers = nullptr;
  request.body = nullptr;
  request.body_size = 0;
  (void)sending.send(request);
  CHECK(sending.transport.started().at(0).headers.empty());
  CHECK(sending.transport.started().at(0).body.empty());
}

TEST_CASE("a request that makes no sense is not sent") {
  Sending sending;
  auto request = Sending::request();
  std::string error;
  const auto with_headers = [&](const char* headers) { request.headers = headers; };
  SECTION("a header without a colon") {
    with_headers("X-One");
    error = "a header is not written \"Name: value\"";
  }
  SECTION("a header's name that is no token") {
    with_headers("X One: a\r\n");
    error = "a header is not written \"Name: value\"";
  }
  SECTION("an empty line among the headers") {
    with_headers("X-One: a\r\n\r\nbody");
    error = "a header is not written \"Name: value\"";
  }
  SECTION("half a line break in a header") {
    with_headers("X-One: a\nX-Two: secret\r\n");
    error = "the header X-One has a control character or a line break";
  }
  SECTION("a method that is none") {
    request.method = "post";
    error = "the method must be GET, POST, PUT, PATCH, DELETE, HEAD or OPTIONS";
  }
  SECTION("no method") {
    request.method = nullptr;
    error = "the method must be GET, POST, PUT, PATCH, DELETE, HEAD or OPTIONS";
  }
  SECTION("no URL") {
    request.url = nullptr;
    error = "the request has no URL";
  }
  SECTION("a scheme that nobody serves") {
    request.url = "ftp://example.com";
    error = "this server has no transport for this URL";
  }
  SECTION("a body of null") {
    request.body = nullptr;
    error = "the request has a body of null";
  }
  SECTION("a struct that is too small") {
    request.struct_size = 8;
    error = "the request has 8 bytes, this server expects at least 56";
  }
  const auto answer = sending.send(request);
  CHECK(answer.status == 0);
  CHECK(std::string(answer.error) == error);
  CHECK(sending.transport.started().empty());
}

TEST_CASE("why no response came is said in words") {
  Sending sending;
  const auto error = [&](DeliveryResult result, std::string words = {}) {
    const auto answer = sending.answer(no_response(result, std::move(words)));
    CHECK(answer.status == 0);
    CHECK(sending.goes_on == (result != DeliveryResult::cancelled));
    return std::string(answer.error);
  };
  CHECK(error(DeliveryResult::timed_out) == "no response within 2000 ms");
  CHECK(error(DeliveryResult::blocked, "127.0.0.1") == "blocked address: 127.0.0.1");
  CHECK(sending.answer(no_response(DeliveryResult::blocked, "127.0.0.1")).blocked == 1);
  CHECK(sending.answer(no_response(DeliveryResult::timed_out, "")).blocked == 0);
  CHECK(error(DeliveryResult::transport_error, "http://me:word@x\nrefused") == "http://***@x\\nrefused");
  CHECK(error(DeliveryResult::transport_error) == "the request failed");
  CHECK(error(DeliveryResult::cancelled) == "the server is stopping");
}

TEST_CASE("a request under way when the server stops ends with an error") {
  Sending sending;
  sending.transport.answer_with(std::nullopt);
  punctual_http_response answer{};
  bool goes_on = true;
  std::thread plugin([&] { goes_on = sending.http.send(Sending::request(), answer); });
  CHECK(sending.transport.wait_started(1));
  sending.transport.drain(milliseconds{0});
  plugin.join();
  CHECK_FALSE(goes_on);
  CHECK(std::string(answer.error) == "the server is stopping");
  CHECK_FALSE(sending.http.send(Sending::request(), answer));
  CHECK(std::string(answer.error) == "the server is stopping");
}

TEST_CASE("Retry-After comes in milliseconds, whether it was seconds or a date") {
  Sending sending;
  const auto wait = [&](const std::string& value) {
    return sending.answer(response(429, "", {{"retry-AFTER", value}})).retry_after_ms;
  };
  CHECK(wait("120") == 120'000);
  CHECK(wait("Mon, 23 Nov 2026 20:00:30 GMT") == 30'000);
  CHECK(wait("soon") == 0);
  CHECK(sending.answer(response(429, "")).retry_after_ms == 0);
}

TEST_CASE("a body that is too long is cut between two characters") {
  Sending sending;
  const auto body = [&](std::string text) { return std::string(sending.answer(response(200, std::move(text))).body); };
  CHECK(body("hello") == "hello");
  CHECK(body(std::string(2047, 'x')) == std::string(2047, 'x'));
  CHECK(body(std::string(2048, 'x')) == std::string(2047, 'x'));
  CHECK(body(std::string(2046, 'x') + "\xc3\xa4" + "y") == std::string(2046, 'x'));
  CHECK(body(std::string(2044, 'x') + "\xf0\x9f\x98\x80" + "y") == std::string(2044, 'x'));
  CHECK(body(std::string(2043, 'x') + "\xf0\x9f\x98\x80" + "y") == std::string(2043, 'x') + "\xf0\x9f\x98\x80");
  CHECK(body(std::string(3000, '\x80')).size() == 2047);
}

// For notifier-kit.
std::string settings_json(const std::string& url) {
  return R"({"kit.url":")" + url + R"(","kit.to":[],"kit.tries":1,"kit.loud":false,"kit.wait":0})";
}

// One instance of notifier-kit, which sends what it is told.
struct KitInstance {
  explicit KitInstance(PluginHttp* http)
      : notifier(library.plugins().front(), settings_json("http://example.com"), logged.host, http, "kit") {
    punctual_event event{};
    event.struct_size = offsetof(punctual_event, channel);
    event.id = "an-id";
    event.kind = "test";
    event.message = "Hello.";
    event.json = R"({"a":1})";
    CHECK(notifier.notify(event).result == NotifyResult::delivered);
  }
  [[nodiscard]] std::string last_line() const {
    const auto text = logged.written.str();
    return text.substr(text.rfind("kit: ") + 5);
  }

  LoggedHost logged;
  PluginLibrary library{plugin_file("notifier_kit")};
  NotifierInstance notifier;
};

TEST_CASE("a C++ notifier sends a request and reads the response") {
  Sending sending;
  sending.transport.answer_next(response(503, "try later", {{"Retry-After", "7"}}));
  const KitInstance kit(&sending.http);
  CHECK(kit.last_line() == "503|7000|try later|\n");
  const auto started = sending.transport.started();
  REQUIRE(started.size() == 1);
  CHECK(started[0].method == Method::put);
  CHECK(started[0].headers == Headers{{"X-Kind", "test"}, {"X-Id", "an-id"}});
  CHECK(started[0].body == R"({"a":1})");
  CHECK(started[0].timeout == milliseconds{1000});
}

TEST_CASE("a notifier that may send nothing is told so") {
  CHECK(KitInstance(nullptr).last_line() == "0|0||this server sends no HTTP requests for plugins\n");
}

// An instance's own host, and what its http writes into a response of which the plugin knows so much.
struct RawHost {
  std::int32_t send(std::uint32_t struct_size) {
    std::memset(&room, 0x5a, sizeof room);
    room.response.struct_size = struct_size;
    const auto& host = instance.for_plugin();
    const auto request = Sending::request();
    return host.http(host.self, &request, &room.response);
  }

  Sending sending;
  LoggedHost logged;
  PluginLibrary library{plugin_file("notifier_kit")};
  InstanceHost instance{library.plugins().front(), settings_json(""), logged.host, &sending.http, "kit"};
  struct {
    punctual_http_response response;
    char beyond[16];
  } room{};
};

TEST_CASE("no more of a response is written than the plugin's struct has") {
  RawHost host;
  host.sending.transport.answer_next(response(201, "made"));
  SECTION("of this version") {
    CHECK(host.send(sizeof(punctual_http_response)) == 0);
    CHECK(host.room.response.status == 201);
    CHECK(std::string(host.room.response.body) == "made");
  }
  SECTION("of a later version") {
    CHECK(host.send(sizeof(punctual_http_response) + 16) == 0);
    CHECK(host.room.response.status == 201);
    CHECK(host.room.response.struct_size == sizeof(punctual_http_response) + 16);
  }
  SECTION("of no version") {
    (void)host.send(8);
    CHECK(host.room.response.status == 0x5a5a5a5a);
  }
  CHECK(std::string(host.room.beyond, 16) == std::string(16, 0x5a));
}

TEST_CASE("a request or response of null is refused") {
  RawHost host;
  const auto& c_host = host.instance.for_plugin();
  const auto request = Sending::request();
  CHECK(c_host.http(c_host.self, nullptr, &host.room.response) != 0);
  CHECK(c_host.http(c_host.self, &request, nullptr) != 0);
}

}  // namespace
}  // namespace punctual
