// What is not HTTP, or ends too early, or comes too slowly.
#include <catch2/catch.hpp>

#include "support/running_frontend.hpp"

using namespace punctual;
using namespace punctual::testing;

namespace {

const std::string host = "Host: x\r\n";

void check_400(const RunningFrontend& server, const std::string& bytes) {
  INFO(bytes.substr(0, 200));
  auto connection = server.connect();
  connection.send(bytes);
  const auto reply = connection.read();
  CHECK(reply.status == 400);
  CHECK(reply.error_code() == "bad_request");
  CHECK(reply.header("Connection") == "close");
  CHECK(connection.ends_within(seconds{5}));
}

std::string signed_head(const std::string& line, const std::string& fields) {
  return line + " HTTP/1.1\r\n" + host + "Authorization: Bearer " + std::string(first_key) + "\r\n" + fields + "\r\n";
}

}  // namespace

TEST_CASE("a malformed head is 400 in the error shape, then the connection ends") {
  RunningFrontend server;
  for (const std::string& bytes : {
           std::string("nonsense\r\n\r\n"),
           std::string("GET\r\n\r\n"),
           std::string("GET /health\r\n\r\n"),
           std::string("GET  HTTP/1.1\r\n\r\n"),
           "GET /health HTTP/2.0\r\n" + host + "\r\n",
           "GET /health HTTP/1.1x\r\n" + host + "\r\n",
           "G(T /health HTTP/1.1\r\n" + host + "\r\n",
           "GET health HTTP/1.1\r\n" + host + "\r\n",
           "GET ftp://x/ HTTP/1.1\r\n" + host + "\r\n",
           "GET /he alth HTTP/1.1\r\n" + host + "\r\n",
           "GET /h\x01 HTTP/1.1\r\n" + host + "\r\n",
           std::string("GET /health HTTP/1.1\r\n\r\n"),
           "GET /health HTTP/1.1\r\n" + host + host + "\r\n",
           "GET /health HTTP/1.1\r\n" + host + "no colon\r\n\r\n",
           "GET /health HTTP/1.1\r\n" + host + "Name : value\r\n\r\n",
           "GET /health HTTP/1.1\r\n" + host + ": value\r\n\r\n",
           "GET /health HTTP/1.1\r\n" + host + "A: b\r\n folded\r\n\r\n",
           "GET /health HTTP/1.1\r\n" + host + "A: b\x01\r\n\r\n",
           "GET /health HTTP/1.1\r\n" + host + "A: b\rC: d\r\n\r\n",
           "POST /api/v1/tasks HTTP/1.1\r\n" + host + "Content-Length: x\r\n\r\n",
           "POST /api/v1/tasks HTTP/1.1\r\n" + host + "Content-Length: -1\r\n\r\n",
           "POST /api/v1/tasks HTTP/1.1\r\n" + host + "Content-Length: 1, 1\r\n\r\n",
           "POST /api/v1/tasks HTTP/1.1\r\n" + host + "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx",
           "POST /api/v1/tasks HTTP/1.1\r\n" + host + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
           "POST /api/v1/tasks HTTP/1.1\r\n" + host + "Transfer-Encoding: gzip, chunked\r\n\r\n",
           "POST /api/v1/tasks HTTP/1.0\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n",
       }) {
    check_400(server, bytes);
  }
  CHECK(server.host.metrics().count("punctual_http_malformed_requests_total") == 26);
}

TEST_CASE("a head that is too large is 400") {
  RunningFrontend server;
  check_400(server, "GET /" + std::string(70000, 'a') + " HTTP/1.1\r\n" + host + "\r\n");
  check_400(server, "GET /health HTTP/1.1\r\n" + host + "A: " + std::string(70000, 'a') + "\r\n\r\n");
  std::string fields;
  for (int i = 0; i < 130; ++i) fields += "A: b\r\n";
  check_400(server, "GET /health HTTP/1.1\r\n" + host + fields + "\r\n");
}

