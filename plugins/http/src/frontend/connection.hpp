// Connection: one client's connection, from accept to its end. It belongs to whoever holds it: the lobby while it waits for
// its client, the request queue while a request of it waits for a thread, that thread while the request is served.
#pragma once

#include <Poco/Net/StreamSocket.h>

#include <condition_variable>
#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <string>

#include "frontend/client_address.hpp"
#include "frontend/steady_time.hpp"

namespace punctual {

// How many connections there are. Any thread.
class ConnectionCount {
 public:
  void add();
  void remove();
  [[nodiscard]] std::size_t get() const;
  // False: there were some left at the deadline.
  [[nodiscard]] bool wait_until_none(SteadyTime deadline) const;

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable none_left_;
  std::size_t count_ = 0;
};

struct Connection {
  // `count` outlives it.
  Connection(const Poco::Net::StreamSocket& accepted, ConnectionCount& count)
      : socket(accepted), peer(IpAddress::from_socket(descriptor())), count_(count) {
    count_.add();
  }
  ~Connection() { count_.remove(); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  [[nodiscard]] int descriptor() const { return socket.impl()->sockfd(); }

  Poco::Net::StreamSocket socket;
  IpAddress peer;

  enum class Awaits : unsigned char {
    request,       // the first byte of one: idle
    rest_of_head,  // its beginning is in `early`
    rest_of_body,  // of a request that has been answered: to be dropped
  };
  Awaits awaits = Awaits::request;
  SteadyTime deadline;          // for what it awaits
  SteadyTime since;             // when it came into the lobby or the queue
  std::string early;            // bytes of the next request that have come
  std::size_t unread_body = 0;  // bytes that come before the next request
  // For the lobby: where it is there, and whether the kernel knows it.
  std::list<std::unique_ptr<Connection>>::iterator place;
  bool watched = false;

 private:
  ConnectionCount& count_;
};

using ConnectionPtr = std::unique_ptr<Connection>;

}  // namespace punctual
