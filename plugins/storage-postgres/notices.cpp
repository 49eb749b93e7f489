#include "notices.hpp"

#include "functions.hpp"
#include "stored_text.hpp"

namespace punctual::postgres {
namespace {

std::string list_of_events() {
  std::string out;
  for (const NoticeEvent event : notice_events) {
    if (!out.empty()) out += ", ";
    out += "'" + std::string(name_of(event)) + "'";
  }
  return out;
}

}  // namespace

// Ids are of version 7, with the fraction of the millisecond in rand_a (RFC 9562, section 6.2, method 3), so that their order is
// that of the instants.
//
// store_notices locks the channels it stores for, so that none is deleted under it. A failure of a task is told of since when
// its run was due.
const std::string notice_functions = R"sql(
create or replace function notice_id(at timestamptz) returns uuid
language sql volatile
as $function$
  select (lpad(to_hex(micros / 1000), 12, '0') || '7' || lpad(to_hex(micros % 1000), 3, '0') ||
    substr(replace(gen_random_uuid()::text, '-', ''), 17))::uuid
  from (select (extract(epoch from at) * 1000000)::bigint as micros) instant;
$function$;

-- NoticeEvents::bit.
create or replace function event_bit(event text) returns integer
language sql immutable parallel safe
return 1 << (array_position(array[)sql" +
                                     list_of_events() +
                                     R"sql(], event) - 1);

create or replace function store_notices(
  n_organization uuid[], n_event text[], n_at timestamptz[], n_since timestamptz[], n_subject text[], n_detail text[],
  n_task uuid[], n_execution uuid[]) returns void
language plpgsql
as $function$
#variable_conflict use_column
begin
  if not exists (select from channels where organization_id = any (n_organization) and enabled) then
    return;
  end if;
  insert into notices (id, channel_id, event, occurred_at, since, subject, detail, task_id, execution_id, next_at)
  select notice_id(told.at), channel.id, told.event, told.at,
    case when told.event = 'task.failed' then first.scheduled_for else told.since end, told.subject, told.detail,
    told.task_id, told.execution_id, told.at
  from unnest(n_organization, n_event, n_at, n_since, n_subject, n_detail, n_task, n_execution)
    as told (organization_id, event, at, since, subject, detail, task_id, execution_id)
  join channels channel
    on channel.organization_id = told.organization_id
    and channel.enabled
    and channel.events & event_bit(told.event) <> 0
  join organizations on organizations.id = told.organization_id
  left join lateral (select notify_on_failure, notify_on_recovery from tasks where tasks.id = told.task_id limit 1) task
    on true
  left join lateral (select run_id from executions where executions.id = told.execution_id limit 1) ended on true
  left join lateral (select scheduled_for from executions where executions.id = ended.run_id limit 1) first on true
  where case told.event
      when 'task.failed' then coalesce(task.notify_on_failure, organizations.notify_on_failure)
      when 'task.recovered' then coalesce(task.notify_on_recovery, organizations.notify_on_recovery)
      else true
    end
  for key share of channel;
end
$function$;
)sql";

void store_notices(Session& session, std::span<const NewNotice> notices) {
  if (notices.empty()) return;
  static const std::string sql = "select store_notices($1, $2, $3, $4, $5, $6, $7, $8)";
  Parameters parameters;
  parameters.add_each(notices, [](const NewNotice& one) { return one.organization_id; });
  parameters.add_each(notices, [](const NewNotice& one) { return one.event; });
  parameters.add_each(notices, [](const NewNotice& one) { return one.occurred_at; });
  parameters.add_each(notices, [](const NewNotice& one) { return one.since; });
  parameters.add_each(notices, [](const NewNotice& one) { return storable(one.subject); });
  parameters.add_each(notices, [](const NewNotice& one) { return storable(one.detail); });
  parameters.add_each(notices, [](const NewNotice& one) { return one.task_id; });
  parameters.add_each(notices, [](const NewNotice& one) { return one.execution_id; });
  (void)session.run(sql, parameters);
}

}  // namespace punctual::postgres
