// An HTTPS server on localhost with a certificate of its own, for tests: answers every request with 200, one connection
// after another.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace punctual::testing {

class TlsServer {
 public:
  // `name`: what the certificate is for.
  explicit TlsServer(const std::string& name = "localhost");
  ~TlsServer();
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;

  [[nodiscard]] std::uint16_t port() const;
  // A file with the certificate, which signs itself. Lives as long as the server.
  [[nodiscard]] const std::string& certificate_file() const;

 private:
  class Server;
  std::unique_ptr<Server> server_;
};

}  // namespace punctual::testing
