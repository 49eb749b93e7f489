// Api: takes one request through the stages of the contract: address limit, sign-in, key limit, idempotency, validation,
// action; and turns whatever ends it early into the one error shape.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "frontend/exchange.hpp"
#include "frontend/gate.hpp"
#include "frontend/keys_in_use.hpp"
#include "frontend/routes.hpp"

namespace punctual {

struct ApiSettings {
  int max_concurrent_requests = 256;      // beyond: 503
  std::vector<std::string> cors_origins;  // "*": every origin; empty: no CORS
};

// handle and refuse run on every thread of the server at once.
class Api final : public RequestHandler {
 public:
  // The references outlive it.
  Api(ApiSettings settings, Engine& engine, Gate& gate, FrontState& front);

  [[nodiscard]] Answer handle(const IncomingRequest& request) noexcept override;
  // 503, but probes are answered as ever.
  [[nodiscard]] Answer refuse(const IncomingRequest& request) noexcept override;

 private:
  using Respond = Answer (Api::*)(const IncomingRequest&, const RouteMatch&);
  [[nodiscard]] Answer handle_by(const IncomingRequest& request, Respond way) noexcept;
  [[nodiscard]] Answer respond(const IncomingRequest& request, const RouteMatch& match);
  [[nodiscard]] Answer refuse_unless_probe(const IncomingRequest& request, const RouteMatch& match);
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
  KeysInUse keys_in_use_;
  std::atomic<int> handling_{0};
};

}  // namespace punctual
