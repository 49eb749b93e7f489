// RequestHead: the request line and header fields of an HTTP/1.x request (RFC 9112), read strictly: whatever two readers could
// understand differently is refused. Poco's own reader skips lines it cannot read and takes a broken chunk for the end of a
// body, which would let one client's bytes pass for the next request.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace punctual {

// Views into the text it was read from.
struct RequestHead {
  struct Field {
    std::string_view name;
    std::string_view value;
  };

  std::string_view method;
  std::string_view target;  // as sent: origin form, or what followed the authority in an absolute URL
  std::string_view path;    // of the target, still percent-encoded
  std::string_view query;   // without '?', still percent-encoded
  int minor_version = 1;    // HTTP/1.x
  std::vector<Field> fields;

  bool keep_alive = true;  // what the client wishes
  bool chunked = false;
  bool expects_continue = false;
  std::optional<std::uint64_t> content_length;

  // The first field of this name, compared without case; "" when there is none.
  [[nodiscard]] std::string_view field(std::string_view name) const;
  // The values of all fields of this name as one list (RFC 9110, 5.3); "" when there is none.
  [[nodiscard]] std::string list(std::string_view name) const;
  [[nodiscard]] std::size_t count(std::string_view name) const;
  [[nodiscard]] bool has_body() const { return chunked || content_length.value_or(0) > 0; }
};

// The limits of a head; beyond them it is refused.
inline constexpr std::size_t max_head_bytes = 65536;
inline constexpr std::size_t max_head_fields = 128;

// `text` is a whole head with its empty line. Throws ApiError bad_request.
[[nodiscard]] RequestHead parse_head(std::string_view text);

// Where the head at the beginning of `text` ends (behind its empty line); nullopt: not yet. Looks from `from` on.
[[nodiscard]] std::optional<std::size_t> find_head_end(std::string_view text, std::size_t from);

[[nodiscard]] bool same_text(std::string_view a, std::string_view b);  // ASCII, without case
[[nodiscard]] bool is_token(std::string_view text);                    // RFC 9110, 5.6.2
[[nodiscard]] std::string_view trim_blanks(std::string_view text);     // spaces and tabs

}  // namespace punctual
