// TaskRequests: the requests that clients of Punctual send, in a fixed mix. Their bytes are made once; for each request only
// digits are changed. For one thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "punctual/time.hpp"

namespace punctual::bench {

enum class RequestKind { immediate, delayed, timed, list };
inline constexpr std::size_t request_kinds = 4;
[[nodiscard]] std::string_view name_of(RequestKind kind);

struct Request {
  std::string_view bytes;  // until the next one is made
  RequestKind kind = RequestKind::list;
  std::optional<std::uint32_t> number;  // of the task that it creates; every task has its own
};

// Of every hundred requests so many are: a task due at once, one due in an hour, one due `ahead` from now at an exact
// millisecond, a list of tasks.
struct Mix {
  unsigned immediate = 0;
  unsigned delayed = 0;
  unsigned timed = 0;
  unsigned list = 0;
  milliseconds ahead{2000};
};

// What the seed was measured with (targets of this project, section 1).
inline constexpr Mix seed_mix{.immediate = 70, .delayed = 15, .timed = 0, .list = 15};
inline constexpr Mix immediate_only{.immediate = 100};
inline constexpr Mix delayed_only{.delayed = 100};
inline constexpr Mix timed_only{.timed = 100};
inline constexpr Mix lists_only{.list = 100};

struct RequestSource {
  std::string host;    // "127.0.0.1:8080", the server's
  std::string key;     // the API key
  std::string target;  // "http://127.0.0.1:9000", where tasks go
  std::string query;   // added to the tasks' URLs, e.g. "&delay=5000"
  std::string body;    // of each task
  std::uint32_t first_number = 0;
};

class TaskRequests {
 public:
  TaskRequests(const RequestSource& source, const Mix& mix);

  // The next of the mix. `due` is when it should be sent; it is what a delivery's lateness is counted from.
  [[nodiscard]] Request next(Time due);

  [[nodiscard]] std::uint32_t first_number() const { return first_number_; }
  [[nodiscard]] std::uint32_t next_number() const { return number_; }

 private:
  // A request with the places of what changes in it.
  struct Template {
    std::string bytes;
    std::size_t number_at = 0;
    std::size_t due_at = 0;
    std::size_t run_at = 0;
  };

  [[nodiscard]] static Template create(const RequestSource& source, std::string_view when);
  [[nodiscard]] RequestKind next_kind();

  std::array<Template, request_kinds> templates_;
  std::array<unsigned, request_kinds> shares_;
  std::array<int, request_kinds> owed_{};
  milliseconds ahead_;
  std::uint32_t first_number_;
  std::uint32_t number_;
};

}  // namespace punctual::bench
