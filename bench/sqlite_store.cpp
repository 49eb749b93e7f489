#include <SQLiteCpp/SQLiteCpp.h>

#include <algorithm>
#include <vector>

#include "punctual/ids.hpp"
#include "store.hpp"

namespace punctual::bench {

namespace {

using ColumnExpressions = std::vector<std::pair<std::string, std::string>>;

// As ids are made by a server; `kind` tells tables apart.
Uuid id_at(Time at, std::uint32_t number, std::uint8_t kind) {
  Uuid id;
  const auto ms = static_cast<std::uint64_t>(at.time_since_epoch().count() / 1000);
  for (unsigned i = 0; i < 6; ++i) id.bytes.at(i) = static_cast<std::uint8_t>(ms >> (8 * (5 - i)));
  id.bytes[6] = static_cast<std::uint8_t>(0x70 | ((number >> 8) & 0x0f));
  id.bytes[7] = static_cast<std::uint8_t>(number);
  id.bytes[8] = static_cast<std::uint8_t>(0x80 | kind);
  for (unsigned i = 0; i < 4; ++i) id.bytes.at(12 + i) = static_cast<std::uint8_t>(number >> (8 * (3 - i)));
  return id;
}

std::string copying_statement(SQLite::Database& database, const std::string& table, const std::string& key,
                              const ColumnExpressions& expressions) {
  std::string names;
  std::string values;
  SQLite::Statement columns(database, "select name from pragma_table_info(?)");
  columns.bind(1, table);
  while (columns.executeStep()) {
    const std::string column = columns.getColumn(0).getString();
    const auto found = std::find_if(expressions.begin(), expressions.end(),
                                    [&](const auto& expression) { return expression.first == column; });
    names += (names.empty() ? "" : ", ") + column;
    values += (values.empty() ? "" : ", ") + (found == expressions.end() ? column : found->second);
  }
  return "insert into " + table + " (" + names + ") select " + values + " from " + table + " where " + key + " = ?1";
}

std::string only_if_set(const std::string& column, const std::string& expression) {
  return "case when " + column + " is not null then " + expression + " end";
}

void bind_blob(SQLite::Statement& statement, int index, const Uuid& id) {
  statement.bind(index, id.bytes.data(), static_cast<int>(id.bytes.size()));
}

class SqliteStore final : public Store {
 public:
  explicit SqliteStore(const std::filesystem::path& folder)
      : file_(folder / "bench.db"), url_("sqlite://" + file_.string()) {}

  [[nodiscard]] const std::string& url() const override { return url_; }
  void copy(const Copies& copies) override;
  void settle_down() override;

 private:
  std::filesystem::path file_;
  std::string url_;
};

void SqliteStore::copy(const Copies& copies) {
  SQLite::Database database(file_.string(), SQLite::OPEN_READWRITE);
  database.exec("pragma cache_size = -262144");
  // ?1 the row that is copied, ?2 its new id, ?3 the instant, ?4 the URL, ?5 the task
  SQLite::Statement task(database, copying_statement(database, "tasks", "id",
                                                     {{"id", "?2"},
                                                      {"inserted_at", "?3"},
                                                      {"updated_at", "?3"},
                                                      {"last_execution_at", only_if_set("last_execution_at", "?3")},
                                                      {"next_run_at", only_if_set("next_run_at", "?3")},
                                                      {"scheduled_at", only_if_set("scheduled_at", "?3")},
                                                      {"url", "?4"}}));
  SQLite::Statement execution(database, copying_statement(database, "executions", "id",
                                                          {{"id", "?2"},
                                                           {"task_id", "?5"},
                                                           {"run_id", "?2"},
                                                           {"scheduled_for", "?3"},
                                                           {"started_at", only_if_set("started_at", "?3")},
                                                           {"finished_at", only_if_set("finished_at", "?3")}}));
  SQLite::Statement response(database, copying_statement(database, "responses", "execution_id",
                                                         {{"execution_id", "?2"}, {"request_url", "?4"}}));
  const Uuid task_row = Uuid::parse(copies.task_id).value();
  const Uuid execution_row = Uuid::parse(copies.execution_id).value();
  SQLite::Transaction transaction(database);
  for (std::uint32_t i = 0; i < copies.count; ++i) {
    const Time at = copies.from + copies.step * i;
    const std::uint32_t number = copies.first_number + i;
    std::string digits = std::to_string(number);
    digits.insert(0, 9 - std::min<std::size_t>(9, digits.size()), '0');
    const std::string url = copies.target + "/n/" + digits + copies.query;
    const Uuid task_id = id_at(at, number, 0x0a);
    const Uuid execution_id = id_at(at, number, 0x0b);
    for (SQLite::Statement* statement : {&task, &execution, &response}) {
      bind_blob(*statement, 1, statement == &task ? task_row : execution_row);
      bind_blob(*statement, 2, statement == &task ? task_id : execution_id);
      if (statement != &response) statement->bind(3, static_cast<std::int64_t>(at.time_since_epoch().count()));
      if (statement != &execution) statement->bind(4, url);
      if (statement == &execution) bind_blob(*statement, 5, task_id);
      statement->exec();
      statement->reset();
    }
  }
  transaction.commit();
}

void SqliteStore::settle_down() {
  SQLite::Database database(file_.string(), SQLite::OPEN_READWRITE);
  SQLite::Statement(database, "pragma wal_checkpoint(truncate)").executeStep();
}

}  // namespace

std::unique_ptr<Store> make_sqlite_store(const std::filesystem::path& folder) {
  return std::make_unique<SqliteStore>(folder);
}

}  // namespace punctual::bench
