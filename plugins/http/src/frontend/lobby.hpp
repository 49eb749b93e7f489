// Lobby: where connections wait for their clients without a thread each. One thread watches all of them and the listening
// socket (epoll); it gives out those on which something has come, and those whose time is over.
#pragma once

#include <Poco/Net/ServerSocket.h>

#include <atomic>
#include <functional>
#include <list>
#include <mutex>
#include <vector>

#include "frontend/connection.hpp"
#include "punctual/time.hpp"

namespace punctual {

// Called on the lobby's thread; must not wait.
struct LobbyEvents {
  std::function<void(const Poco::Net::StreamSocket&)> arrived;  // a new connection
  std::function<void(ConnectionPtr)> ready;                     // something has come, or the client has ended
  std::function<void(ConnectionPtr)> expired;                   // nothing has, by its deadline
};

class Lobby {
 public:
  // Throws std::system_error.
  Lobby(const Poco::Net::ServerSocket& listener, LobbyEvents events);
  ~Lobby();
  Lobby(const Lobby&) = delete;
  Lobby& operator=(const Lobby&) = delete;

  // The lobby's thread, until stop.
  void run();
  void stop();

  // Any thread. Waits for the client until connection->deadline. One that would be idle while idle ones are ended is ended.
  void park(ConnectionPtr connection);

  // The lobby's thread, in `arrived`. Ends the connection that has been idle the longest, if it has been for a second. False:
  // there is none.
  [[nodiscard]] bool end_longest_idle();

  // Any thread. From now on a connection ends when it is idle; a request that has come by now is still given out.
  void end_idle();

  // After run has returned.
  void end_all();

 private:
  void watch(int descriptor, int operation, std::uint32_t events, void* what);
  void wake();
  void take(Connection& connection, std::vector<ConnectionPtr>& into);
  void accept();
  void expire(SteadyTime now);
  void drop_idle();
  [[nodiscard]] int wait_time(SteadyTime now);

  Poco::Net::ServerSocket listener_;
  LobbyEvents events_;
  int epoll_;
  int wake_;
  std::atomic<bool> stop_{false};
  SteadyTime accept_from_;  // later than now: no descriptor was left for another connection. The lobby's thread alone.

  std::mutex mutex_;                        // guards what follows
  std::list<ConnectionPtr> parked_;         // in the order of their coming
  SteadyTime look_at_ = SteadyTime::max();  // no deadline is before this
  std::atomic<bool> ending_{false};         // set under the lock
};

}  // namespace punctual
