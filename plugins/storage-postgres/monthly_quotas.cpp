#include "monthly_quotas.hpp"

#include "audit_log.hpp"
#include "functions.hpp"
#include "notices.hpp"

namespace punctual::postgres {

// over_limits gives the items of a batch, by their places, that limits of their organisations refuse; what of the others begins
// a run is counted. Items that are stored already are none of them. Cron tasks are counted anew behind a lock of their
// organisation, which only those with max_tasks take.
const std::string quota_functions = R"sql(
create or replace function take_quota(p_organization uuid, p_at timestamptz, p_wanted bigint) returns bigint
language plpgsql
as $function$
declare
  v_quota quotas%rowtype;
  v_month constant timestamptz := date_trunc('month', p_at, 'UTC');
  v_taken bigint;
begin
  select * into v_quota from quotas where organization_id = p_organization for update;
  if not found then
    return p_wanted;
  end if;
  if v_month > v_quota.month then
    v_quota.month := v_month;
    v_quota.used := 0;
    v_quota.told := 0;
  end if;
  v_taken := least(p_wanted, greatest(v_quota.most - v_quota.used, 0));
  if v_taken > 0 then
    update quotas
    set month = v_quota.month, used = v_quota.used + v_taken, told = v_quota.told
    where organization_id = p_organization;
  end if;
  return v_taken;
end
$function$;

create or replace function over_limits(
  p_losers bigint[], t_id uuid[], t_organization uuid[], t_inserted timestamptz[], t_type text[], e_id uuid[])
returns bigint[]
language plpgsql
as $function$
declare
  v_over bigint[] := '{}';
  v_asked record;
  v_room bigint;
begin
  if 'cron' = any (t_type) then
    for v_asked in
      select organizations.id, organizations.max_tasks, asked.items
      from (
        select i.organization_id, array_agg(i.ord order by i.ord) as items
        from unnest(t_id, t_organization, t_type) with ordinality as i (id, organization_id, type, ord)
        where i.type = 'cron'
          and i.ord <> all (p_losers)
          and not exists (select from tasks where tasks.id = i.id)
        group by i.organization_id) asked
      join organizations on organizations.id = asked.organization_id
      where organizations.max_tasks is not null
      order by organizations.id
      for no key update of organizations
    loop
      select greatest(v_asked.max_tasks - count(*), 0)
      into v_room
      from tasks_keep
      where organization_id = v_asked.id
        and schedule_type = 'cron'
        and deleted_at is null;
      v_over := v_over || v_asked.items[least(v_room, 1000000)::integer + 1:];
    end loop;
  end if;
  for v_asked in
    select i.organization_id, max(i.inserted_at) as at, array_agg(i.ord order by i.ord) as items
    from unnest(t_id, t_organization, t_inserted, e_id) with ordinality
      as i (id, organization_id, inserted_at, execution_id, ord)
    where i.execution_id is not null
      and i.ord <> all (p_losers)
      and i.ord <> all (v_over)
      and exists (select from quotas where quotas.organization_id = i.organization_id)
      and not exists (select from tasks where tasks.id = i.id)
    group by i.organization_id
    order by i.organization_id
  loop
    v_room := take_quota(v_asked.organization_id, v_asked.at, cardinality(v_asked.items));
    v_over := v_over || v_asked.items[v_room::integer + 1:];
  end loop;
  return v_over;
end
$function$;
)sql";

std::set<OrganizationId> lock_quotas(Session& session, std::span<const OrganizationId> organizations) {
  static const std::string sql = R"sql(
    select organization_id
    from quotas
    where organization_id = any ($1)
    order by organization_id
    for update)sql";
  Parameters parameters;
  parameters.add_each(organizations, [](OrganizationId organization) { return organization; });
  const Rows rows = session.run(sql, parameters);
  std::set<OrganizationId> locked;
  for (std::size_t row = 0; row < rows.size(); ++row) locked.insert(rows.get<OrganizationId>(row, 0));
  return locked;
}

