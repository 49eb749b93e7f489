// A small HTTP/1.1 client for tests: sends exactly the bytes it is given and reads replies strictly. Blocking, one thread a
// connection. What goes wrong is thrown as std::runtime_error.
#pragma once

#include <boost/json.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace punctual::testing {

using HeaderList = std::vector<std::pair<std::string, std::string>>;

struct HttpReply {
  int status = 0;
  HeaderList headers;
  std::string body;

  // The first of this name, compared without case; nullopt: none.
  [[nodiscard]] std::optional<std::string> header(std::string_view name) const;
  [[nodiscard]] boost::json::value json() const;  // of the body
  // error.code, error.message and error.details[field][0] of an error reply; "" where there is none.
  [[nodiscard]] std::string error_code() const;
  [[nodiscard]] std::string error_message() const;
  [[nodiscard]] std::string detail(std::string_view field) const;
};

class HttpConnection {
 public:
  // `address`: "127.0.0.1:8080" or "[::1]:8080". No single wait lasts longer than `patience`.
  explicit HttpConnection(const std::string& address, std::chrono::milliseconds patience = std::chrono::seconds{10});
  ~HttpConnection();
  HttpConnection(HttpConnection&& other) noexcept;
  HttpConnection& operator=(HttpConnection&&) = delete;

  void send(std::string_view bytes);
  void end_sending();

  // The next reply. `to_head`: its body was not sent. 100 Continue is a reply of its own.
  [[nodiscard]] HttpReply read(bool to_head = false);
  // Sends a request with Host and, when there is a body or the method usually has one, Content-Length; reads the reply.
  HttpReply request(std::string_view method, std::string_view target, const HeaderList& headers = {},
                    std::string_view body = {});

  // True when the server ends the connection within `limit` without another byte.
  [[nodiscard]] bool ends_within(std::chrono::milliseconds limit);
  // True when there is something to read, or the end, within `limit`.
  [[nodiscard]] bool readable_within(std::chrono::milliseconds limit) const;

 private:
  [[nodiscard]] bool fill();  // false: the server has ended

  int descriptor_ = -1;
  std::chrono::milliseconds patience_;
  std::string received_;
};

// Text of a request as HttpConnection::request sends it.
[[nodiscard]] std::string request_text(std::string_view method, std::string_view target, const HeaderList& headers,
                                       std::string_view body);

// One server and one API key. Each request has a connection of its own.
class HttpClient {
 public:
  explicit HttpClient(std::string address, std::string api_key = {})
      : address_(std::move(address)), api_key_(std::move(api_key)) {}

  HttpReply request(std::string_view method, std::string_view target, std::string_view body = {},
                    HeaderList headers = {}) const;
  HttpReply get(std::string_view target, HeaderList headers = {}) const { return request("GET", target, {}, headers); }
  HttpReply post(std::string_view target, std::string_view body, HeaderList headers = {}) const {
    return request("POST", target, body, headers);
  }

  [[nodiscard]] const std::string& address() const { return address_; }
  [[nodiscard]] HttpConnection connect() const { return HttpConnection(address_); }
  [[nodiscard]] HeaderList authorization() const { return {{"Authorization", "Bearer " + api_key_}}; }

 private:
  std::string address_;
  std::string api_key_;
};

}  // namespace punctual::testing
