#include "transport/response.hpp"

using namespace punctual;

namespace {

void take(Response& response, std::initializer_list<std::string_view> lines) {
  for (const auto line : lines) response.take_header_line(line);
}

// h0 to h39.
void take_many_headers(Response& response) {
  for (int i = 0; i < 40; ++i) {
    std::string line("h");
    line.append(std::to_string(i)).append(": v\r\n");
    response.take_header_line(line);
  }
}

DeliveryOutcome outcome_of(Response& response) {
  DeliveryOutcome out;
  response.move_into(out);
  return out;
}

}  // namespace

TEST_CASE("of interim responses nothing is kept") {
  Response response(100);
  take(response, {"HTTP/1.1 103 Early Hints\r\n", "Link: a\r\n", "\r\n", "HTTP/1.1 200 OK\r\n", "A: b\r\n", "\r\n"});
  const auto outcome = outcome_of(response);
  CHECK(outcome.status_code == 200);
  CHECK(outcome.headers == Headers{{"A", "b"}});
}

TEST_CASE("trailers are not headers") {
  Response response(100);
  take(response, {"HTTP/1.1 200 OK\r\n", "A: b\r\n", "\r\n", "Digest: c\r\n", "\r\n"});
  CHECK(outcome_of(response).headers.size() == 1);
}

TEST_CASE("the first 32 headers are kept") {
  Response response(100);
  take(response, {"HTTP/2 200\r\n"});
  take_many_headers(response);
  const auto outcome = outcome_of(response);
  CHECK(outcome.headers.size() == 32);
  CHECK(outcome.headers.back().first == "h31");
}

TEST_CASE("Retry-After is kept wherever it stands") {
  Response response(100);
  take(response, {"HTTP/2 503\r\n"});
  take_many_headers(response);
  take(response, {"retry-after: 7\r\n"});
  const auto outcome = outcome_of(response);
  CHECK(outcome.headers.size() == 32);
  CHECK(outcome.headers.back() == std::pair<std::string, std::string>("retry-after", "7"));
}

TEST_CASE("kept headers are bounded in bytes") {
  Response response(100);
  take(response, {"HTTP/1.1 200 OK\r\n"});
  for (int i = 0; i < 20; ++i) response.take_header_line("h: " + std::string(2000, 'x') + "\r\n");
  std::size_t size = 0;
  for (const auto& [name, value] : outcome_of(response).headers) size += name.size() + value.size();
  CHECK(size <= Response::max_header_bytes);
}

TEST_CASE("a body of exactly the limit is whole, one more byte is cut") {
  Response response(4);
  CHECK(response.take_body("ab"));
  CHECK(response.take_body("cd"));
  CHECK_FALSE(outcome_of(response).body_truncated);
  Response longer(4);
  CHECK(longer.take_body("abcde"));
  const auto outcome = outcome_of(longer);
  CHECK(outcome.body == "abcd");
  CHECK(outcome.body_truncated);
}

TEST_CASE("reading goes on past the limit, but not for ever") {
  Response response(4);
  const std::string block(1024 * 1024, 'x');
  int blocks = 0;
  while (response.take_body(block)) ++blocks;
  CHECK(blocks == 10);
  CHECK(response.gave_up_reading());
}
