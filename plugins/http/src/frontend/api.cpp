#include "frontend/api.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <random>

#include "frontend/api_error.hpp"
#include "frontend/content_rules.hpp"

namespace punctual {

namespace {

constexpr std::size_t max_idempotency_key = 255;

// Counts the requests that are being handled.
class Slot {
 public:
  Slot(std::atomic<int>& count, int most) : count_(count), free_(count_.fetch_add(1) < most) {}
  ~Slot() { count_.fetch_sub(1); }
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;
  [[nodiscard]] bool free() const { return free_; }

 private:
  std::atomic<int>& count_;
  bool free_;
};

// SHA-256 over method, target and body, each with its length before it, so that no two requests give the same bytes.
Digest request_digest(std::string_view method, std::string_view target, std::string_view body) {
  Digest digest{};
  unsigned size = 0;
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  if (!context || EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) != 1) throw std::runtime_error("SHA-256");
  for (const auto part : {method, target, body}) {
    const std::uint64_t length = part.size();
    EVP_DigestUpdate(context.get(), &length, sizeof length);
    EVP_DigestUpdate(context.get(), part.data(), part.size());
  }
  if (EVP_DigestFinal_ex(context.get(), digest.data(), &size) != 1) throw std::runtime_error("SHA-256");
  return digest;
}

bool changes_things(std::string_view method) {
  return method == "POST" || method == "PUT" || method == "PATCH" || method == "DELETE";
}

std::optional<IdempotencyKey> idempotency_of(const RequestHead& head, std::string_view body) {
  const auto key = head.field("idempotency-key");
  if (key.empty()) return std::nullopt;
  if (key.size() > max_idempotency_key) {
    throw ApiError(ErrorCode::bad_request, "Idempotency-Key must be at most 255 bytes");
  }
  return IdempotencyKey{std::string(key), request_digest(head.method, head.target, body)};
}

constexpr std::string_view unavailable = "Service temporarily unavailable, try again later";

Answer limited(const LimitVerdict& verdict) {
  auto answer = error_answer(ErrorCode::rate_limited, "Rate limit exceeded");
  const auto wait = std::to_string(verdict.wait.count());
  answer.headers.emplace_back("Retry-After", wait);
  answer.headers.emplace_back("RateLimit-Limit", std::to_string(verdict.limit));
  answer.headers.emplace_back("RateLimit-Remaining", std::to_string(verdict.remaining));
  answer.headers.emplace_back("RateLimit-Reset", wait);
  return answer;
}

Answer refusal(const ApiError& problem) {
  auto answer = error_answer(problem.code, problem.message);
  answer.close = problem.closes;
  if (problem.code == ErrorCode::unauthorized) answer.headers.emplace_back("WWW-Authenticate", "Bearer");
  return answer;
}

// Names a failed request in the log and to its client.
std::string new_request_id() {
  static std::atomic<std::uint64_t> next{std::random_device{}() * std::uint64_t{0x100000001}};
  const auto number = next.fetch_add(0x9e3779b97f4a7c15ull);
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(number));
  return text;
}

std::string on_one_line(std::string_view text) {
  std::string out(text.substr(0, 300));
  std::replace_if(
      out.begin(), out.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  return out;
}

}  // namespace

Api::Api(ApiSettings settings, Engine& engine, Gate& gate, FrontState& front)
    : settings_(std::move(settings)), engine_(engine), gate_(gate), front_(front) {}

Answer Api::handle(const IncomingRequest& request) noexcept { return handle_by(request, &Api::respond); }

Answer Api::refuse(const IncomingRequest& request) noexcept { return handle_by(request, &Api::refuse_unless_probe); }

Answer Api::handle_by(const IncomingRequest& request, Respond way) noexcept {
  const auto begin = std::chrono::steady_clock::now();
  const auto& head = request.head;
  RouteMatch match;
  Answer answer;
  try {
    match = match_route(head.method, head.path);
    answer = (this->*way)(request, match);
  } catch (...) {
    answer = failure(match);
  }
  add_cors(head, answer);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  const auto route =
      match.route == nullptr ? FrontMetrics::no_route : static_cast<std::size_t>(match.route - routes().data());
  front_.metrics.request(route, head.method, answer.status, took.count());
  return answer;
}

Answer Api::respond(const IncomingRequest& request, const RouteMatch& match) {
  if (match.route != nullptr && match.route->access == Access::probe) return run_route(request, match, request.peer);
  const Slot slot(handling_, settings_.max_concurrent_requests);
  if (!slot.free()) {
    front_.metrics.requests_refused.add();
    throw Unavailable("too many requests at once");
  }
  const auto client = gate_.client_of(request.peer, request.head);
  gate_.count_address(client);
  return match.route != nullptr ? run_route(request, match, client) : describe_path(request.head);
}

