#include "caps.hpp"

namespace punctual::postgres {
namespace {

// Whoever begins runs or writes their results holds this lock shared (claim_work, insert_work, settle_work). Alone, all runs
// that have begun can be seen, and none ends while they are counted. Not waited for longer than others can be let wait.
void lock_runs(Session& session) {
  session.script("set local lock_timeout = '250ms'");
  static const std::string sql = "select pg_advisory_xact_lock(hashtextextended('caps', 3))";
  (void)session.run(sql);
}

// In the order in which everybody locks executions.
const std::string count_running = R"sql(
    with counted as (
      update executions
      set counted = $2
      from (
        select id
        from executions
        where organization_id = $1
          and status = 'running'
        order by id
        for update) running
      where executions.id = running.id
      returning true
    )
    select count(*) from counted)sql";

}  // namespace

void set_cap(Session& session, OrganizationId organization, std::optional<int> before, std::optional<int> most) {
  static const std::string change = R"sql(
    update caps
    set most = $2
    where organization_id = $1)sql";
  static const std::string add = R"sql(
    insert into caps (organization_id, most, used)
    values ($1, $2, $3))sql";
  static const std::string drop = R"sql(
    delete from caps
    where organization_id = $1)sql";
  if (before && most) {
    (void)session.run(change, organization, std::int32_t{*most});
    return;
  }
  lock_runs(session);
  const Rows counted = session.run(count_running, organization, most.has_value());
  if (most) {
    const auto used = static_cast<std::int32_t>(counted.get<std::int64_t>(0, 0));
    (void)session.run(add, organization, std::int32_t{*most}, used);
  } else {
    (void)session.run(drop, organization);
  }
}

}  // namespace punctual::postgres
