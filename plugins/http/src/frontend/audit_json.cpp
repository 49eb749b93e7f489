#include "frontend/audit_json.hpp"

#include <array>

namespace punctual {

namespace {

using Key = JsonKey<AuditRecord>;

constexpr std::array keys{
    Key{"at", R"({"type":"string","format":"date-time"})",
        [](JsonText& out, const AuditRecord& r) { out.time(r.entry.at); }},
    Key{"actor", R"({"type":"string","description":"\"key pk_live_…\", \"cli\" or \"system\""})",
        [](JsonText& out, const AuditRecord& r) { out.string(r.entry.actor); }},
    Key{"action", R"({"type":"string","description":"What was done, such as task.updated or key.revoked"})",
        [](JsonText& out, const AuditRecord& r) { out.string(r.entry.action); }},
    Key{"subject",
        R"({"type":"string","description":"To what: the id of a task, an execution or the organisation, the first )"
        R"(part of a key, the name of a queue"})",
        [](JsonText& out, const AuditRecord& r) { out.string(r.entry.subject); }},
    Key{"detail", R"({"type":"string","description":"The same as a sentence"})",
        [](JsonText& out, const AuditRecord& r) { out.string(r.entry.detail); }},
    Key{"changes",
        R"({"type":"object","description":"The fields that changed. Secrets are masked and long texts cut; of headers )"
        R"(only the names are given, of a body only the size",)"
        R"("additionalProperties":{"type":"object","properties":{"from":{},"to":{}}}})",
        [](JsonText& out, const AuditRecord& r) { out.raw(r.entry.changes); }},
};

}  // namespace

std::span<const JsonKey<AuditRecord>> audit_keys() { return keys; }

void append_audit(JsonText& json, const AuditRecord& record) {
  json.begin_object();
  append_keys(json, audit_keys(), record);
  json.end_object();
}

}  // namespace punctual
