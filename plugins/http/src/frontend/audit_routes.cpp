// GET /audit.
#include "frontend/audit_json.hpp"
#include "frontend/paging.hpp"
#include "frontend/routes.hpp"

namespace punctual {

Answer list_audit(const Call& call) {
  const auto wish = read_page_wish(call.query);
  AuditQuery query;
  query.organization_id = call.principal->organization_id;
  query.limit = wish.limit;
  query.offset = wish.offset;
  query.after = read_audit_cursor(call.query);
  query.action = call.query.text("action");
  query.subject = call.query.text("subject");
  query.since = call.query.time("since");
  query.until = call.query.time("until");
  const auto page = call.engine.list_audit(query);
  return {.body = page_body(page, wish, append_audit, [](const AuditRecord& last) {
            return AuditCursor{last.entry.at, last.place};
          })};
}

}  // namespace punctual
