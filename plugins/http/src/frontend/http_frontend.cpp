#include "frontend/http_frontend.hpp"

#include <limits>
#include <vector>

#include "frontend/api.hpp"
#include "frontend/openapi.hpp"
#include "frontend/server.hpp"

namespace punctual {

namespace {

int count_setting(const Settings& settings, const char* name, std::int64_t least, std::int64_t most) {
  const auto value = settings.integer(name);
  if (value < least || value > most) {
    throw Error(std::string(name) + " must be from " + std::to_string(least) + " to " + std::to_string(most));
  }
  return static_cast<int>(value);
}

milliseconds time_setting(const Settings& settings, const char* name) {
  const auto value = settings.duration(name);
  if (value <= milliseconds{0}) throw Error(std::string(name) + " must be more than 0");
  return value;
}

ServerSettings server_settings(const Settings& settings) {
  ServerSettings out;
  out.listen = settings.string("http.listen");
  out.max_threads = count_setting(settings, "http.max_threads", 2, 16384);
  out.max_queue_time = time_setting(settings, "http.max_queue_time");
  out.max_connections = static_cast<std::size_t>(count_setting(settings, "http.max_connections", 1, 1000000));
  out.idle_time = time_setting(settings, "http.idle_timeout");
  out.read.header_time = time_setting(settings, "http.header_timeout");
  out.read.body_time = time_setting(settings, "http.body_timeout");
  out.read.max_body = static_cast<std::size_t>(count_setting(settings, "http.max_request_bytes", 1, 1 << 30));
  return out;
}

ApiSettings api_settings(const Settings& settings, int max_threads) {
  ApiSettings out;
  const auto concurrent = count_setting(settings, "http.max_concurrent_requests", 0, 1000000);
  out.max_concurrent_requests = concurrent > 0 ? concurrent : max_threads;
  out.cors_origins = settings.list("http.cors_origins");
  return out;
}

GateSettings gate_settings(const Settings& settings) {
  constexpr std::int64_t most = std::numeric_limits<int>::max();
  GateSettings out;
  out.requests_per_minute = count_setting(settings, "limits.requests_per_minute", 0, most);
  out.address_requests_per_minute = count_setting(settings, "limits.address_requests_per_minute", 0, most);
  out.failed_sign_ins_per_minute = count_setting(settings, "limits.failed_sign_ins_per_minute", 0, most);
  out.trusted_proxies = settings.list("http.trusted_proxies");
  return out;
}

std::vector<std::string_view> route_paths() {
  std::vector<std::string_view> out;
  for (const auto& route : routes()) out.push_back(route.path);
  return out;
}

}  // namespace

struct HttpFrontend::Parts {
  Parts(const Settings& settings, Host& host)
      : metrics(host.metrics(), route_paths()),
        gate(gate_settings(settings), metrics),
        server_config(server_settings(settings)),
        api_config(api_settings(settings, server_config.max_threads)),
        front{host, metrics, openapi_document(), [this] { return server->load(); }} {
    check_address(server_config.listen);
  }

  FrontMetrics metrics;
  Gate gate;
  ServerSettings server_config;
  ApiSettings api_config;
  FrontState front;
  std::unique_ptr<Api> api;        // since start
  std::unique_ptr<Server> server;  // since start; last: its threads use the others
};

HttpFrontend::HttpFrontend(const Settings& settings, Host& host) : parts_(std::make_unique<Parts>(settings, host)) {}

HttpFrontend::~HttpFrontend() = default;

void HttpFrontend::start(Engine& engine) {
  parts_->api = std::make_unique<Api>(parts_->api_config, engine, parts_->gate, parts_->front);
  parts_->server = std::make_unique<Server>(parts_->server_config, *parts_->api, parts_->metrics);
  parts_->server->start();
}

std::string HttpFrontend::listening_at() const { return parts_->server->address(); }

void HttpFrontend::stop(milliseconds limit) noexcept {
  if (parts_->server) parts_->server->stop(limit);
}

}  // namespace punctual
