// Doorman: one thread that deals with connections for which no other thread should wait. It turns clients away that
// cannot be served, and it sees off connections that end: reads and drops what the client still sends until the client ends, because
// a socket closed with unread bytes is reset and its last reply may be lost (RFC 9112, 9.6).
#pragma once

#include <Poco/Net/StreamSocket.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <string_view>
#include <thread>
#include <vector>

namespace punctual {

class Doorman {
 public:
  Doorman();  // throws std::system_error
  ~Doorman();

  // Ends the thread; what it holds is closed. Once; afterwards the functions below do nothing of use.
  void stop();

  // Any thread. The reply has been sent: nothing more is.
  void see_off(const Poco::Net::StreamSocket& socket);
  // Any thread. Answers without reading the request, as far as the socket takes the text at once.
  void turn_away(const Poco::Net::StreamSocket& socket, std::string_view reply);

 private:
  struct Guest {
    Poco::Net::StreamSocket socket;
    std::chrono::steady_clock::time_point deadline;
    std::size_t bytes_left = 0;
  };

  void run();
  void take_arrivals();
  void wake();
  void drop_finished(const std::vector<bool>& readable);
  [[nodiscard]] int wait_time() const;

  int wake_;
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::vector<Guest> arrivals_;  // guarded by mutex_
  std::vector<Guest> guests_;    // the doorman's thread alone
  std::thread thread_;
};

}  // namespace punctual
