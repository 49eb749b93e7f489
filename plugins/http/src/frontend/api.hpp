// Api: takes one request through the stages of the contract: address limit, sign-in, key limit, idempotency, validation,
// action; and turns whatever ends it early into the one error shape.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "frontend/gate.hpp"
#include "frontend/routes.hpp"
#include "frontend/server.hpp"

namespace punctual {

struct ApiSettings {
  int max_concurrent_requests = 256;      // beyond: 503
  std::vector<std::string> cors_origins;  // "*": every origin; empty: no CORS
};

// handle runs on every connection's thread at once.
class Api final : public RequestHandler {
 public:
  // The references outlive it.
  Api(ApiSettings settings, Engine& engine, Gate& gate, FrontState& front);

  [[nodiscard]] Answer handle(const IncomingRequest& request) noexcept override;

 private:
  [[nodiscard]] Answer respond(const IncomingRequest& request, const RouteMatch& match);
  [[nodiscard]] Answer run_route(const IncomingRequest& request, const RouteMatch& match, const IpAddress& client);
  [[nodiscard]] Answer describe_path(const RequestHead& head) const;
  // Of the exception that is being handled.
  [[nodiscard]] Answer failure(const RouteMatch& match);
  [[nodiscard]] Answer internal_failure(const RouteMatch& match, std::string_view what);
  void add_cors(const RequestHead& head, Answer& answer) const;

  ApiSettings settings_;
  Engine& engine_;
  Gate& gate_;
  FrontState& front_;
  std::atomic<int> handling_{0};
};

}  // namespace punctual
