#include "cli/cron_command.hpp"

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <variant>

#include "cron/cron_schedule.hpp"
#include "engine/clock.hpp"

namespace punctual {
namespace {

struct Question {
  std::string expression;
  std::string timezone = "UTC";
  std::optional<std::string> from;
  std::size_t count = 5;
};

int next(const Question& question) {
  Time from = SystemClock().now();
  if (question.from) {
    const auto given = parse_rfc3339(*question.from);
    if (!given)
      throw UsageError("--from: '" + *question.from + "' is not an RFC 3339 time, such as 2026-01-31T08:30:00Z");
    from = *given;
  }
  const auto made = CronSchedule::make(question.expression, question.timezone);
  if (const auto* problem = std::get_if<ScheduleProblem>(&made)) {
    if (*problem == ScheduleProblem::unknown_timezone) {
      throw UsageError("'" + question.timezone + "' is not a known time zone");
    }
    throw UsageError("'" + question.expression + "' is not a valid cron expression");
  }
  for (const Time time : std::get<CronSchedule>(made).next(from, question.count)) {
    std::cout << format_rfc3339(time) << '\n';
  }
  return 0;
}

}  // namespace

void add_cron_command(CLI::App& app, CommonOptions& common, Action& action) {
  CLI::App& group = *app.add_subcommand("cron", "Cron expressions")->require_subcommand(1);
  CLI::App& command = *group.add_subcommand("next", "Print when an expression is due, in UTC, one instant a line");
  const auto question = std::make_shared<Question>();
  command.add_option("EXPR", question->expression, "Five fields or a macro, as one argument")->required();
  command.add_option("--timezone", question->timezone, "IANA time zone; UTC when not given")->type_name("ZONE");
  command.add_option("--from", question->from, "RFC 3339 time after which to begin; now when not given")
      ->type_name("TIME");
  command.add_option("--count", question->count, "How many, 1 to 100; 5 when not given")
      ->type_name("N")
      ->check(CLI::Range(std::size_t{1}, std::size_t{100}).description(""));
  common.add_to(command);
  command.callback([&action, question] { action = [question] { return next(*question); }; });
}

}  // namespace punctual