TEST_CASE("a head without an end is 400 once it is too large") {
  RunningFrontend server;
  auto connection = server.connect();
  connection.send("GET /health HTTP/1.1\r\nA: ");
  connection.send(std::string(90000, 'a'));
  CHECK(connection.read().status == 400);
}

TEST_CASE("a broken chunk is 400 and nothing behind it is taken for a request") {
  RunningFrontend server;
  for (const std::string chunks :
       {"zz\r\nxx\r\n0\r\n\r\n", "\r\n0\r\n\r\n", "-1\r\n", "5\r\nabcdefgh\r\n0\r\n\r\n", "5 6\r\nabcde\r\n0\r\n\r\n",
        "fffffffffffffffff\r\n", "1;a=\r\n", "0x5\r\nabcde\r\n0\r\n\r\n"}) {
    const auto bytes = signed_head("POST /api/v1/tasks", "Transfer-Encoding: chunked\r\n") + chunks +
                       "GET /health HTTP/1.1\r\n" + host + "\r\n";
    check_400(server, bytes);
  }
  CHECK(server.engine.task_count() == 0);
}

TEST_CASE("a client that ends in the middle of a head gets 400") {
  RunningFrontend server;
  auto connection = server.connect();
  connection.send("GET /health HTTP/1.1\r\nHo");
  connection.end_sending();
  CHECK(connection.read().status == 400);
}

TEST_CASE("a client that ends in the middle of a body gets 400") {
  RunningFrontend server;
  auto connection = server.connect();
  connection.send(signed_head("POST /api/v1/tasks", "Content-Length: 100\r\n") + "{\"url\":");
  connection.end_sending();
  CHECK(connection.read().status == 400);
  CHECK(server.engine.task_count() == 0);
}

TEST_CASE("a client that ends before a request gets no reply") {
  RunningFrontend server;
  auto connection = server.connect();
  connection.end_sending();
  CHECK(connection.ends_within(seconds{5}));
  CHECK(server.host.metrics().count("punctual_http_malformed_requests_total") == 0);
}

TEST_CASE("a client that ends its side after its request still gets the reply") {
  RunningFrontend server;
  auto connection = server.connect();
  connection.send("GET /health HTTP/1.1\r\n" + host + "\r\n");
  connection.end_sending();
  CHECK(connection.read().status == 200);
}

TEST_CASE("a head that comes too slowly is 400, and the connection ends") {
  RunningFrontend server({{"http.header_timeout", "150ms"}});
  auto connection = server.connect();
  connection.send("GET /health HTTP/1.1\r\n");
  for (int i = 0; i < 50 && !connection.readable_within(milliseconds{20}); ++i) connection.send("A: b\r\n");
  const auto reply = connection.read();
  CHECK(reply.status == 400);
  CHECK(reply.error_code() == "bad_request");
  CHECK(reply.header("Connection") == "close");
}

TEST_CASE("a body that comes too slowly is 400, and the connection ends") {
  RunningFrontend server({{"http.body_timeout", "150ms"}});
  auto connection = server.connect();
  connection.send(signed_head("POST /api/v1/tasks", "Content-Length: 1000\r\n"));
  for (int i = 0; i < 50 && !connection.readable_within(milliseconds{20}); ++i) connection.send(" ");
  const auto reply = connection.read();
  CHECK(reply.status == 400);
  CHECK(reply.error_code() == "bad_request");
  CHECK(reply.error_message() == "Request was not received in time");
  CHECK(reply.header("Connection") == "close");
}

TEST_CASE("empty lines before a request and bare line feeds are taken") {
  RunningFrontend server;
  auto connection = server.connect();
  connection.send("\r\n\r\nGET /health HTTP/1.1\nHost: x\n\n");
  CHECK(connection.read().status == 200);
  connection.send("\r\n");
  CHECK(connection.request("GET", "/health").status == 200);
}

TEST_CASE("a request may come byte by byte") {
  RunningFrontend server;
  auto connection = server.connect();
  for (const char byte :
       signed_head("POST /api/v1/tasks", "Content-Length: 29\r\n") + R"({"url":"https://example.com"})") {
    connection.send(std::string(1, byte));
  }
  CHECK(connection.read().status == 202);
}
