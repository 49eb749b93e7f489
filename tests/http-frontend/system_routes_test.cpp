#include <catch2/catch.hpp>

#include "support/running_frontend.hpp"

using namespace punctual;
using namespace punctual::testing;

TEST_CASE("health needs no key and tells the state of the database") {
  RunningFrontend server;
  const auto reply = server.client("").get("/health");
  CHECK(reply.status == 200);
  CHECK(reply.body == R"({"status":"ok","database":"connected"})");
  server.engine.reachable = false;
  CHECK(server.client("").get("/health").status == 200);
  CHECK(server.client("").get("/health").body == R"({"status":"ok","database":"disconnected"})");
}

TEST_CASE("ready is 503 without a database and while draining") {
  RunningFrontend server;
  CHECK(server.client("").get("/ready").body == R"({"status":"ok","database":"connected"})");
  server.engine.is_draining = true;
  CHECK(server.client("").get("/ready").status == 503);
  server.engine.is_draining = false;
  server.engine.reachable = false;
  const auto reply = server.client("").get("/ready");
  CHECK(reply.status == 503);
  CHECK(reply.body == R"({"status":"error","database":"disconnected"})");
  CHECK(reply.header("Retry-After"));
}

TEST_CASE("metrics are text and count requests by route and class of status") {
  RunningFrontend server;
  (void)server.client().get("/api/v1/tasks");
  (void)server.client().get("/api/v1/tasks/nonsense");
  (void)server.client().request("BREW", "/nowhere");
  const auto reply = server.client("").get("/metrics", {{"Accept", "text/plain"}});
  CHECK(reply.status == 200);
  CHECK(reply.header("Content-Type") == "text/plain; version=0.0.4; charset=utf-8");
  CHECK(reply.body.find("punctual_http_threads_busy") != std::string::npos);
  const auto& metrics = server.host.metrics();
  CHECK(metrics.count("punctual_http_requests_total{method=GET,route=/api/v1/tasks,status=2xx}") == 1);
  CHECK(metrics.count("punctual_http_requests_total{method=GET,route=/api/v1/tasks/:id,status=4xx}") == 1);
  CHECK(metrics.count("punctual_http_requests_total{method=other,route=none,status=4xx}") == 1);
}

TEST_CASE("the OpenAPI document describes every route and every field") {
  RunningFrontend server;
  const auto reply = server.client("").get("/api/v1/openapi");
  CHECK(reply.status == 200);
  const auto api = reply.json();
  CHECK(api.at("openapi") == "3.1.0");
  const auto& paths = api.at("paths").as_object();
  for (const std::string path :
       {"/api/v1/tasks", "/api/v1/tasks/batch", "/api/v1/sync", "/api/v1/tasks/{id}", "/api/v1/tasks/{id}/trigger",
        "/api/v1/tasks/{id}/executions", "/api/v1/executions", "/api/v1/executions/{id}",
        "/api/v1/executions/{id}/cancel", "/api/v1/executions/{id}/retry", "/api/v1/executions/retry", "/api/v1/queues",
        "/api/v1/queues/{name}", "/api/v1/queues/{name}/pause", "/api/v1/queues/{name}/resume", "/api/v1/cron/preview",
        "/health", "/ready", "/metrics"}) {
    INFO(path);
    CHECK(paths.contains(path));
  }
  CHECK(paths.at("/api/v1/tasks").as_object().size() == 3);
  const auto& fields = api.at("components").at("schemas").at("NewTask").at("properties").as_object();
  for (const auto& [key, value] : api.at("components").at("schemas").at("Task").at("properties").as_object()) {
    const std::string name(key);
    const bool read_only =
        name == "id" || name.starts_with("last_") || name == "next_run_at" || name.ends_with("ed_at");
    if (read_only && name != "scheduled_at") continue;
    INFO(name);
    CHECK(fields.contains(name));
  }
}

TEST_CASE("the OpenAPI document says which query parameters are required") {
  RunningFrontend server;
  const auto paths = server.client("").get("/api/v1/openapi").json().at("paths");
  const auto required = [&](const std::string& path, const char* method) {
    std::vector<std::string> out;
    for (const auto& parameter : paths.at(path).at(method).at("parameters").as_array()) {
      if (parameter.at("in") == "query" && parameter.at("required").as_bool()) {
        out.emplace_back(parameter.at("name").as_string());
      }
    }
    return out;
  };
  using Names = std::vector<std::string>;
  CHECK(required("/api/v1/cron/preview", "get") == Names{"expression"});
  CHECK(required("/api/v1/tasks", "delete") == Names{"queue"});
  CHECK(required("/api/v1/tasks", "get").empty());
}

TEST_CASE("every reference of the OpenAPI document has its target") {
  RunningFrontend server;
  const auto text = server.client("").get("/api/v1/openapi").body;
  const auto api = boost::json::parse(text);
  for (const std::string kind : {"schemas", "responses"}) {
    const auto& targets = api.at("components").at(kind).as_object();
    const std::string mark = "\"#/components/" + kind + "/";
    std::size_t found = 0;
    for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark, at + 1), ++found) {
      const auto begin = at + mark.size();
      CHECK(targets.contains(text.substr(begin, text.find('"', begin) - begin)));
    }
    CHECK(found > 10);
  }
}

TEST_CASE("the OpenAPI document names the codes of errors and where they come") {
  RunningFrontend server;
  const auto api = server.client("").get("/api/v1/openapi").json();
  const auto& error = api.at("components").at("schemas").at("Error").at("properties").at("error");
  CHECK(boost::json::serialize(error.at("properties").at("code").at("enum")) ==
        R"(["bad_request","invalid_json","invalid_params","invalid_delay","invalid_run_at","unauthorized","not_found",)"
        R"("method_not_allowed","not_acceptable","conflict","length_required","payload_too_large",)"
        R"("unsupported_media_type","validation_error","limit_exceeded","idempotency_key_reused","rate_limited",)"
        R"("internal","service_unavailable"])");
  CHECK(api.at("components").at("responses").at("422").at("description") ==
        "validation_error, limit_exceeded, idempotency_key_reused");
  const auto statuses = [&](const char* path, const char* method) {
    std::string out;
    for (const auto& [status, reply] : api.at("paths").at(path).at(method).at("responses").as_object()) {
      out += std::string(status) + " ";
    }
    return out;
  };
  CHECK(statuses("/api/v1/tasks", "get") == "200 400 401 406 429 503 default ");
  CHECK(statuses("/api/v1/tasks", "post") == "201 202 400 401 406 409 411 413 415 422 429 503 default ");
  CHECK(statuses("/api/v1/tasks/{id}", "get") == "200 401 404 406 429 503 default ");
  CHECK(statuses("/api/v1/tasks/{id}", "delete") == "204 400 401 404 406 409 413 415 422 429 503 default ");
  CHECK(statuses("/api/v1/executions", "get") == "200 400 401 404 406 429 503 default ");
  CHECK(statuses("/api/v1/cron/preview", "get") == "200 400 401 406 422 429 503 default ");
  CHECK(statuses("/ready", "get") == "200 503 406 default ");
}

TEST_CASE("the docs page needs nothing from elsewhere") {
  RunningFrontend server;
  const auto reply = server.client("").get("/api/v1/docs", {{"Accept", "text/html"}});
  CHECK(reply.status == 200);
  CHECK(reply.header("Content-Type") == "text/html; charset=utf-8");
  CHECK(reply.body.find("http://") == std::string::npos);
  CHECK(reply.body.find("https://") == std::string::npos);
}
