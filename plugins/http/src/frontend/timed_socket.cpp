#include "frontend/timed_socket.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace punctual {

std::optional<std::size_t> TimedSocket::receive(char* buffer, std::size_t size,
                                                std::optional<SteadyTime> deadline) const {
  for (;;) {
    const auto got = ::recv(descriptor_, buffer, size, MSG_DONTWAIT);
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) return 0;
    if (!deadline || !waiter_.wait(descriptor_, POLLIN, *deadline)) return std::nullopt;
  }
}

bool TimedSocket::send(std::string_view first, std::string_view second, SteadyTime deadline) const {
  while (!first.empty() || !second.empty()) {
    std::array<iovec, 2> parts{iovec{const_cast<char*>(first.data()), first.size()},
                               iovec{const_cast<char*>(second.data()), second.size()}};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    const auto sent = ::sendmsg(descriptor_, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) return false;
      if (!waiter_.wait(descriptor_, POLLOUT, deadline)) return false;
      continue;
    }
    const auto of_first = std::min(first.size(), static_cast<std::size_t>(sent));
    first.remove_prefix(of_first);
    second.remove_prefix(static_cast<std::size_t>(sent) - of_first);
  }
  return true;
}

}  // namespace punctual
