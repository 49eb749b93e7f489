// Connection: one kept-alive HTTP/1.1 client connection, non-blocking, one request at a time. For one thread.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace punctual::bench {

// A reply has only its status kept, its body is passed over.
struct Reply {
  int status = 0;
  bool retry_after = false;  // it carries the header
};

class Connection {
 public:
  enum class State { closed, connecting, idle, busy };

  explicit Connection(const sockaddr_in& server) : server_(server) {}
  ~Connection() { close(); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Begins to connect; the descriptor becomes writable when it is decided. False: it failed at once.
  [[nodiscard]] bool open();
  // After the descriptor of a connecting one became writable. False: refused.
  [[nodiscard]] bool finish_opening();
  // Only when idle. False: the connection is gone.
  [[nodiscard]] bool send(std::string_view request);
  // Goes on sending what the socket had no room for. False: the connection is gone.
  [[nodiscard]] bool flush();
  [[nodiscard]] bool unsent() const { return !unsent_.empty(); }

  enum class Read { more, replied, gone };
  // Reads what is there. After `replied`, reply() is it, and the connection is idle, or closed if the server ends it.
  [[nodiscard]] Read read();
  [[nodiscard]] const Reply& reply() const { return reply_; }

  void close();
  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] int descriptor() const { return descriptor_; }

 private:
  [[nodiscard]] Read take(std::string_view bytes);
  [[nodiscard]] bool read_head(std::string_view head);

  sockaddr_in server_;
  int descriptor_ = -1;
  State state_ = State::closed;
  std::string unsent_;
  std::string head_;  // of a reply that has come in part
  std::uint64_t body_left_ = 0;
  bool in_body_ = false;
  bool last_ = false;  // the server closes after this reply
  Reply reply_;
};

// The value of a header in the lines of `head`, in any case of its name; nullopt when it has none. `name` is in lower case.
[[nodiscard]] std::optional<std::string_view> header_value(std::string_view head, std::string_view name);

}  // namespace punctual::bench
