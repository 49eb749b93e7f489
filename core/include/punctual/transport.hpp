// Transport: sends one request for one attempt and reports what came back. Chosen by the scheme of the task's URL.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "punctual/ids.hpp"
#include "punctual/model.hpp"
#include "punctual/time.hpp"

namespace punctual {

// What check_target finds wrong with a URL before anything is sent.
enum class TargetProblem : std::uint8_t {
  malformed,  // not a URL this transport can send to
  refused,    // a literal address or name that must not be reached
};

struct Delivery {
  ExecutionId id;
  Method method = Method::post;
  std::string url;
  Headers headers;         // complete: the transport adds only what its protocol needs (Host, Content-Length)
  std::string body;        // sent for POST, PUT, PATCH, DELETE only
  milliseconds timeout{};  // from start to the last byte of the response
};

enum class DeliveryResult : std::uint8_t {
  responded,        // a whole response came (its body perhaps cut)
  timed_out,        // not within `timeout`
  transport_error,  // `error` says why, in words, without a secret
  blocked,          // an address that must not be reached; `error` is that address
  cancelled,        // by cancel() or at the end of a drain
};

struct DeliveryOutcome {
  DeliveryResult result = DeliveryResult::transport_error;
  int status_code = 0;  // when responded
  Headers headers;      // of the response: the first 32; Retry-After is among them when it was sent at all
  std::string body;     // its first bytes, raw, at most the transport's limit
  bool body_truncated = false;
  std::optional<Time> sent_at;  // when the request was handed to the network; nullopt when it never was
  microseconds duration{};      // from sent_at to the end
  std::string error;
};

// Called exactly once for each started delivery, on a transport thread. Must not block and must not throw.
using DeliveryCompletion = std::function<void(DeliveryOutcome&&)>;

// All functions may be called from many threads at once. The destructor needs a completed drain() before it.
class Transport {
 public:
  virtual ~Transport() = default;

  // Lower-case schemes served, e.g. {"http", "https"}. The same answer always.
  [[nodiscard]] virtual std::vector<std::string> schemes() const = 0;

  // Whether a task may have this URL: the same parser and the same rules that sending uses, without resolving names.
  // nullopt: it may.
  [[nodiscard]] virtual std::optional<TargetProblem> check_target(std::string_view url) const = 0;

  // Begins one request and returns at once; `completion` may run before start returns. Never throws: whatever is wrong is
  // reported through the completion.
  virtual void start(Delivery delivery, DeliveryCompletion completion) noexcept = 0;

  // Aborts a started delivery; its completion runs with `cancelled` unless it has ended already. Unknown ids are ignored.
  virtual void cancel(ExecutionId id) noexcept = 0;

  // Waits until no delivery is under way or `limit` has passed, then cancels what is left, waits for its completions and
  // stops the transport's threads. start() after drain() completes with `cancelled`.
  virtual void drain(milliseconds limit) noexcept = 0;
};

}  // namespace punctual
