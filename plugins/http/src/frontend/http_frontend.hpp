// HttpFrontend: the REST API over HTTP/1.1. Owns the listening socket, the threads that serve requests and the limiters;
// knows the engine by its interface alone. The way of a request: lobby → queue → exchange → api → router → a function of
// …_routes → Engine.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "punctual/frontend.hpp"
#include "punctual/host.hpp"
#include "punctual/plugin.h"

namespace punctual {

// start and stop from the main thread, once each, in this order; the destructor stops what was not stopped.
class HttpFrontend final : public Frontend {
 public:
  // Reads and checks http.* and limits.*; throws Error when a value makes no sense (an address that is none). `host`
  // outlives the frontend.
  HttpFrontend(const Settings& settings, Host& host);
  ~HttpFrontend() override;

  void start(Engine& engine) override;
  [[nodiscard]] std::string listening_at() const override;
  void stop(milliseconds limit) noexcept override;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

// The settings it understands: http.*, limits.*. Valid as long as the process lives.
[[nodiscard]] std::span<const punctual_setting> http_frontend_settings();

}  // namespace punctual