Answer Api::refuse_unless_probe(const IncomingRequest& request, const RouteMatch& match) {
  if (match.route != nullptr && match.route->access == Access::probe) return run_route(request, match, request.peer);
  front_.metrics.requests_refused.add();
  throw Unavailable("too many requests wait");
}

Answer Api::describe_path(const RequestHead& head) const {
  const auto allow = allowed_methods(head.path);
  if (head.method == "OPTIONS" && (!allow.empty() || head.path == "*")) {
    Answer answer;
    answer.status = 204;
    answer.headers.emplace_back("Allow", allow.empty() ? "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS" : allow);
    return answer;
  }
  if (allow.empty()) throw NotFound();
  auto answer = error_answer(ErrorCode::method_not_allowed, "Method not allowed");
  answer.headers.emplace_back("Allow", allow);
  return answer;
}

Answer Api::run_route(const IncomingRequest& request, const RouteMatch& match, const IpAddress& client) {
  const auto& head = request.head;
  const auto& route = *match.route;
  std::optional<Principal> principal;
  if (route.access == Access::key) {
    principal = gate_.sign_in(head, client, engine_);
    gate_.count_key(*principal);
  }
  if (route.body == BodyRule::required && !head.chunked && !head.content_length) {
    throw ApiError(ErrorCode::length_required, "Content-Length is required");
  }
  const bool changes = changes_things(head.method);
  const auto body = changes ? request.reader.read_body() : std::string_view{};
  std::optional<IdempotencyKey> idempotency;
  if (changes && principal) idempotency = idempotency_of(head, body);
  std::optional<KeysInUse::Use> use;
  if (idempotency) {
    use.emplace(keys_in_use_, principal->organization_id, idempotency->key);
    if (auto stored = engine_.find_reply(*principal, *idempotency)) return replayed_answer(std::move(*stored));
  }
  check_content(head, route, body);
  const auto parameter = percent_decoded(match.parameter, false);
  if (!parameter) throw NotFound();  // no name or id is written so
  const Query query(head.query);
  return route.run(
      {engine_, front_, query, *parameter, body, principal ? &*principal : nullptr, std::move(idempotency)});
}

Answer Api::failure(const RouteMatch& match) {
  try {
    throw;
  } catch (const ApiError& problem) {
    return refusal(problem);
  } catch (const Limited& problem) {
    return limited(problem.verdict);
  } catch (const NotFound&) {
    return error_answer(ErrorCode::not_found, "Resource not found");
  } catch (const Conflict& problem) {
    return error_answer(ErrorCode::conflict, problem.what());
  } catch (const Invalid& problem) {
    return error_answer(ErrorCode::validation_error, "Validation failed", &problem.fields());
  } catch (const LimitExceeded& problem) {
    return error_answer(ErrorCode::limit_exceeded, problem.what());
  } catch (const KeyReused& problem) {
    return error_answer(ErrorCode::idempotency_key_reused, problem.what());
  } catch (const Unavailable& problem) {
    return unavailable_answer(unavailable, problem.retry_after());
  } catch (const Timeout&) {
    return unavailable_answer(unavailable);
  } catch (const std::exception& problem) {
    return internal_failure(match, problem.what());
  } catch (...) {
    return internal_failure(match, "unknown exception");
  }
}

// What the log says: the route, never the path, query or headers, which may hold what only the client should know.
Answer Api::internal_failure(const RouteMatch& match, std::string_view what) {
  front_.metrics.internal_errors.add();
  const auto id = new_request_id();
  std::string line = "request " + id;
  if (match.route != nullptr) {
    line += ' ';
    line += match.route->method;
    line += ' ';
    line += match.route->path;
  }
  front_.host.log(LogLevel::error, line + " failed: " + on_one_line(what));
  auto answer = error_answer(ErrorCode::internal, "Internal server error");
  answer.headers.emplace_back("X-Request-Id", id);
  return answer;
}

void Api::add_cors(const RequestHead& head, Answer& answer) const {
  if (settings_.cors_origins.empty()) return;
  const auto origin = head.field("origin");
  const auto& allowed = settings_.cors_origins;
  const bool any = std::find(allowed.begin(), allowed.end(), "*") != allowed.end();
  if (!any) answer.headers.emplace_back("Vary", "Origin");
  if (origin.empty() || (!any && std::find(allowed.begin(), allowed.end(), origin) == allowed.end())) return;
  answer.headers.emplace_back("Access-Control-Allow-Origin", any ? std::string("*") : std::string(origin));
  answer.headers.emplace_back(
      "Access-Control-Expose-Headers",
      "Idempotent-Replayed, Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset");
  if (head.method != "OPTIONS" || head.field("access-control-request-method").empty()) return;
  answer.headers.emplace_back("Access-Control-Allow-Methods", allowed_methods(head.path));
  answer.headers.emplace_back("Access-Control-Allow-Headers", "Authorization, Content-Type, Idempotency-Key");
  answer.headers.emplace_back("Access-Control-Max-Age", "600");
}

}  // namespace punctual
