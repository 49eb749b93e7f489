#include "postgres_store.hpp"

#include "connection_string.hpp"
#include "leaves.hpp"
#include "punctual/errors.hpp"
#include "replies.hpp"
#include "schema.hpp"

namespace punctual::postgres {
namespace {

constexpr std::size_t rows_a_clearing = 1000;
constexpr milliseconds page_timeout{10'000};

std::string checked_schema(std::string name) {
  const auto allowed = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
  const bool good = !name.empty() && name.size() <= 50 && !(name[0] >= '0' && name[0] <= '9') &&
                    std::all_of(name.begin(), name.end(), allowed);
  if (!good) throw Invalid("postgres.schema", "must be a name of lower-case letters, digits and underscores");
  return name;
}

SessionOptions with_timeout(SessionOptions options, milliseconds timeout) {
  options.statement_timeout = timeout;
  return options;
}

}  // namespace

Migration PostgresMaintenance::migrate() {
  // A session of its own: a migration may take longer than any statement of the others.
  SessionOptions options = with_timeout(options_, milliseconds{0});
  Session session(options);
  Transaction transaction(session);
  const Migration migration = migrate_schema(session, options_.schema);
  transaction.commit();
  return migration;
}

bool PostgresMaintenance::reachable() noexcept {
  static const std::string sql = "select 1";
  try {
    return pool_.read([](Session& session) { return !session.run(sql).empty(); });
  } catch (const std::exception&) {
    return false;
  }
}

std::size_t PostgresMaintenance::expire_replies(Time before, std::size_t limit) {
  return pool_.write([&](Session& session) { return postgres::expire_replies(session, before, limit); });
}

UpkeepReport PostgresMaintenance::upkeep(const Upkeep& upkeep) {
  UpkeepReport report = tend_leaves(pool_, upkeep);
  UpkeepReport more = clear_keep(pool_, upkeep, rows_a_clearing);
  report.done.insert(report.done.end(), more.done.begin(), more.done.end());
  (void)pool_.write([&](Session& session) { return remove_idle_lines(session, upkeep.now, rows_a_clearing); });
  return report;
}

PostgresStore::Options PostgresStore::read(const Settings& settings) {
  Options out;
  out.session.conninfo = connection_string(settings.string("storage.url"));
  out.session.schema = checked_schema(settings.string("postgres.schema"));
  out.session.statement_timeout = settings.duration("postgres.statement_timeout");
  if (out.session.statement_timeout < milliseconds{100}) {
    throw Invalid("postgres.statement_timeout", "must be at least 100ms");
  }
  const auto size = settings.integer("postgres.pool_size");
  if (size < 4 || size > 1000) throw Invalid("postgres.pool_size", "must be between 4 and 1000");
  out.pool_size = static_cast<std::size_t>(size);
  out.patience = settings.duration("postgres.pool_timeout");
  if (out.patience < milliseconds{1}) throw Invalid("postgres.pool_timeout", "must be at least 1ms");
  return out;
}

PostgresStore::PostgresStore(const Settings& settings, Host& host) : PostgresStore(read(settings), host) {}

// Two thirds for work, one third for pages; three more for what must never wait.
PostgresStore::PostgresStore(const Options& options, Host& host)
    : work_pool_(options.session, "work", options.pool_size - options.pool_size / 3, options.patience, host.metrics()),
      page_pool_(with_timeout(options.session, std::min(options.session.statement_timeout, page_timeout)), "pages",
                 options.pool_size / 3, options.patience, host.metrics()),
      lease_pool_(options.session, "lease", 1, options.patience, host.metrics()),
      upkeep_pool_(options.session, "upkeep", 1, options.patience, host.metrics()),
      work_(work_pool_, floor_, message_floor_, host.metrics()),
      outbox_(work_pool_, message_floor_),
      leases_(lease_pool_, upkeep_pool_, floor_, message_floor_),
      signals_(options.session, lease_pool_, host),
      tasks_(work_pool_, page_pool_, floor_),
      queues_(work_pool_, page_pool_),
      groups_(work_pool_, floor_),
      execution_changes_(work_pool_, floor_),
      schedules_(work_pool_, floor_),
      directory_(work_pool_),
      audit_(page_pool_, upkeep_pool_),
      quotas_(work_pool_),
      maintenance_(upkeep_pool_, options.session),
      hosts_(work_pool_, floor_),
      channels_(work_pool_, page_pool_, upkeep_pool_) {}

}  // namespace punctual::postgres
