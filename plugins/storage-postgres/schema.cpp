#include "schema.hpp"

#include <array>

#include "functions.hpp"
#include "punctual/errors.hpp"

namespace punctual::postgres {
namespace {

// Locks a migration; any number that nothing else uses.
constexpr std::int64_t migration_lock = 0x70756e6374;

// An execution is pending or running exactly while finished_at is null. Tier 'k' (keep) is the leaf of everything that has
// no natural week: recurring tasks, tasks that are due long after their id, whatever is pending, ids without a leaf. Tier
// 'w' is divided by id into leaves of some days, which are made ahead and dropped behind (partitions.hpp).
const std::string first_tables = R"sql(
create type execution_status as enum ('pending', 'running', 'success', 'failed', 'timeout', 'missed', 'cancelled');

create table organizations (
  id uuid primary key,
  name text not null unique,
  signing_secrets text[] not null, -- newest first
  inserted_at timestamptz not null,
  old_secret_until timestamptz, -- when the second secret ends
  min_cron_interval_s bigint,
  max_tasks bigint,
  retention_s bigint,
  notify_on_failure boolean not null default true,
  notify_on_recovery boolean not null default true
);

-- Organisations with a cap: how many of their executions run on all servers together.
create table caps (
  organization_id uuid primary key,
  most integer not null check (most > 0),
  used integer not null check (used >= 0)
) with (fillfactor = 50);

create table api_keys (
  id uuid primary key,
  organization_id uuid not null references organizations (id),
  public_id text not null unique,
  secret_hash bytea not null,
  inserted_at timestamptz not null,
  last_used_at timestamptz,
  revoked_at timestamptz,
  expires_at timestamptz,
  name text not null
);

create index api_keys_by_organization on api_keys (organization_id, inserted_at, id);

create table tasks (
  id uuid not null,
  organization_id uuid not null,
  inserted_at timestamptz not null,
  updated_at timestamptz not null,
  deleted_at timestamptz,
  last_execution_at timestamptz,
  next_run_at timestamptz,
  scheduled_at timestamptz,
  failing_since timestamptz,  -- when the run ended with which it began to fail; null: the one that ended last succeeded
  failing_before timestamptz, -- what failing_since was before the results that were stored last
  timeout_ms bigint not null,
  retry_delay_s bigint,
  retry_max_delay_s bigint,
  expires_in_s bigint,
  retry_attempts integer not null,
  last_execution_status execution_status,
  tier "char" not null,
  enabled boolean not null,
  notify_on_failure boolean,
  notify_on_recovery boolean,
  schedule_type text not null,
  queue text,
  cron_expression text,
  timezone text not null,
  misfire text not null,
  overlap text not null,
  method text not null,
  name text not null,
  url text not null,
  callback_url text,
  on_failure_url text,
  on_recovery_url text,
  expected_status_codes text,
  expected_body_pattern text,
  headers bytea not null, -- lines "Name: value", each ended by CR LF
  body bytea not null,
  primary key (id, tier)
) partition by list (tier);

create table tasks_keep partition of tasks for values in ('k') with (fillfactor = 85);
create table tasks_weeks partition of tasks for values in ('w') partition by range (id);

create index tasks_listed on tasks (organization_id, last_execution_at desc nulls last, inserted_at desc, id desc)
  where deleted_at is null;
create index tasks_of_queue
  on tasks (organization_id, queue, last_execution_at desc nulls last, inserted_at desc, id desc)
  where deleted_at is null and queue is not null;
create index tasks_unsuccessful
  on tasks (organization_id, last_execution_status, last_execution_at desc nulls last, inserted_at desc, id desc)
  where deleted_at is null and last_execution_status in ('failed', 'timeout', 'missed', 'cancelled');
create index tasks_keep_cron
  on tasks_keep (organization_id, last_execution_at desc nulls last, inserted_at desc, id desc)
  where deleted_at is null and schedule_type = 'cron';

create index tasks_keep_scheduled on tasks_keep (next_run_at)
  where schedule_type = 'cron' and enabled and deleted_at is null and next_run_at is not null;

create index tasks_keep_over on tasks_keep ((coalesce(deleted_at, last_execution_at)))
  where deleted_at is not null or (schedule_type = 'once' and next_run_at is null);

create table executions (
  id uuid not null,
  task_id uuid not null,
  organization_id uuid not null,
  run_id uuid not null,
  scheduled_for timestamptz not null,
  started_at timestamptz,
  finished_at timestamptz,
  claim_token bigint, -- set exactly while running
  node_id uuid,       -- set exactly while running
  duration_ms bigint,
  line_at timestamptz, -- its place in the line of its queue …
  line_seq bigint,     -- … and among those of the same instant
  cancelled_at timestamptz, -- when a client asked for its end while it was being sent: however it ends, it ends as cancelled
  attempt integer not null,
  rescues integer not null default 0,
  status_code integer,
  status execution_status not null,
  tier "char" not null,
  holds boolean not null,       -- has been claimed or is a retry: first in its line
  by_schedule boolean not null, -- made by a cron schedule
  counted boolean not null default false, -- among those of its organisation that caps.used counts
  followed boolean not null default false, -- has ended, and its run went on or a client has retried it
  queue text,
  held_host text,         -- waits until this host opens, …
  hold_ends timestamptz,  -- … or until then
  request_method text,
  request_url text,
  error_message text,
  response_headers bytea, -- as tasks.headers
  response_body bytea,
  primary key (id, tier),
  check ((finished_at is null) = (status in ('pending', 'running'))),
  check ((claim_token is not null) = (status = 'running')),
  check (tier = 'k' or status <> 'pending')
) partition by list (tier);

create table executions_keep partition of executions for values in ('k') with (fillfactor = 85);
create table executions_weeks partition of executions for values in ('w') partition by range (id);

create index executions_listed on executions (organization_id, scheduled_for desc, id desc);
create index executions_of_task on executions (task_id, scheduled_for desc, id desc);
create index executions_claimed on executions (node_id) where status = 'running';
-- Only lists name a time: the second condition keeps the index from all that looks for what lives in a line.
create index executions_of_queue on executions (organization_id, queue, scheduled_for desc, id desc)
  where queue is not null and scheduled_for is not null;
create index executions_unsuccessful
  on executions (organization_id, status, followed, scheduled_for desc, id desc)
  where status in ('failed', 'timeout', 'missed', 'cancelled');

-- What is held is in neither, so that a claim does not walk over it.
create index executions_keep_due on executions_keep (scheduled_for, id)
  where status = 'pending' and queue is null and held_host is null;
create index executions_keep_due_by_organization on executions_keep (organization_id, scheduled_for, id)
  where status = 'pending' and queue is null and held_host is null;
create index executions_keep_held on executions_keep (organization_id, held_host, scheduled_for, id)
  where status = 'pending' and held_host is not null;
create index executions_keep_held_listed on executions_keep (organization_id, scheduled_for desc, id desc)
  where status = 'pending' and queue is null and held_host is not null;
create index executions_keep_hold_ends on executions_keep (hold_ends)
  where status = 'pending' and hold_ends is not null;
-- Those that run first: only they have a token.
create index executions_keep_lines on executions_keep
  (organization_id, queue, claim_token, holds desc, line_at, line_seq)
  where queue is not null and status in ('pending', 'running');
create index executions_keep_waiting on executions_keep (organization_id, scheduled_for desc, id desc)
  where queue is not null and status = 'pending';
create index executions_keep_live on executions_keep (task_id)
  where status in ('pending', 'running');
create index executions_keep_over on executions_keep (finished_at)
  where finished_at is not null;

create sequence line_places;

-- One line each, whether anything is set for it or not. tail: the place of the latest that was due when it was stored.
-- ready_at: when something of it may be claimed; null while nothing can be. rate_at_once, rate_every, next_at: QueuePace.
create table queues (
  organization_id uuid not null,
  name text not null,
  configured boolean not null default false, -- a client has set concurrency and rate
  paused boolean not null default false,
  concurrency integer not null default 1 check (concurrency between 1 and 100),
  rate text,
  rate_at_once integer,
  rate_every interval,
  next_at timestamptz,
  held_until timestamptz, -- nothing is given out before, so that a deletion of what waits comes to its end
  ready_at timestamptz,
  tail timestamptz,
  stalled_run uuid, -- the run at its head because of which it was last told that it stands still
  primary key (organization_id, name)
) with (fillfactor = 50);

create index queues_set on queues (organization_id, name) where configured or paused;

create index queues_ready on queues (ready_at) where not paused and ready_at is not null;
create index queues_ready_by_organization on queues (organization_id, ready_at) where not paused and ready_at is not null;

-- The leaves of both tables: ids from lower on, below upper.
create table leaves (
  lower uuid primary key,
  upper uuid not null,
  since timestamptz not null,
  until timestamptz not null,
  suffix text not null unique
);

create table replies (
  organization_id uuid not null,
  key bytea not null, -- a client may send any bytes
  request bytea not null,
  at timestamptz not null,
  status integer not null,
  body text not null,
  primary key (organization_id, key)
);

create index replies_by_age on replies (at);

create table audit_entries (
  id bigint generated always as identity primary key,
  organization_id uuid not null,
  at timestamptz not null,
  actor text not null,
  action text not null,
  subject text not null,
  detail text not null,
  changes text not null default '{}' -- JSON
);

-- The servers. beats counts heartbeats: that it has stood still is what shows a server to be dead, not a clock.
create table nodes (
  id uuid primary key,
  host text not null,
  pid bigint not null,
  since timestamptz not null,
  beats bigint not null default 0,
  beat_at timestamptz not null default clock_timestamp() -- for people to read
) with (fillfactor = 20);

-- What a sync looks for, and what max_tasks counts.
create index tasks_keep_cron_names on tasks_keep (organization_id, name)
  where schedule_type = 'cron' and deleted_at is null;

-- What is still to be told about attempts that have ended. Small and ever changing.
create table outbox (
  id uuid primary key,
  organization_id uuid not null,
  task_id uuid not null,
  execution_id uuid not null,
  next_at timestamptz not null,
  claim_token bigint, -- set exactly while claimed
  node_id uuid,       -- set exactly while claimed
  attempts integer not null default 0,
  final boolean not null, -- the run has ended with that attempt
  ended_as text, -- the attempt's status, where it is not the one that its settlement had
  event text not null,
  url text not null,
  content bytea not null,
  check ((claim_token is null) = (node_id is null))
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

create index outbox_due on outbox (next_at, id) where claim_token is null;
create index outbox_due_by_organization on outbox (organization_id, next_at, id) where claim_token is null;
create index outbox_claimed on outbox (node_id) where claim_token is not null;

-- Hosts that something is the matter with (HostState in punctual/hosts.hpp).
create table hosts (
  organization_id uuid not null,
  name text not null,
  until timestamptz not null,
  trial_until timestamptz not null,
  next_at timestamptz not null,
  trial uuid,
  openings integer not null,
  pace integer not null,
  phase text not null,
  primary key (organization_id, name)
) with (fillfactor = 50);

create index hosts_due on hosts (next_at);

-- Organisations with a monthly quota: how many runs have begun in the month. told: 1 near, 2 reached.
create table quotas (
  organization_id uuid primary key,
  most bigint not null,
  month timestamptz not null, -- its first instant
  used bigint not null,
  told integer not null default 0
) with (fillfactor = 50);

-- Whom an organisation tells what has happened, and what is still to be told (punctual/channels.hpp).
create table channels (
  id uuid primary key,
  organization_id uuid not null references organizations (id),
  inserted_at timestamptz not null,
  updated_at timestamptz not null,
  window_at timestamptz, -- when its window (notice_throttle) began, …
  window_used integer not null default 0, -- … and how many notices were given in it
  events integer not null, -- NoticeEvents::bits
  enabled boolean not null,
  name text not null,
  plugin text not null,
  settings text not null, -- JSON
  unique (organization_id, name)
) with (fillfactor = 50);

-- Ids are in the order of occurred_at.
create table notices (
  id uuid primary key,
  channel_id uuid not null references channels (id) on delete cascade,
  task_id uuid,
  execution_id uuid,
  occurred_at timestamptz not null,
  since timestamptz,
  next_at timestamptz, -- null exactly while dead
  dead_at timestamptz,
  claim_token bigint, -- set exactly while claimed
  node_id uuid,       -- set exactly while claimed
  attempts integer not null default 0,
  event text not null,
  subject text not null,
  detail text not null,
  last_error text not null default '',
  check ((next_at is null) = (dead_at is not null)),
  check ((claim_token is null) = (node_id is null)),
  check (claim_token is null or dead_at is null)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

create index notices_listed on notices (channel_id, (dead_at is not null), id);
create index notices_due on notices (channel_id, next_at, id) where claim_token is null and dead_at is null;
create index notices_claimed on notices (node_id) where claim_token is not null;
create index notices_claimed_of_channel on notices (channel_id) where claim_token is not null;
create index notices_dead on notices (dead_at) where dead_at is not null;

create index audit_entries_listed on audit_entries (organization_id, at, id);
create index audit_entries_of_action on audit_entries (organization_id, action, at, id);
create index audit_entries_of_subject on audit_entries (organization_id, subject, at, id);
create index audit_entries_by_age on audit_entries (at);
)sql";

const std::array steps{&first_tables};
constexpr int newest = 1;
static_assert(std::tuple_size_v<decltype(steps)> == newest);

}  // namespace

Migration migrate_schema(Session& session, const std::string& schema) {
  static const std::string lock = "select pg_advisory_xact_lock($1)";
  (void)session.run(lock, migration_lock);
  // Asked first: a server that may not make these can still use them.
  static const std::string there = "select to_regclass('schema_version') is not null";
  if (!session.run(there).get<bool>(0, 0)) {
    session.script("create schema if not exists " + schema +
                   "; create table schema_version (version integer not null)");
  }
  static const std::string read = "select version from schema_version";
  const Rows stored = session.run(read);
  const int found = stored.empty() ? 0 : stored.get<std::int32_t>(0, 0);
  if (found > newest) {
    throw Conflict("the database has schema version " + std::to_string(found) + ", newer than this program knows (" +
                   std::to_string(newest) + "): use the program that made it, or a newer one");
  }
  if (found == newest) return {found, newest};
  for (int version = found; version < newest; ++version) session.script(*steps[static_cast<std::size_t>(version)]);
  for (const std::string* function : hot_path_functions()) session.script(*function);
  static const std::string forget = "delete from schema_version";
  (void)session.run(forget);
  static const std::string record = "insert into schema_version values ($1)";
  (void)session.run(record, newest);
  return {found, newest};
}

}  // namespace punctual::postgres
