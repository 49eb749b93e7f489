// The server itself (/health, /ready, /metrics, openapi, docs) and the cron preview.
#include "frontend/docs_page.hpp"
#include "frontend/json_text.hpp"
#include "frontend/routes.hpp"

namespace punctual {

namespace {

std::string state_body(std::string_view status, bool connected) {
  std::string out;
  JsonText json(out);
  json.begin_object().key("status").string(status);
  json.key("database").string(connected ? "connected" : "disconnected").end_object();
  return out;
}

}  // namespace

Answer show_health(const Call& call) { return {.body = state_body("ok", call.engine.storage_reachable())}; }

Answer show_readiness(const Call& call) {
  const bool connected = call.engine.storage_reachable();
  if (connected && !call.engine.draining()) return {.body = state_body("ok", true)};
  return {.status = 503, .body = state_body("error", connected), .headers = {{"Retry-After", "1"}}};
}

Answer show_metrics(const Call& call) {
  call.front.metrics.show(call.front.load());
  return {.body = call.front.host.metrics().text(), .content_type = "text/plain; version=0.0.4; charset=utf-8"};
}

Answer show_openapi(const Call& call) { return {.body = call.front.openapi}; }

Answer show_docs(const Call&) {
  return {
      .body = std::string(docs_page()),
      .content_type = "text/html; charset=utf-8",
      .headers = {{"Content-Security-Policy",
                   "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'"}}};
}

Answer preview_cron(const Call& call) {
  const auto expression = call.query.text("expression");
  if (!expression) throw Invalid("expression", "can't be blank");
  const auto timezone = call.query.text("timezone").value_or("UTC");
  const auto from = call.query.time("from").value_or(call.engine.now());
  const auto count = call.query.integer("count", 5, 1, 100);
  const auto instants = call.engine.preview_schedule(*expression, timezone, from, static_cast<std::size_t>(count));
  std::string out;
  JsonText json(out);
  json.begin_object().key("data").begin_object();
  json.key("expression").string(*expression).key("timezone").string(timezone);
  json.key("next").begin_array();
  for (const auto& instant : instants) json.time(instant);
  json.end_array().end_object().end_object();
  return {.body = std::move(out)};
}

}  // namespace punctual
