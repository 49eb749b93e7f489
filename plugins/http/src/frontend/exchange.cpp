#include "frontend/exchange.hpp"

#include "frontend/api_error.hpp"
#include "frontend/server.hpp"

namespace punctual {

Exchange::Exchange(Server& server) : server_(server), waiter_(server.client_waits()), reader_(server.settings().read) {}

void Exchange::run(ConnectionPtr connection, Manner manner) noexcept {
  manner_ = manner;
  try {
    pass_on(std::move(connection));
  } catch (const std::exception&) {
    // No memory for it: the connection has ended.
  }
}

void Exchange::pass_on(ConnectionPtr connection) {
  waiter_.begin_exchange();
  const TimedSocket wire(connection->descriptor(), waiter_);
  reader_.attach(wire, connection->early);
  const auto next = serve(*connection, wire);
  connection->early.assign(reader_.early());
  if (connection->early.empty()) connection->early.shrink_to_fit();
  switch (next) {
    case Next::wait:
      server_.lobby().park(std::move(connection));
      break;
    case Next::go_on:
      server_.enqueue(std::move(connection));
      break;
    case Next::see_off:
      server_.doorman().see_off(connection->socket);
      break;
    case Next::end:
      break;
  }
}

Exchange::Next Exchange::serve(Connection& connection, const TimedSocket& wire) {
  using Awaits = Connection::Awaits;
  const auto& read = server_.settings().read;
  if (connection.awaits == Awaits::rest_of_body) {
    const auto next = drop_body(connection, connection.unread_body);
    if (next != Next::go_on) return next;
  }
  auto came = RequestReader::Head::ended;
  try {
    came = reader_.take_head();
  } catch (const ApiError& problem) {
    server_.metrics().malformed.add();
    return send(wire, error_answer(problem.code, problem.message), {.close = true}, true) ? Next::see_off : Next::end;
  }
  if (came == RequestReader::Head::ended) return Next::end;
  if (came == RequestReader::Head::incomplete) {
    const auto now = std::chrono::steady_clock::now();
    const auto awaits = reader_.early().empty() ? Awaits::request : Awaits::rest_of_head;
    if (awaits == Awaits::request || connection.awaits != awaits) {
      connection.deadline = now + (awaits == Awaits::request ? server_.settings().idle_time : read.header_time);
    }
    connection.awaits = awaits;
    return Next::wait;
  }
  const auto& head = reader_.head();
  const auto reply = answer({head, reader_, connection.peer});
  const bool close = reply.close || !head.keep_alive || !reader_.can_discard() || server_.stopping();
  const ReplyStyle style{.close = close, .keep_alive_10 = !close && head.minor_version == 0};
  if (!send(wire, reply, style, head.method != "HEAD")) return Next::end;
  if (!close) return drop_body(connection, reader_.unread_body());
  // A client that asked for the end, and has sent nothing behind its request, ends by itself.
  return head.keep_alive || !reader_.early().empty() || !reader_.can_discard() ? Next::see_off : Next::end;
}

Exchange::Next Exchange::drop_body(Connection& connection, std::size_t bytes) {
  using Awaits = Connection::Awaits;
  const auto now = std::chrono::steady_clock::now();
  const auto left = reader_.drop(bytes);
  if (!left) return Next::end;
  if (*left > 0) {
    if (connection.awaits != Awaits::rest_of_body) connection.deadline = now + server_.settings().read.body_time;
    connection.awaits = Awaits::rest_of_body;
    connection.unread_body = *left;
    return Next::wait;
  }
  connection.awaits = Awaits::request;
  connection.deadline = now + server_.settings().idle_time;
  return reader_.early().empty() ? Next::wait : Next::go_on;
}

Answer Exchange::answer(const IncomingRequest& request) {
  if (server_.stopping()) return unavailable_answer(Server::stopping_message);
  return manner_ == Manner::serve ? server_.handler().handle(request) : server_.handler().refuse(request);
}

bool Exchange::send(const TimedSocket& wire, const Answer& reply, ReplyStyle style, bool with_body) {
  // Whoever refuses waits for no client.
  const auto patience = manner_ == Manner::serve ? server_.settings().read.body_time : milliseconds{0};
  const auto deadline = std::chrono::steady_clock::now() + patience;
  return wire.send(reply_head(reply, style), with_body ? std::string_view(reply.body) : std::string_view{}, deadline);
}

}  // namespace punctual
