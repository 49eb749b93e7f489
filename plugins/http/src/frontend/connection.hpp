// Connection: one client's connection, from accept to its end, on one thread.
#pragma once

#include <Poco/Net/TCPServerConnection.h>

#include "frontend/server.hpp"

namespace punctual {

class Connection final : public Poco::Net::TCPServerConnection {
 public:
  Connection(const Poco::Net::StreamSocket& socket, Server& server)
      : Poco::Net::TCPServerConnection(socket), server_(server) {}

  ~Connection() override { server_.connection_ended(); }

  void run() override;

 private:
  void serve(OpenConnections::Place& place);
  // False: the connection ends.
  [[nodiscard]] bool serve_one(OpenConnections::Place& place, const TimedSocket& wire, RequestReader& reader,
                               const IpAddress& peer);
  [[nodiscard]] Answer answer(const RequestHead& head, RequestReader& reader, const IpAddress& peer);
  [[nodiscard]] bool send(const TimedSocket& wire, const Answer& answer, ReplyStyle style, bool with_body);

  Server& server_;
};

}  // namespace punctual