std::optional<std::size_t> lock_quota(Session& session, OrganizationId organization, Time at) {
  static const std::string sql = R"sql(
    select case when month < $2 then most else greatest(most - used, 0) end
    from quotas
    where organization_id = $1
    for update)sql";
  const Rows rows = session.run(sql, organization, month_of(at));
  if (rows.empty()) return std::nullopt;
  return static_cast<std::size_t>(rows.get<std::int64_t>(0, 0));
}

std::size_t take_quota(Session& session, OrganizationId organization, Time at, std::size_t wanted) {
  static const std::string sql = "select take_quota($1, $2, $3)";
  const Rows taken = session.run(sql, organization, at, static_cast<std::int64_t>(wanted));
  return static_cast<std::size_t>(taken.get<std::int64_t>(0, 0));
}

void set_quota(Session& session, OrganizationId organization, std::optional<std::int64_t> most) {
  static const std::string drop = R"sql(
    delete from quotas
    where organization_id = $1)sql";
  static const std::string set = R"sql(
    insert into quotas as quota (organization_id, most, month, used)
    values ($1, $2, 'epoch', 0)
    on conflict (organization_id) do update
    set most = excluded.most,
      told = least(quota.told,
        case when quota.used >= excluded.most then 2 when quota.used * 5 >= excluded.most * 4 then 1 else 0 end))sql";
  if (most) {
    (void)session.run(set, organization, *most);
  } else {
    (void)session.run(drop, organization);
  }
}

std::optional<QuotaUse> PostgresQuotas::find(OrganizationId organization, Time at) {
  static const std::string sql = R"sql(
    select most, case when month < $2 then 0 else used end
    from quotas
    where organization_id = $1)sql";
  return pool_.read([&](Session& session) -> std::optional<QuotaUse> {
    const Rows rows = session.run(sql, organization, month_of(at));
    if (rows.empty()) return std::nullopt;
    return QuotaUse{rows.get<std::int64_t>(0, 0), rows.get<std::int64_t>(0, 1)};
  });
}

std::vector<QuotaNotice> PostgresQuotas::take_notices(Time now,
                                                      const std::function<AuditEntry(const QuotaNotice&)>& describe) {
  // What another server tells of at the same moment is locked, and left to it.
  static const std::string sql = R"sql(
    with untold as (
      select organization_id, told
      from quotas
      where month = $1
        and told < case when used >= most then 2 when used * 5 >= most * 4 then 1 else 0 end
      order by organization_id
      for update skip locked
    ), told as (
      update quotas
      set told = case when used >= most then 2 else 1 end
      from untold
      where quotas.organization_id = untold.organization_id
      returning quotas.organization_id, quotas.most, quotas.used, untold.told
    )
    select told.organization_id, organizations.name, told.most, told.used, told.told
    from told
    join organizations on organizations.id = told.organization_id
    order by told.organization_id)sql";
  return pool_.write([&](Session& session) {
    std::vector<QuotaNotice> notices;
    const Rows rows = session.run(sql, month_of(now));
    for (std::size_t at = 0; at < rows.size(); ++at) {
      QuotaNotice notice{rows.get<OrganizationId>(at, 0),
                         rows.get<std::string>(at, 1),
                         QuotaNotice::Level::near,
                         {rows.get<std::int64_t>(at, 2), rows.get<std::int64_t>(at, 3)}};
      if (rows.get<std::int32_t>(at, 4) < 1) notices.push_back(notice);
      notice.level = QuotaNotice::Level::reached;
      if (notice.use.used >= notice.use.most) notices.push_back(std::move(notice));
    }
    std::vector<NewNotice> told;
    for (const QuotaNotice& notice : notices) {
      const AuditEntry audit = describe(notice);
      write_audit(session, audit);
      const bool reached = notice.level == QuotaNotice::Level::reached;
      told.push_back({notice.organization_id,
                      reached ? NoticeEvent::quota_reached : NoticeEvent::quota_warning,
                      audit.at,
                      {},
                      {},
                      audit.detail});
    }
    store_notices(session, told);
    return notices;
  });
}

}  // namespace punctual::postgres
