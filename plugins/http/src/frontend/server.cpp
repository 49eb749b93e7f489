#include "frontend/server.hpp"

#include <Poco/Exception.h>
#include <Poco/Net/ServerSocket.h>
#include <Poco/Net/SocketAddress.h>

#include <algorithm>

#include "frontend/connection.hpp"
#include "punctual/errors.hpp"

namespace punctual {

namespace {

constexpr int accept_backlog = 1024;

class ConnectionFactory final : public Poco::Net::TCPServerConnectionFactory {
 public:
  explicit ConnectionFactory(Server& server) : server_(server) {}
  Poco::Net::TCPServerConnection* createConnection(const Poco::Net::StreamSocket& socket) override {
    return new Connection(socket, server_);
  }

 private:
  Server& server_;
};

Poco::Net::SocketAddress address_of(const std::string& listen) {
  try {
    return Poco::Net::SocketAddress(listen);
  } catch (const Poco::Exception& problem) {
    throw Error("http.listen: '" + listen + "' is not an address: " + problem.displayText());
  }
}

}  // namespace

void check_address(const std::string& listen) { (void)address_of(listen); }

class AdmissionFilter final : public Poco::Net::TCPServerConnectionFilter {
 public:
  explicit AdmissionFilter(Server& server) : server_(server) {}
  bool accept(const Poco::Net::StreamSocket& socket) override { return server_.admit(socket); }

 private:
  Server& server_;
};

Server::Server(ServerSettings settings, RequestHandler& handler, FrontMetrics& metrics)
    : settings_(std::move(settings)), handler_(handler), metrics_(metrics), doorman_([this] { return relieve(); }) {}

Server::~Server() { stop(milliseconds{0}); }

void Server::start() {
  Poco::Net::ServerSocket socket;
  try {
    const auto address = address_of(settings_.listen);
    if (address.family() == Poco::Net::SocketAddress::IPv6) {
      socket.bind6(address, true, false, false);
    } else {
      socket.bind(address, true, false);
    }
    socket.listen(accept_backlog);
  } catch (const Poco::Exception& problem) {
    throw Error("cannot listen on " + settings_.listen + ": " + problem.displayText());
  }
  // Twice as many as are used: a thread whose connection has ended counts as free a moment before the pool has it back.
  threads_ = std::make_unique<Poco::ThreadPool>("http", 1, settings_.max_threads * 2 + 1);
  Poco::Net::TCPServerParams::Ptr params = new Poco::Net::TCPServerParams;
  params->setMaxThreads(settings_.max_threads);
  // Poco's dispatcher may miss its wake-up when it is stopped, and then waits this long.
  params->setThreadIdleTime(Poco::Timespan(0, 200'000));
  params->setMaxQueued(settings_.max_queued + settings_.max_threads);  // admit() refuses before Poco would drop one
  listener_ = std::make_unique<Poco::Net::TCPServer>(new ConnectionFactory(*this), *threads_, socket, params);
  listener_->setConnectionFilter(new AdmissionFilter(*this));
  listener_->start();
}

std::string Server::address() const { return listener_->socket().address().toString(); }

int Server::waiting() const {
  // What Poco refused (it could not start a thread) never becomes a connection that ends.
  return std::max(admitted_ - listener_->refusedConnections() - settings_.max_threads, 0);
}

bool Server::admit(const Poco::Net::StreamSocket& socket) {
  ++admitted_;
  const int waits = waiting();
  if (stopping_ || waits > settings_.max_queued) {
    --admitted_;
    metrics_.connections_refused.add();
    doorman_.refuse(socket);
    return false;
  }
  if (waits > 0) {
    make_room(waits);
    doorman_.watch();  // for those that cannot be ended yet
  }
  return true;
}

void Server::make_room(int wanted) {
  const auto told = connections_.make_room(static_cast<std::size_t>(wanted));
  if (told > 0) metrics_.idle_connections_ended.add(static_cast<double>(told));
}

bool Server::short_of_threads() const { return waiting() > 0; }

bool Server::relieve() {
  const int waits = waiting();
  if (waits > 0) make_room(waits);
  return waits > 0;
}

ServerLoad Server::load() const {
  const auto counts = connections_.counts();
  return {counts.open - counts.waiting_for_client, static_cast<std::size_t>(waiting()), counts.open};
}

void Server::stop(milliseconds limit) noexcept {
  if (!listener_ || stopping_.exchange(true)) return;
  try {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    connections_.end_idle();
    while (waiting() > 0 && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(milliseconds{5});
    }
    if (!connections_.wait_until_none(deadline)) connections_.break_all();
    // Poco's acceptor looks up four times a second only: this wakes it.
    listener_->socket().impl()->shutdownReceive();
    listener_->stop();
    threads_->joinAll();
    doorman_.stop();
  } catch (const Poco::Exception&) {
    // Joining fails only for a thread that has ended.
  }
}

}  // namespace punctual
