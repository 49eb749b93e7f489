#include "postgres/plans_fixture.hpp"

#include <algorithm>

namespace punctual::testing {

PlansFixture::PlansFixture() {
  for (int week = 0; week <= 5; ++week)
    (void)store().maintenance().upkeep({at(week * 7 * std::chrono::days{1}), 24h * 60});
  // Statistics are those that a test asks for: autovacuum would change plans whenever it comes by.
  session.execute(R"sql(
    set search_path = punctual;
    do $$
    declare
      one regclass;
    begin
      for one in select oid from pg_class where relnamespace = 'punctual'::regnamespace and relkind = 'r' loop
        execute format('alter table %s set (autovacuum_enabled = off)', one);
      end loop;
    end
    $$;
    insert into organizations
    select lpad(to_hex(n), 32, '0')::uuid, n::text, '{whsec_1}', '2026-03-01'
    from generate_series(0, 199) n;
    create function id_at(at timestamptz, number bigint) returns uuid
    language sql
    return overlay(id_floor(at)::text placing right(lpad(to_hex(number), 12, '0'), 12) from 25)::uuid;)sql");
}

void PlansFixture::fill() {
  session.execute(R"sql(
    insert into tasks (id, organization_id, inserted_at, updated_at, last_execution_at, last_execution_status, timeout_ms,
      retry_attempts, tier, enabled, schedule_type, timezone, misfire, overlap, method, name, url, headers, body)
    select id_at(at, n), lpad(to_hex(n % 200), 32, '0')::uuid, at, at, at, 'success', 30000, 5, 'w', true, 'once', 'UTC',
      'last', 'allow', 'POST', 'name', 'http://example.com/', '', ''
    from (select n, '2026-02-23'::timestamptz + n * interval '165 seconds' as at from generate_series(1, 20000) n) made;
    insert into executions (id, task_id, organization_id, run_id, scheduled_for, finished_at, attempt, status, tier, holds,
      by_schedule)
    select id, id, organization_id, id, inserted_at, inserted_at, 1, 'success', 'w', true, false
    from tasks;

    insert into tasks (id, organization_id, inserted_at, updated_at, next_run_at, timeout_ms, retry_attempts, tier, enabled,
      schedule_type, timezone, misfire, overlap, method, name, url, headers, body)
    select id_at('2026-02-25', n), lpad(to_hex(case when n % 26 > 0 then 100 else n / 26 % 200 end), 32, '0')::uuid,
      '2026-02-25', '2026-02-25', '2026-02-28'::timestamptz + n * interval '1 millisecond', 30000, 5,
      (case when n % 2 = 0 then 'w' else 'k' end)::"char", true, 'once', 'UTC', 'last', 'allow', 'POST', 'name',
      'http://example.com/', '', ''
    from generate_series(1, 26000) n;
    insert into executions (id, task_id, organization_id, run_id, scheduled_for, attempt, status, tier, holds, by_schedule)
    select id, id, organization_id, id, next_run_at, 1, 'pending', 'k', false, false
    from tasks
    where next_run_at is not null;)sql");
}

void PlansFixture::analyze() { session.execute("analyze tasks; analyze executions; analyze queues;"); }

OrganizationId PlansFixture::organization(int number) {
  OrganizationId id;
  id.value.bytes[15] = static_cast<std::uint8_t>(number);
  return id;
}

double most_rows(const std::vector<Plan>& plans) {
  double most = 0;
  for (const Plan& plan : plans) {
    for (const PlanStep& step : plan.steps) {
      // A bitmap of a primary key also has the entries of versions that are gone; its heap scan says what was read.
      const bool entries_only = step.type == "Bitmap Index Scan" && step.index.ends_with("_pkey");
      if (!entries_only) most = std::max(most, step.read());
    }
  }
  return most;
}

namespace {

// A bitmap is read from its index by a step of its own, which names no table.
template <class See>
void each_read(const std::vector<Plan>& plans, const std::string& table, See see) {
  for (const Plan& plan : plans) {
    for (const PlanStep& step : plan.steps) {
      const std::string& name = step.index.empty() ? step.table : step.index;
      const bool reads = step.ran() && step.type != "ModifyTable" && step.type != "Bitmap Heap Scan";
      if (reads && name.starts_with(table)) see(step);
    }
  }
}

}  // namespace

std::set<std::string> indexes_used(const std::vector<Plan>& plans, const std::string& table) {
  std::set<std::string> out;
  each_read(plans, table, [&](const PlanStep& step) { out.insert(step.index.empty() ? step.type : step.index); });
  return out;
}

std::set<std::string> leaves_read(const std::vector<Plan>& plans, const std::string& table) {
  std::set<std::string> out;
  each_read(plans, table, [&](const PlanStep& step) {
    if (step.index.ends_with("_pkey")) out.insert(step.index.substr(0, step.index.size() - 5));
  });
  return out;
}

}  // namespace punctual::testing
