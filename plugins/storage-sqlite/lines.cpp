#include "lines.hpp"

namespace punctual::sqlite {

void LineChanges::touch(OrganizationId organization, const std::optional<std::string>& queue) {
  if (queue) touched_.emplace(organization, *queue);
}

// The head of a line is its first pending execution, one that was claimed before or is a retry first of all; a line with a
// running execution has none. One that is held for its host is the head all the same, which nobody may claim.
void LineChanges::refresh() {
  for (const auto& [organization, queue] : touched_) {
    const bool ready = Query(connection_, R"sql(
      insert into lines (organization_id, queue, head_id, ready_at)
      select organization_id, queue, id, scheduled_for
      from executions
      where id = (
          select first.id
          from executions as first
          where first.organization_id = ?1
            and first.queue = ?2
            and first.status = 'pending'
            and first.finished_at is null
          order by first.holds desc, first.scheduled_for, first.id
          limit 1)
        and held_host is null
        and not exists (
          select 1
          from executions as other
          where other.organization_id = ?1
            and other.queue = ?2
            and other.status = 'running'
            and other.finished_at is null)
      on conflict (organization_id, queue) do update
      set head_id = excluded.head_id, ready_at = excluded.ready_at)sql",
                             organization, queue)
                           .run() > 0;
    if (ready) continue;
    Query(connection_, R"sql(
      delete from lines
      where organization_id = ?1
        and queue = ?2)sql",
          organization, queue)
        .run();
  }
  touched_.clear();
}

}  // namespace punctual::sqlite
