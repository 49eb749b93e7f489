#include "frontend/paging.hpp"

#include <algorithm>

#include "frontend/api_error.hpp"

namespace punctual {

namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::int64_t max_offset = 1'000'000'000'000;

std::string base64url(std::string_view bytes) {
  std::string out;
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (const char byte : bytes) {
    bits = bits << 8 | static_cast<unsigned char>(byte);
    held += 8;
    while (held >= 6) {
      held -= 6;
      out += alphabet[bits >> held & 63];
    }
  }
  if (held > 0) out += alphabet[bits << (6 - held) & 63];
  return out;
}

std::optional<std::string> from_base64url(std::string_view text) {
  std::string out;
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (const char c : text) {
    const auto value = alphabet.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    held += 6;
    if (held >= 8) {
      held -= 8;
      out += static_cast<char>(bits >> held & 255);
    }
  }
  if (base64url(out) != text) return std::nullopt;  // only what we would have written ourselves
  return out;
}

// A sort key as bytes: one letter for the list it belongs to, then its parts.
class KeyWriter {
 public:
  explicit KeyWriter(char list) : bytes_(1, list) {}
  KeyWriter& time(Time value) { return number(value.time_since_epoch().count()); }
  KeyWriter& number(std::int64_t value) {
    const auto count = static_cast<std::uint64_t>(value);
    for (int shift = 56; shift >= 0; shift -= 8) bytes_ += static_cast<char>(count >> shift & 255);
    return *this;
  }
  KeyWriter& id(const Uuid& value) {
    bytes_.append(reinterpret_cast<const char*>(value.bytes.data()), value.bytes.size());
    return *this;
  }
  [[nodiscard]] std::string text() const { return base64url(bytes_); }

 private:
  std::string bytes_;
};

class KeyReader {
 public:
  explicit KeyReader(std::string_view bytes) : bytes_(bytes) {}
  Time time() { return Time{microseconds{number()}}; }
  std::int64_t number() {
    std::uint64_t count = 0;
    for (int i = 0; i < 8; ++i) count = count << 8 | static_cast<unsigned char>(bytes_[at_++]);
    return static_cast<std::int64_t>(count);
  }
  Uuid id() {
    Uuid out;
    for (auto& byte : out.bytes) byte = static_cast<std::uint8_t>(bytes_[at_++]);
    return out;
  }

 private:
  std::string_view bytes_;
  std::size_t at_ = 1;
};

[[noreturn]] void refuse() { throw ApiError(ErrorCode::invalid_params, "cursor is invalid"); }

std::optional<std::string> cursor_bytes(const Query& query) {
  const auto text = query.text("cursor");
  if (!text) return std::nullopt;
  auto bytes = from_base64url(*text);
  if (!bytes) refuse();
  return bytes;
}

}  // namespace

PageWish read_page_wish(const Query& query) {
  PageWish wish;
  wish.limit = static_cast<std::size_t>(query.integer("limit", 50, 1, 100));
  wish.offset = static_cast<std::size_t>(query.integer("offset", 0, 0, max_offset));
  if (query.text("cursor")) wish.offset = 0;
  return wish;
}

std::string cursor_text(const TaskCursor& cursor) {
  KeyWriter key(cursor.last_execution_at ? 'T' : 't');
  if (cursor.last_execution_at) key.time(*cursor.last_execution_at);
  return key.time(cursor.inserted_at).id(cursor.id.value).text();
}

std::string cursor_text(const ExecutionCursor& cursor) {
  return KeyWriter('e').time(cursor.scheduled_for).id(cursor.id.value).text();
}

std::string cursor_text(const AuditCursor& cursor) {
  return KeyWriter('a').time(cursor.at).number(cursor.place).text();
}

std::string cursor_text(const NoticeId& cursor) { return KeyWriter('n').id(cursor.value).text(); }

std::optional<NoticeId> read_notice_cursor(const Query& query) {
  const auto bytes = cursor_bytes(query);
  if (!bytes) return std::nullopt;
  if (bytes->size() != 17u || !bytes->starts_with('n')) refuse();
  return NoticeId{KeyReader(*bytes).id()};
}

std::optional<TaskCursor> read_task_cursor(const Query& query) {
  const auto bytes = cursor_bytes(query);
  if (!bytes) return std::nullopt;
  const bool executed = bytes->starts_with('T');
  if (bytes->size() != (executed ? 33u : 25u) || (!executed && !bytes->starts_with('t'))) refuse();
  KeyReader key(*bytes);
  TaskCursor cursor;
  if (executed) cursor.last_execution_at = key.time();
  cursor.inserted_at = key.time();
  cursor.id.value = key.id();
  return cursor;
}

std::optional<ExecutionCursor> read_execution_cursor(const Query& query) {
  const auto bytes = cursor_bytes(query);
  if (!bytes) return std::nullopt;
  if (bytes->size() != 25u || !bytes->starts_with('e')) refuse();
  KeyReader key(*bytes);
  ExecutionCursor cursor;
  cursor.scheduled_for = key.time();
  cursor.id.value = key.id();
  return cursor;
}

std::optional<AuditCursor> read_audit_cursor(const Query& query) {
  const auto bytes = cursor_bytes(query);
  if (!bytes) return std::nullopt;
  if (bytes->size() != 17u || !bytes->starts_with('a')) refuse();
  KeyReader key(*bytes);
  AuditCursor cursor;
  cursor.at = key.time();
  cursor.place = key.number();
  return cursor;
}

}  // namespace punctual
