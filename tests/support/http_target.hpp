// An HTTP/1.1 server on 127.0.0.1 for tests: records every request and answers as it was told, thousands at a time in one
// thread. Every function may be called from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "punctual/model.hpp"
#include "punctual/time.hpp"

namespace punctual::testing {

struct TargetRequest {
  std::string method;
  std::string path;              // without the query
  std::string query;             // what follows '?'
  Headers headers;               // in the order sent
  std::string body;              // without chunking
  Time arrived_at;               // when it was complete
  std::uint64_t connection = 0;  // 1 for the first accepted

  // Of the first header with this name in any case; nullopt: none.
  [[nodiscard]] std::optional<std::string> header(std::string_view name) const;
  // Of "a=1&b=2"; nothing is decoded.
  [[nodiscard]] std::optional<std::string> parameter(std::string_view name) const;
};

struct TargetAnswer {
  enum class Shape : std::uint8_t {
    complete,   // with Content-Length
    chunked,    // the body in two chunks
    slow,       // with Content-Length, then one byte of the body every `interval`
    endless,    // the body again and again until the client goes
    cut_short,  // half of the announced body, then the connection closes
    raw,        // `body` is all that is sent, then the connection closes
    close,      // the connection closes without an answer
    never,      // nothing, and the connection stays open
  };

  int status = 200;
  std::string body = "ok";
  Headers headers = {};
  milliseconds delay{0};  // before anything is sent or closed
  Shape shape = Shape::complete;
  milliseconds interval{10};
};

// Called on the server's thread: must not block.
using TargetBehaviour = std::function<TargetAnswer(const TargetRequest&)>;

// The first `count` requests get `failure`, the others `then`.
[[nodiscard]] TargetBehaviour fail_first(int count, TargetAnswer failure = {.status = 503}, TargetAnswer then = {});

// What paths answer that were told nothing: status and delay from ?status=…&delay_ms=…, else 200 at once.
[[nodiscard]] TargetAnswer answer_by_query(const TargetRequest& request);

class HttpTarget {
 public:
  // Listens when it returns. Raises the process's soft limit of open files to the hard one. Port 0: a free one.
  explicit HttpTarget(std::uint16_t port = 0);
  ~HttpTarget();
  HttpTarget(const HttpTarget&) = delete;
  HttpTarget& operator=(const HttpTarget&) = delete;

  [[nodiscard]] std::uint16_t port() const noexcept;
  // "http://127.0.0.1:<port><path>"
  [[nodiscard]] std::string url(std::string_view path = "/") const;

  // For all later requests to `path`.
  void answer(const std::string& path, TargetAnswer answer);
  void answer(const std::string& path, TargetBehaviour behaviour);

  // False: from now on only counts requests, which takes no memory.
  void keep_requests(bool keep);
  // In the order of arrival.
  [[nodiscard]] std::vector<TargetRequest> requests() const;
  [[nodiscard]] std::vector<TargetRequest> requests(std::string_view path) const;
  [[nodiscard]] std::size_t request_count() const;
  // True as soon as `count` requests have arrived in all, false when they have not after `timeout`.
  [[nodiscard]] bool wait_for(std::size_t count, milliseconds timeout = seconds{10}) const;
  // Connections that neither end has closed.
  [[nodiscard]] std::size_t open_connection_count() const;
  // Connections accepted in all; the most requests that were waiting for their delay together.
  [[nodiscard]] std::size_t connection_count() const;
  [[nodiscard]] std::size_t most_waiting() const;

 private:
  class Server;
  std::unique_ptr<Server> server_;
};

}  // namespace punctual::testing
