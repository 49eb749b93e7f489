#include "frontend/server.hpp"

#include <Poco/Exception.h>
#include <Poco/Net/ServerSocket.h>
#include <Poco/Net/SocketAddress.h>

#include <algorithm>

#include "frontend/answer.hpp"
#include "frontend/api_error.hpp"
#include "punctual/errors.hpp"

namespace punctual {

namespace {

constexpr int accept_backlog = 1024;

Poco::Net::SocketAddress address_of(const std::string& listen) {
  try {
    return Poco::Net::SocketAddress(listen);
  } catch (const Poco::Exception& problem) {
    throw Error("http.listen: '" + listen + "' is not an address: " + problem.displayText());
  }
}

Poco::Net::ServerSocket listen_at(const std::string& listen) {
  const auto address = address_of(listen);
  try {
    Poco::Net::ServerSocket socket;
    if (address.family() == Poco::Net::SocketAddress::IPv6) {
      socket.bind6(address, true, false, false);
    } else {
      socket.bind(address, true, false);
    }
    socket.listen(accept_backlog);
    return socket;
  } catch (const Poco::Exception& problem) {
    throw Error("cannot listen on " + listen + ": " + problem.displayText());
  }
}

// For a client whose request is not read.
std::string last_reply(const Answer& answer) { return reply_head(answer, {.close = true}) + answer.body; }

}  // namespace

void check_address(const std::string& listen) { (void)address_of(listen); }

Server::Server(ServerSettings settings, RequestHandler& handler, FrontMetrics& metrics)
    : settings_(std::move(settings)),
      handler_(handler),
      metrics_(metrics),
      queue_(settings_.max_queue_time),
      watching_([this] { lobby_->run(); }),
      serving_([this] { serve_requests(); }),
      refusing_([this] { refuse_overdue(); }) {}

Server::~Server() { stop(milliseconds{0}); }

void Server::start() {
  auto listener = listen_at(settings_.listen);
  address_ = listener.address().toString();
  lobby_ = std::make_unique<Lobby>(
      std::move(listener),
      LobbyEvents{.arrived = [this](const auto& socket) { admit(socket); },
                  .ready = [this](ConnectionPtr connection) { enqueue(std::move(connection)); },
                  .expired = [this](ConnectionPtr connection) { end_late(std::move(connection)); }});
  threads_.emplace("http", 3, settings_.max_threads + 2);
  threads_->start(watching_);
  threads_->start(refusing_);
  hire();
}

void Server::admit(const Poco::Net::StreamSocket& socket) {
  bool full = connections_.get() >= settings_.max_connections;
  if (full && !stopping_ && lobby_->end_longest_idle()) {
    metrics_.idle_connections_ended.add();
    full = false;
  }
  if (full || stopping_) {
    metrics_.connections_refused.add();
    const auto why = stopping_ ? stopping_message : "The server is busy, try again later";
    return doorman_.turn_away(socket, last_reply(unavailable_answer(why)));
  }
  auto connection = std::make_unique<Connection>(socket, connections_);
  connection->deadline = std::chrono::steady_clock::now() + settings_.idle_time;
  lobby_->park(std::move(connection));
}

void Server::end_late(ConnectionPtr connection) {
  if (connection->awaits != Connection::Awaits::rest_of_head) return;
  metrics_.malformed.add();
  doorman_.turn_away(connection->socket,
                     last_reply(error_answer(ErrorCode::bad_request, "Request was not received in time")));
}

void Server::enqueue(ConnectionPtr connection) {
  if (queue_.push(std::move(connection))) hire();
}

void Server::hire() {
  if (threads_hired_ >= settings_.max_threads) return;
  const std::lock_guard lock(hiring_);
  if (hiring_over_ || threads_hired_ >= settings_.max_threads) return;
  try {
    threads_->start(serving_);
    ++threads_hired_;
  } catch (const Poco::Exception&) {
    // The system has no thread left: those that are there go on.
  }
}

void Server::serve_requests() {
  Exchange exchange(*this);
  for (auto taken = queue_.take(); taken.connection; taken = queue_.take()) {
    ++threads_serving_;
    exchange.run(std::move(taken.connection), taken.overdue ? Exchange::Manner::refuse : Exchange::Manner::serve);
    --threads_serving_;
  }
}

// While every thread waits for a commit, or for a client.
void Server::refuse_overdue() {
  Exchange exchange(*this);
  while (auto connection = queue_.take_overdue()) {
    client_waits_.cut(queue_.size() + 1);
    exchange.run(std::move(connection), Exchange::Manner::refuse);
  }
}

ServerLoad Server::load() const {
  const auto serving = static_cast<std::size_t>(std::max(threads_serving_.load(), 0));
  const auto waiting = client_waits_.count();
  return {.threads = static_cast<std::size_t>(threads_hired_.load()),
          .threads_busy = serving - std::min(waiting, serving),
          .requests_queued = queue_.size(),
          .connections_open = connections_.get()};
}

void Server::stop(milliseconds limit) noexcept {
  if (!lobby_ || stopping_.exchange(true)) return;
  const auto deadline = std::chrono::steady_clock::now() + limit;
  lobby_->end_idle();
  if (!connections_.wait_until_none(deadline)) client_waits_.cut_all();
  lobby_->stop();
  queue_.close();
  {
    // The pool must not be asked for a thread while it is joined.
    const std::lock_guard lock(hiring_);
    hiring_over_ = true;
  }
  threads_->joinAll();
  lobby_->end_all();
  doorman_.stop();
}

}  // namespace punctual
