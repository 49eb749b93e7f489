// Pages of lists: limit, offset and cursor as a client gives them, and the envelope of the reply.
// Every function may be called from any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "frontend/json_text.hpp"
#include "frontend/query.hpp"
#include "punctual/channels.hpp"
#include "punctual/storage.hpp"

namespace punctual {

struct PageWish {
  std::size_t limit = 50;
  std::size_t offset = 0;
};

// Throws ApiError invalid_params. With a cursor the offset is 0.
[[nodiscard]] PageWish read_page_wish(const Query& query);

// The position behind a row, as opaque text: url-safe base64 (RFC 4648, section 5) of the row's sort key.
[[nodiscard]] std::string cursor_text(const TaskCursor& cursor);
[[nodiscard]] std::string cursor_text(const ExecutionCursor& cursor);
[[nodiscard]] std::string cursor_text(const AuditCursor& cursor);
[[nodiscard]] std::string cursor_text(const NoticeId& cursor);
// nullopt: none was given. Throws ApiError invalid_params for a text that is not such a cursor.
[[nodiscard]] std::optional<TaskCursor> read_task_cursor(const Query& query);
[[nodiscard]] std::optional<ExecutionCursor> read_execution_cursor(const Query& query);
[[nodiscard]] std::optional<AuditCursor> read_audit_cursor(const Query& query);
[[nodiscard]] std::optional<NoticeId> read_notice_cursor(const Query& query);

// {"data":[…],"has_more":…,"limit":…,"offset":…,"next_cursor":…}. `append` writes one item, `position` is its cursor.
template <class T, class Append, class Position>
[[nodiscard]] std::string page_body(const Page<T>& page, const PageWish& wish, Append append, Position position) {
  std::string out;
  out.reserve(256 + page.items.size() * 1024);
  JsonText json(out);
  json.begin_object().key("data").begin_array();
  for (const auto& item : page.items) append(json, item);
  json.end_array().key("has_more").boolean(page.has_more);
  json.key("limit").number(static_cast<std::int64_t>(wish.limit));
  json.key("offset").number(static_cast<std::int64_t>(wish.offset));
  json.key("next_cursor");
  if (page.has_more && !page.items.empty()) {
    json.string(cursor_text(position(page.items.back())));
  } else {
    json.null();
  }
  json.end_object();
  return out;
}

}  // namespace punctual
