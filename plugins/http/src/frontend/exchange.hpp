// Exchange: one request and its reply. A thread has one and uses it for one connection after the other.
#pragma once

#include "frontend/answer.hpp"
#include "frontend/client_waits.hpp"
#include "frontend/connection.hpp"
#include "frontend/request_reader.hpp"
#include "frontend/timed_socket.hpp"

namespace punctual {

struct IncomingRequest {
  const RequestHead& head;
  RequestReader& reader;  // for the body
  const IpAddress& peer;
};

// Answers requests. Called from every thread of the server at once.
class RequestHandler {
 public:
  [[nodiscard]] virtual Answer handle(const IncomingRequest& request) noexcept = 0;
  // For a request that has waited too long: without waiting or costing much.
  [[nodiscard]] virtual Answer refuse(const IncomingRequest& request) noexcept = 0;

 protected:
  ~RequestHandler() = default;
};

class Server;

class Exchange {
 public:
  explicit Exchange(Server& server);

  enum class Manner : unsigned char { serve, refuse };
  // Takes the next request off the connection, where it has come whole enough, and answers it. The connection goes back to the
  // lobby or the queue, to the doorman, or ends.
  void run(ConnectionPtr connection, Manner manner) noexcept;

 private:
  enum class Next : unsigned char { wait, go_on, see_off, end };

  void pass_on(ConnectionPtr connection);
  [[nodiscard]] Next serve(Connection& connection, const TimedSocket& wire);
  [[nodiscard]] Answer answer(const IncomingRequest& request);
  [[nodiscard]] Next drop_body(Connection& connection, std::size_t bytes);
  [[nodiscard]] bool send(const TimedSocket& wire, const Answer& answer, ReplyStyle style, bool with_body);

  Server& server_;
  ClientWaits::Waiter waiter_;
  RequestReader reader_;
  Manner manner_ = Manner::serve;
};

}  // namespace punctual
