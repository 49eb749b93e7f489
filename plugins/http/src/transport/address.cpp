#include "transport/address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstring>

namespace punctual {

std::optional<Address> Address::parse(std::string_view text) {
  const std::string terminated(text);
  // A NUL inside would end the text early for inet_pton.
  if (std::strlen(terminated.c_str()) != text.size()) return std::nullopt;
  V4 v4;
  if (inet_pton(AF_INET, terminated.c_str(), v4.data()) == 1) return Address(v4);
  V6 v6;
  if (inet_pton(AF_INET6, terminated.c_str(), v6.data()) == 1) return Address(v6);
  return std::nullopt;
}

std::optional<Address> Address::from(const sockaddr& socket_address) {
  if (socket_address.sa_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, &socket_address, sizeof in);
    V4 bytes;
    std::memcpy(bytes.data(), &in.sin_addr, bytes.size());
    return Address(bytes);
  }
  if (socket_address.sa_family == AF_INET6) {
    sockaddr_in6 in{};
    std::memcpy(&in, &socket_address, sizeof in);
    V6 bytes;
    std::memcpy(bytes.data(), &in.sin6_addr, bytes.size());
    return Address(bytes);
  }
  return std::nullopt;
}

std::string Address::text() const {
  char out[INET6_ADDRSTRLEN];
  inet_ntop(v4_ ? AF_INET : AF_INET6, bytes_.data(), out, sizeof out);
  return out;
}

}  // namespace punctual
