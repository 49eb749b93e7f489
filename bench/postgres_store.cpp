#include "postgres_store.hpp"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <vector>

namespace punctual::bench {

namespace {

// Bounds one transaction.
constexpr std::uint32_t rows_a_statement = 100'000;

std::string first_line(const std::filesystem::path& file) {
  std::string line;
  if (!std::getline(std::ifstream(file), line)) throw std::runtime_error("cannot read " + file.string());
  return line;
}

std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    out += c;
    if (c == '\'') out += c;
  }
  return out + "'";
}

// A version 7 id for row n at the instant of its expression `at`; `kind` is a hexadecimal digit that tells tables apart.
std::string id_at(const std::string& at, const std::string& number, char kind) {
  return "(lpad(to_hex((extract(epoch from " + at + ") * 1000)::bigint), 12, '0') || '7' || lpad(to_hex(" + number +
         " & 4095), 3, '0') || '8" + kind + "' || lpad(to_hex(" + number + "), 14, '0'))::uuid";
}

std::string only_if_set(const std::string& column, const std::string& expression) {
  return "case when t." + column + " is not null then " + expression + " end";
}

// In these n counts the copies from 0 and t is the row that is copied.
using ColumnExpressions = std::vector<std::pair<std::string, std::string>>;

std::string copying_statement(testing::PostgresSession& session, const std::string& table, const std::string& row_id,
                              const ColumnExpressions& expressions, std::uint32_t count) {
  std::istringstream columns(
      session.value("select string_agg(attname, ' ' order by attnum) from pg_attribute where "
                    "attrelid = 'punctual." +
                    table + "'::regclass and attnum > 0 and not attisdropped"));
  std::string names;
  std::string values;
  for (std::string column; columns >> column;) {
    const auto found = std::find_if(expressions.begin(), expressions.end(),
                                    [&](const auto& expression) { return expression.first == column; });
    names += (names.empty() ? "" : ", ") + column;
    values += (values.empty() ? "" : ", ") + (found == expressions.end() ? "t." + column : found->second);
  }
  return "insert into punctual." + table + " (" + names + ") select " + values + " from (select * from punctual." +
         table + " where id = '" + row_id + "') t, generate_series(0, " + std::to_string(count) + " - 1) n";
}

}  // namespace

std::string_view name_of(StorageKind kind) { return kind == StorageKind::sqlite ? "sqlite" : "postgres"; }

PostgresStore::PostgresStore(const std::filesystem::path& cluster)
    : database_(cluster), programs_(first_line(cluster / "programs")) {
  data_folder_ = std::filesystem::path(first_line(cluster / "place")) / "data";
  postmaster_ = std::stoi(first_line(data_folder_ / "postmaster.pid"));
}

void PostgresStore::copy(const Copies& copies) {
  auto session = connect();
  for (std::uint32_t done = 0; done < copies.count; done += rows_a_statement) {
    const std::string number = "(n::bigint + " + std::to_string(copies.first_number + done) + ")";
    const std::string at = "(timestamptz 'epoch' + interval '1 microsecond' * (" +
                           std::to_string(copies.from.time_since_epoch().count() + copies.step.count() * done) +
                           " + n::bigint * " + std::to_string(copies.step.count()) + "))";
    const std::string task = id_at(at, number, 'a');
    const std::string execution = id_at(at, number, 'b');
    const std::string url =
        quoted(copies.target + "/n/") + " || lpad((" + number + ")::text, 9, '0') || " + quoted(copies.query);
    const std::uint32_t count = std::min(rows_a_statement, copies.count - done);
    session.execute(copying_statement(session, "tasks", copies.task_id,
                                      {{"id", task},
                                       {"inserted_at", at},
                                       {"updated_at", at},
                                       {"last_execution_at", only_if_set("last_execution_at", at)},
                                       {"next_run_at", only_if_set("next_run_at", at)},
                                       {"scheduled_at", only_if_set("scheduled_at", at)},
                                       {"url", url}},
                                      count));
    session.execute(copying_statement(session, "executions", copies.execution_id,
                                      {{"id", execution},
                                       {"task_id", task},
                                       {"run_id", execution},
                                       {"scheduled_for", at},
                                       {"started_at", only_if_set("started_at", at)},
                                       {"finished_at", only_if_set("finished_at", at)},
                                       {"request_url", only_if_set("request_url", url)}},
                                      count));
  }
}

void PostgresStore::settle_down() {
  auto session = connect();
  session.execute("vacuum analyze");
  session.execute("checkpoint");
}

std::unique_ptr<Store> make_postgres_store(const std::filesystem::path& cluster) {
  return std::make_unique<PostgresStore>(cluster);
}

}  // namespace punctual::bench
