#include "schema.hpp"

#include <array>
#include <string>

#include "punctual/errors.hpp"

namespace punctual::sqlite {
namespace {

// Instants are microseconds since 1970. An execution is pending or running exactly while finished_at is null.
constexpr const char* first_tables = R"sql(
create table organizations (
  id blob primary key not null,
  name text not null unique,
  signing_secrets text not null, -- JSON array, newest first
  inserted_at integer not null,
  old_secret_until integer, -- when the second secret ends
  min_cron_interval_s integer,
  max_tasks integer,
  retention_s integer,
  notify_on_failure integer not null default 1,
  notify_on_recovery integer not null default 1
) strict, without rowid;

create table api_keys (
  id blob primary key not null,
  organization_id blob not null references organizations (id),
  public_id text not null unique,
  secret_hash blob not null,
  inserted_at integer not null,
  last_used_at integer,
  revoked_at integer,
  expires_at integer,
  name text not null
) strict, without rowid;

create index api_keys_by_organization on api_keys (organization_id, inserted_at, id);

create table tasks (
  id blob primary key not null,
  organization_id blob not null references organizations (id),
  inserted_at integer not null,
  updated_at integer not null,
  deleted_at integer,
  last_execution_at integer,
  last_execution_status text,
  next_run_at integer,
  schedule_type text not null,
  enabled integer not null,
  queue text,
  cron_expression text,
  timezone text not null,
  scheduled_at integer,
  misfire text not null,
  overlap text not null,
  timeout_ms integer not null,
  retry_attempts integer not null,
  retry_delay_s integer,
  retry_max_delay_s integer,
  expires_in_s integer,
  notify_on_failure integer,
  notify_on_recovery integer,
  failing_since integer,  -- when the run ended with which it began to fail; null: the one that ended last succeeded
  failing_before integer, -- what failing_since was before the run that ended last
  method text not null,
  name text not null,
  url text not null,
  callback_url text,
  on_failure_url text,
  on_recovery_url text,
  expected_status_codes text,
  expected_body_pattern text,
  headers text not null, -- JSON, [["Name","value"],…]
  body text not null
) strict;

-- Read backwards: nulls, which are the smallest here, come last.
create index tasks_listed on tasks (organization_id, last_execution_at, inserted_at, id)
  where deleted_at is null;

create index tasks_of_queue on tasks (organization_id, queue, last_execution_at, inserted_at, id)
  where deleted_at is null and queue is not null;

create index tasks_unsuccessful on tasks (organization_id, last_execution_status, last_execution_at, inserted_at, id)
  where deleted_at is null and last_execution_status in ('failed', 'timeout', 'missed', 'cancelled');

create index tasks_cron on tasks (organization_id, last_execution_at, inserted_at, id)
  where deleted_at is null and schedule_type = 'cron';

create index tasks_scheduled on tasks (next_run_at)
  where schedule_type = 'cron' and enabled = 1 and deleted_at is null and next_run_at is not null;

create table executions (
  id blob primary key not null,
  task_id blob not null,
  organization_id blob not null,
  run_id blob not null,
  attempt integer not null,
  status text not null,
  scheduled_for integer not null,
  node_id blob,        -- set exactly while running
  claim_token integer, -- set exactly while running
  rescues integer not null default 0,
  holds integer not null, -- has been claimed or is a retry: first in its line
  by_schedule integer not null, -- made by a cron schedule
  followed integer not null default 0, -- has ended, and its run went on or a client has retried it
  cancelled_at integer, -- when a client asked for its end while it was being sent: however it ends, it ends as cancelled
  queue text,
  held_host text,    -- waits until this host opens, …
  hold_ends integer, -- … or until then
  started_at integer,
  finished_at integer,
  status_code integer,
  duration_ms integer,
  error_message text,
  check ((finished_at is null) = (status in ('pending', 'running'))),
  check ((claim_token is not null) = (status = 'running'))
) strict, without rowid;

-- What is held is not in it, so that a claim does not walk over it.
create index executions_due on executions (scheduled_for, id)
  where status = 'pending' and queue is null and held_host is null;

create index executions_in_line on executions (organization_id, queue, status, holds desc, scheduled_for, id)
  where finished_at is null and queue is not null;

create index executions_live on executions (status, task_id, scheduled_for)
  where finished_at is null;

create index executions_of_task on executions (task_id, scheduled_for, id);

create index executions_listed on executions (organization_id, scheduled_for, id);

create index executions_of_queue on executions (organization_id, queue, scheduled_for, id)
  where queue is not null;

create index executions_waiting on executions (organization_id, scheduled_for, id)
  where status = 'pending' and queue is not null;

create index executions_unsuccessful on executions (organization_id, status, followed, scheduled_for, id)
  where status in ('failed', 'timeout', 'missed', 'cancelled');

-- What came back, apart from the executions so that pages of those stay small.
create table responses (
  execution_id blob primary key not null,
  request_method text not null,
  request_url text not null,
  headers text not null, -- JSON, [["Name","value"],…]
  body text
) strict, without rowid;

-- What may be claimed of the lines of queued executions, at ready_at: as many of each as have a slot. A line in which all
-- slots run, a paused one and an empty one have no row.
-- What is held for its host has none.
create table lines (
  organization_id blob not null,
  queue text not null,
  head_id blob not null,
  ready_at integer not null,
  primary key (organization_id, queue, head_id)
) strict, without rowid;

create index lines_ready on lines (ready_at, head_id);

create table replies (
  organization_id blob not null,
  key text not null,
  request blob not null,
  at integer not null,
  status integer not null,
  body text not null,
  primary key (organization_id, key)
) strict, without rowid;

create index replies_by_age on replies (at);

create table audit_entries (
  id integer primary key,
  organization_id blob not null,
  at integer not null,
  actor text not null,
  action text not null,
  subject text not null,
  detail text not null,
  changes text not null -- JSON
) strict;
)sql";

constexpr const char* caps_turns_and_retention = R"sql(
alter table organizations add column max_concurrent integer;

create index executions_due_of_organization on executions (organization_id, scheduled_for, id)
  where status = 'pending' and queue is null and held_host is null;

-- With the status, so that counting needs no rows.
create index executions_running on executions (organization_id, status)
  where status = 'running';

create index executions_finished on executions (organization_id, finished_at)
  where finished_at is not null;

create index tasks_deleted on tasks (organization_id, deleted_at)
  where deleted_at is not null;

create index lines_ready_of_organization on lines (organization_id, ready_at, head_id);

-- What is set for a line; one without a row is as by default.
create table queues (
  organization_id blob not null,
  name text not null,
  configured integer not null, -- a client has set concurrency and rate
  paused integer not null,
  concurrency integer not null check (concurrency between 1 and 100),
  rate text,
  next_at integer, -- of the rate: QueuePace
  primary key (organization_id, name),
  check (configured = 1 or paused = 1)
) strict, without rowid;

-- What a sync looks for, and what max_tasks counts.
create index tasks_cron_names on tasks (organization_id, name)
  where schedule_type = 'cron' and deleted_at is null;

-- What is still to be told about attempts that have ended.
create table outbox (
  id blob primary key not null,
  organization_id blob not null,
  task_id blob not null,
  execution_id blob not null,
  event text not null,
  final integer not null, -- the run has ended with that attempt
  ended_as text, -- the attempt's status, where it is not the one that its settlement had
  attempts integer not null default 0,
  next_at integer not null,
  node_id blob,        -- set exactly while claimed
  claim_token integer, -- set exactly while claimed
  url text not null,
  content text not null
) strict;

create index outbox_due on outbox (next_at)
  where claim_token is null;

create index outbox_due_of_organization on outbox (organization_id, next_at, id)
  where claim_token is null;

create index outbox_claimed on outbox (node_id)
  where claim_token is not null;

-- Hosts that something is the matter with (HostState in punctual/hosts.hpp).
create table hosts (
  organization_id blob not null,
  name text not null,
  phase text not null,
  until integer not null,
  openings integer not null,
  trial blob,
  trial_until integer not null,
  pace integer not null,
  next_at integer not null,
  primary key (organization_id, name)
) strict, without rowid;

create index hosts_due on hosts (next_at);

-- With the status, so that counting needs no rows.
create index executions_held on executions (organization_id, held_host, scheduled_for, id, status)
  where held_host is not null and status = 'pending';

create index executions_held_listed on executions (organization_id, scheduled_for, id)
  where held_host is not null and queue is null and status = 'pending';

create index executions_hold_ends on executions (hold_ends)
  where hold_ends is not null and status = 'pending';

-- Organisations with a monthly quota: how many runs have begun in the month. told: 1 near, 2 reached.
create table quotas (
  organization_id blob primary key not null,
  most integer not null,
  month integer not null, -- its first instant
  used integer not null,
  told integer not null default 0
) strict, without rowid;

-- Whom an organisation tells what has happened, and what is still to be told (punctual/channels.hpp).
create table channels (
  id blob primary key not null,
  organization_id blob not null references organizations (id),
  name text not null,
  plugin text not null,
  settings text not null, -- JSON
  events integer not null, -- NoticeEvents::bits
  enabled integer not null,
  inserted_at integer not null,
  updated_at integer not null,
  window_at integer, -- when its window (notice_throttle) began, …
  window_used integer not null default 0, -- … and how many notices were given in it
  unique (organization_id, name)
) strict, without rowid;

-- Ids are in the order of occurred_at.
create table notices (
  id blob primary key not null,
  channel_id blob not null references channels (id) on delete cascade,
  event text not null,
  occurred_at integer not null,
  since integer,
  subject text not null,
  detail text not null,
  task_id blob,
  execution_id blob,
  attempts integer not null default 0,
  next_at integer, -- null exactly while dead
  dead_at integer,
  node_id blob,        -- set exactly while claimed
  claim_token integer, -- set exactly while claimed
  last_error text not null default '',
  check ((next_at is null) = (dead_at is not null)),
  check (claim_token is null or dead_at is null)
) strict;

create index notices_listed on notices (channel_id, (dead_at is not null), id);
create index notices_due on notices (channel_id, next_at, id)
  where claim_token is null and dead_at is null;
create index notices_claimed on notices (node_id)
  where claim_token is not null;
create index notices_claimed_of_channel on notices (channel_id)
  where claim_token is not null;
create index notices_dead on notices (dead_at)
  where dead_at is not null;

-- Lines about which it has been told that they stand still, and because of which run at their head.
create table stalled_lines (
  organization_id blob not null,
  queue text not null,
  run_id blob not null,
  primary key (organization_id, queue)
) strict, without rowid;

create index audit_entries_listed on audit_entries (organization_id, at, id);
create index audit_entries_of_action on audit_entries (organization_id, action, at, id);
create index audit_entries_of_subject on audit_entries (organization_id, subject, at, id);
create index audit_entries_by_age on audit_entries (at);
)sql";

// Step n brings version n to n + 1.
constexpr std::array steps{first_tables, caps_turns_and_retention};
static_assert(steps.size() == newest_schema);

int version_of(Connection& connection) {
  Query query(connection, "pragma user_version");
  return query.next() ? query.get<int>(0) : 0;
}

}  // namespace

Migration migrate_schema(Connection& connection, int to) {
  const int found = version_of(connection);
  if (found > to) {
    throw Conflict("the database has schema version " + std::to_string(found) + ", newer than this program knows (" +
                   std::to_string(to) + "): use the program that made it, or a newer one");
  }
  for (int version = found; version < to; ++version) {
    connection.run_script(steps[static_cast<std::size_t>(version)]);
  }
  if (found != to) {
    const std::string record = "pragma user_version = " + std::to_string(to);
    connection.run_script(record.c_str());
  }
  return {found, to};
}

}  // namespace punctual::sqlite
