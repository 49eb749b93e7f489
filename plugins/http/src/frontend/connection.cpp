#include "frontend/connection.hpp"

#include "frontend/api_error.hpp"

namespace punctual {

void Connection::run() {
  OpenConnections::Place place(server_.connections(), socket().impl()->sockfd());
  serve(place);
}

void Connection::serve(OpenConnections::Place& place) {
  const int descriptor = socket().impl()->sockfd();
  const TimedSocket wire(descriptor, place);
  const auto peer = IpAddress::from_socket(descriptor);
  RequestReader reader(wire, server_.settings().read);
  for (;;) {
    const auto idle_until = std::chrono::steady_clock::now() + server_.settings().idle_time;
    if (!reader.buffered() && !place.wait_for_request(idle_until)) return;
    if (!serve_one(place, wire, reader, peer)) return;
  }
}

bool Connection::serve_one(OpenConnections::Place& place, const TimedSocket& wire, RequestReader& reader,
                           const IpAddress& peer) {
  const RequestHead* head = nullptr;
  try {
    head = reader.read_head();
  } catch (const ApiError& problem) {
    server_.metrics().malformed.add();
    Answer refusal;
    refusal.status = status_of(problem.code);
    refusal.body = error_body(problem.code, problem.message);
    if (send(wire, refusal, {.close = true}, true)) server_.doorman().see_off(socket());
    return false;
  }
  if (head == nullptr) return false;
  const auto reply = answer(*head, reader, peer);
  const bool close = reply.close || !head->keep_alive || !reader.can_discard() || server_.stopping() ||
                     server_.short_of_threads() || place.told_to_end();
  const ReplyStyle style{.close = close, .keep_alive_10 = !close && head->minor_version == 0};
  if (!send(wire, reply, style, head->method != "HEAD")) return false;
  if (!close && reader.discard_body()) return true;
  // A client that asked for the end, and has sent nothing behind its request, ends by itself.
  if (head->keep_alive || reader.buffered() || !reader.can_discard()) server_.doorman().see_off(socket());
  return false;
}

Answer Connection::answer(const RequestHead& head, RequestReader& reader, const IpAddress& peer) {
  if (!server_.stopping()) return server_.handler().handle({head, reader, peer});
  Answer refusal;
  refusal.status = status_of(ErrorCode::service_unavailable);
  refusal.body = error_body(ErrorCode::service_unavailable, "The server is shutting down");
  refusal.headers.emplace_back("Retry-After", "1");
  return refusal;
}

bool Connection::send(const TimedSocket& wire, const Answer& reply, ReplyStyle style, bool with_body) {
  const auto deadline = std::chrono::steady_clock::now() + server_.settings().read.body_time;
  return wire.send(reply_head(reply, style), with_body ? std::string_view(reply.body) : std::string_view{}, deadline);
}

}  // namespace punctual
