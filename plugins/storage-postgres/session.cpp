#include "session.hpp"

#include <poll.h>
#include <soci/postgresql/soci-postgresql.h>

#include <array>
#include <charconv>

#include "sql_errors.hpp"

namespace punctual::postgres {
namespace {

// Generic plans: statements are prepared once, and a plan made for one batch must do for the next. Without sequential scans:
// a leaf that was empty when it was analysed would otherwise be scanned for as long as the plan is cached.
// Durability is not left to the server's default: accepted means on disk.
std::string set_up(const SessionOptions& options) {
  return "set search_path = " + options.schema +
         R"sql(;
    set plan_cache_mode = force_generic_plan;
    set enable_seqscan = off;
    set jit = off;
    set timezone = 'UTC';
    set client_min_messages = warning;
    set idle_in_transaction_session_timeout = '15s';
    set statement_timeout = )sql" +
         std::to_string(options.statement_timeout.count()) +
         R"sql(;
    select set_config('synchronous_commit', 'on', false)
    where current_setting('synchronous_commit') in ('off', 'local', 'remote_write');)sql";
}

std::string one_line(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  for (char& c : text) {
    if (c == '\n') c = ' ';
  }
  return text;
}

}  // namespace

std::size_t Rows::changed() const {
  const std::string_view text = PQcmdTuples(result_.get());
  std::size_t count = 0;
  std::from_chars(text.data(), text.data() + text.size(), count);
  return count;
}

Session::Session(const SessionOptions& options) try
    : session_(soci::postgresql, options.conninfo),
      native_(static_cast<soci::postgresql_session_backend*>(session_.get_backend())->conn_) {
  PQsetNoticeProcessor(
      native_, [](void*, const char*) {}, nullptr);
  script(set_up(options));
} catch (const soci::soci_error& problem) {
  throw Unavailable("no connection to Postgres: " + one_line(problem.what()));
}

const std::string& Session::prepared(const std::string& sql, const Parameters& parameters) {
  const auto [found, is_new] = statements_.try_emplace(&sql);
  if (!is_new) return found->second;
  const std::string name = "s" + std::to_string(statements_.size());
  try {
    (void)checked(PQprepare(native_, name.c_str(), sql.c_str(), static_cast<int>(parameters.types().size()),
                            parameters.types().data()));
  } catch (...) {
    statements_.erase(found);
    throw;
  }
  return found->second = name;
}

Rows Session::run(const std::string& sql, const Parameters& parameters) {
  const std::string& name = prepared(sql, parameters);
  const std::size_t count = parameters.values().size();
  std::vector<const char*> values(count);
  std::vector<int> lengths(count);
  const std::vector<int> formats(count, 1);
  for (std::size_t i = 0; i < count; ++i) {
    const auto& value = parameters.values()[i];
    values[i] = value ? value->data() : nullptr;
    lengths[i] = value ? static_cast<int>(value->size()) : 0;
  }
  return checked(
      PQexecPrepared(native_, name.c_str(), static_cast<int>(count), values.data(), lengths.data(), formats.data(), 1));
}

void Session::script(const std::string& sql) { (void)checked(PQexec(native_, sql.c_str())); }

Rows Session::checked(PGresult* result) {
  Rows rows(result);
  const auto status = PQresultStatus(result);
  if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) return rows;
  const char* state = result == nullptr ? nullptr : PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const char* detail = result == nullptr ? nullptr : PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  throw_sql_error(state == nullptr ? "" : state, one_line(detail == nullptr ? PQerrorMessage(native_) : detail));
}

bool Session::in_transaction() const { return PQtransactionStatus(native_) != PQTRANS_IDLE; }

bool Session::usable() {
  pollfd entry{PQsocket(native_), POLLIN, 0};
  // What a server sends to an idle connection is its end, or notices and parameters, which are read here.
  if (::poll(&entry, 1, 0) != 0) {
    if (PQconsumeInput(native_) == 0) return false;
    // An orderly end comes as a message first; reading on finds the end of the stream.
    if (PGresult* message = PQisBusy(native_) == 0 ? PQgetResult(native_) : nullptr) PQclear(message);
    if (::poll(&entry, 1, 0) != 0 && PQconsumeInput(native_) == 0) return false;
  }
  return PQstatus(native_) == CONNECTION_OK;
}

bool Session::clean() noexcept {
  try {
    if (PQstatus(native_) != CONNECTION_OK) return false;
    if (in_transaction()) script("rollback");
    return !in_transaction();
  } catch (const std::exception&) {
    return false;
  }
}

Transaction::Transaction(Session& session) : session_(session) { session_.script("begin"); }

Transaction::~Transaction() {
  if (open_) (void)session_.clean();
}

void Transaction::commit() {
  open_ = false;
  session_.script("commit");
}

}  // namespace punctual::postgres
