#include "postgres/explained_session.hpp"

#include <boost/json.hpp>
#include <cmath>

#include "connection_string.hpp"

namespace punctual::testing {
namespace {

std::string string_at(const boost::json::object& node, const char* key) {
  const auto* value = node.if_contains(key);
  return value == nullptr ? std::string{} : std::string(value->as_string());
}

double number_at(const boost::json::object& node, const char* key) {
  const auto* value = node.if_contains(key);
  return value == nullptr ? 0 : value->to_number<double>();
}

void add_steps(const boost::json::object& node, std::vector<PlanStep>& steps) {
  const double loops = number_at(node, "Actual Loops");
  const double discarded = number_at(node, "Rows Removed by Filter") + number_at(node, "Rows Removed by Index Recheck");
  steps.push_back({string_at(node, "Node Type"), string_at(node, "Relation Name"), string_at(node, "Index Name"), loops,
                   number_at(node, "Actual Rows") * loops, discarded * loops});
  if (const auto* below = node.if_contains("Plans")) {
    for (const auto& child : below->as_array()) add_steps(child.as_object(), steps);
  }
}

}  // namespace

std::string text_of(const std::vector<Plan>& plans) {
  std::string out;
  for (const Plan& plan : plans) {
    out += plan.sql + "\n";
    for (const PlanStep& step : plan.steps) {
      out += "  " + step.type;
      for (const std::string& name : {step.table, step.index}) {
        if (!name.empty()) out += " " + name;
      }
      out += step.ran() ? ": " + std::to_string(std::llround(step.rows)) + " rows, " +
                              std::to_string(std::llround(step.discarded)) + " discarded, " +
                              std::to_string(std::llround(step.loops)) + " loops\n"
                        : ": never executed\n";
    }
  }
  return out;
}

ExplainedSession::ExplainedSession(const PostgresDatabase& database)
    : session_({postgres::connection_string(database.url()), "punctual", milliseconds{60'000}}) {
  PQsetNoticeReceiver(session_.native(), receive, this);
  session_.script(R"sql(
    load 'auto_explain';
    set auto_explain.log_min_duration = 0;
    set auto_explain.log_nested_statements = on;
    set auto_explain.log_analyze = on;
    set auto_explain.log_timing = off;
    set auto_explain.log_format = json;
    set auto_explain.log_level = notice;
    set client_min_messages = notice;)sql");
}

void ExplainedSession::receive(void* self, const PGresult* notice) {
  const std::string_view message = PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY);
  const auto begin = message.find('{');
  if (message.find("plan:") > begin) return;
  const auto explained = boost::json::parse(message.substr(begin)).as_object();
  Plan plan{string_at(explained, "Query Text"), {}};
  add_steps(explained.at("Plan").as_object(), plan.steps);
  static_cast<ExplainedSession*>(self)->plans_.push_back(std::move(plan));
}

}  // namespace punctual::testing
