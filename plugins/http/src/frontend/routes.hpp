// The routes of the API: one table that requests are matched against and the OpenAPI document is made from. To add a route,
// add a line to the table in routes.cpp and its function to the …_routes.cpp of its subject.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "frontend/answer.hpp"
#include "frontend/front_metrics.hpp"
#include "frontend/query.hpp"
#include "punctual/engine.hpp"
#include "punctual/host.hpp"

namespace punctual {

// What routes about the server itself need.
struct FrontState {
  Host& host;
  FrontMetrics& metrics;
  std::string openapi;
  std::function<ServerLoad()> load;
};

// One request on its way to a route's function, which runs on the connection's thread and may throw whatever the engine
// throws, and ApiError.
struct Call {
  Engine& engine;
  FrontState& front;
  const Query& query;
  std::string_view parameter;  // what stands for ":…" in the path, percent-decoded
  std::string_view body;
  const Principal* principal;  // null on routes without a key
  std::optional<IdempotencyKey> idempotency;

  [[nodiscard]] Request request() const { return {*principal, idempotency}; }
};

// The id that a text is; throws NotFound where it is none.
template <class Id>
[[nodiscard]] Id id_of(std::string_view text) {
  const auto id = Id::parse(text);
  if (!id) throw NotFound();
  return *id;
}

enum class Access : std::uint8_t {
  probe,  // for monitoring: neither key nor limits
  open,   // no key
  key,
};

enum class BodyRule : std::uint8_t {
  none,      // what is sent is not looked at
  optional,  // JSON, or nothing
  required,  // JSON; without any length 411
};

enum class ReplyFormat : std::uint8_t { json, text };

struct QueryParameter {
  std::string_view name;
  std::string_view schema;  // JSON Schema
  std::string_view description;
  bool required = false;
};

struct ReplyNote {
  int status = 0;
  std::string_view schema;  // JSON Schema of the body; "" for none, and for the shape that all errors have
};

struct Route {
  std::string_view method;
  std::string_view path;  // ":name" stands for one segment
  Access access = Access::key;
  BodyRule body = BodyRule::none;
  ReplyFormat format = ReplyFormat::json;
  Answer (*run)(const Call&) = nullptr;
  std::string_view summary;
  std::span<const QueryParameter> query = {};
  std::span<const ReplyNote> replies = {};
  std::string_view request = {};  // JSON Schema of the body, where it is not that of a task
};

[[nodiscard]] std::span<const Route> routes();

struct RouteMatch {
  const Route* route = nullptr;  // null: not this method, or not this path
  std::string_view parameter;    // still percent-encoded
  std::string allow;             // without a route: the methods of this path; empty when there is no such path
};

// HEAD goes where GET goes.
[[nodiscard]] RouteMatch match_route(std::string_view method, std::string_view path);

// The value for Allow of a path that exists.
[[nodiscard]] std::string allowed_methods(std::string_view path);

// ---- The routes' functions.

Answer create_task(const Call& call);
Answer create_batch(const Call& call);
Answer sync_tasks(const Call& call);
Answer list_tasks(const Call& call);
Answer show_task(const Call& call);
Answer change_task(const Call& call);
Answer delete_task(const Call& call);
Answer delete_queue(const Call& call);
Answer trigger_task(const Call& call);
Answer list_task_executions(const Call& call);
Answer list_queues(const Call& call);
Answer show_queue(const Call& call);
Answer change_queue(const Call& call);
Answer forget_queue(const Call& call);
Answer pause_queue(const Call& call);
Answer resume_queue(const Call& call);
Answer list_executions(const Call& call);
Answer show_execution(const Call& call);
Answer cancel_execution(const Call& call);
Answer retry_execution(const Call& call);
Answer retry_executions(const Call& call);
Answer list_channels(const Call& call);
Answer create_channel(const Call& call);
Answer show_channel(const Call& call);
Answer change_channel(const Call& call);
Answer delete_channel(const Call& call);
Answer test_channel(const Call& call);
Answer list_notices(const Call& call);
Answer retry_notices(const Call& call);
Answer list_notifiers(const Call& call);
Answer list_audit(const Call& call);
Answer preview_cron(const Call& call);
Answer show_health(const Call& call);
Answer show_readiness(const Call& call);
Answer show_metrics(const Call& call);
Answer show_openapi(const Call& call);
Answer show_docs(const Call& call);

}  // namespace punctual
