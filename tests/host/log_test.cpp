#include "host/log.hpp"

#include <boost/json.hpp>
#include <regex>
#include <thread>

#include "host/settings_reader.hpp"
#include "host_fixtures.hpp"

namespace punctual {
namespace {

std::string written(LogSettings settings, const std::function<void(Log&)>& write) {
  std::ostringstream out;
  Log log(settings, std::make_shared<spdlog::sinks::ostream_sink_mt>(out));
  write(log);
  return out.str();
}

LogSettings read(const std::vector<SettingText>& values) {
  SettingsSources sources;
  sources.command_line = values;
  return LogSettings::read(read_settings(KnownSettings(host_settings(), {}), sources).all());
}

TEST_CASE("a text line is time, level and message") {
  const auto line = written({}, [](Log& log) { log.info("listening on 127.0.0.1:8080"); });
  CHECK(std::regex_match(
      line, std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info  listening on 127\.0\.0\.1:8080\n)")));
}

TEST_CASE("messages of all levels begin in the same column") {
  const auto text = written({LogLevel::debug, LogFormat::text}, [](Log& log) {
    log.debug("x");
    log.info("x");
    log.warn("x");
    log.error("x");
  });
  std::istringstream lines(text);
  std::vector<std::string> tails;
  for (std::string line; std::getline(lines, line);) tails.push_back(line.substr(line.find(' ')));
  CHECK(tails == std::vector<std::string>{" debug x", " info  x", " warn  x", " error x"});
}

TEST_CASE("a JSON line has time, level and message") {
  const auto line = written({LogLevel::info, LogFormat::json}, [](Log& log) { log.warn("say \"hi\"\n"); });
  REQUIRE(line.ends_with("}\n"));
  const auto json = boost::json::parse(line).as_object();
  CHECK(json.size() == 3);
  CHECK(parse_rfc3339(std::string(json.at("time").as_string())).has_value());
  CHECK(json.at("level") == "warn");
  CHECK(json.at("message") == "say \"hi\"\\n");
}

TEST_CASE("lines below the level are not written") {
  const auto text = written({LogLevel::warn, LogFormat::text}, [](Log& log) {
    log.debug("one");
    log.info("two");
    log.warn("three");
  });
  CHECK(text.find("one") == std::string::npos);
  CHECK(text.find("two") == std::string::npos);
  CHECK(text.find("three") != std::string::npos);
}

TEST_CASE("a message with line breaks and control bytes is one line") {
  const auto line = written({}, [](Log& log) { log.info("a\r\n2026-01-01T00:00:00.000Z error forged\x1b[2J"); });
  CHECK(line.find("info  a\\r\\n2026-01-01T00:00:00.000Z error forged\\x1b[2J\n") != std::string::npos);
  CHECK(std::count(line.begin(), line.end(), '\n') == 1);
}

TEST_CASE("a message with braces is not a format") {
  CHECK(written({}, [](Log& log) { log.info("{} {0} {"); }).ends_with("info  {} {0} {\n"));
}

TEST_CASE("secrets are masked in both formats") {
  const auto format = GENERATE(LogFormat::text, LogFormat::json);
  const auto line = written({LogLevel::info, format}, [](Log& log) {
    log.info("pk_live_a.sk_live_secret1 whsec_secret2= postgresql://me:secret3@db/x");
  });
  CHECK(line.find("secret") == std::string::npos);
  CHECK(line.find("pk_live_a.sk_live_*** whsec_*** postgresql://***@db/x") != std::string::npos);
}

TEST_CASE("lines of many threads do not mix") {
  const auto text = written({}, [](Log& log) {
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&log] {
        for (int j = 0; j < 200; ++j) log.info(std::string(100, 'x'));
      });
    }
    for (auto& thread : threads) thread.join();
  });
  std::istringstream lines(text);
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count)
    REQUIRE(line.ends_with("Z info  " + std::string(100, 'x')));
  CHECK(count == 800);
}

TEST_CASE("the log's settings are text at level info unless given") {
  CHECK(read({}).level == LogLevel::info);
  CHECK(read({}).format == LogFormat::text);
  CHECK(read({{"log.level", "debug", "--set"}}).level == LogLevel::debug);
  CHECK(read({{"log.level", "warn", "--set"}}).level == LogLevel::warn);
  CHECK(read({{"log.level", "error", "--set"}}).level == LogLevel::error);
  CHECK(read({{"log.format", "json", "--set"}}).format == LogFormat::json);
}

TEST_CASE("an unknown level is refused with the known ones") {
  CHECK(testing::message_of<SettingsError>([] {
          read({{"log.level", "loud", "--set"}});
        }) == "log.level is 'loud', expected debug, info, warn or error");
}

TEST_CASE("an unknown format is refused with the known ones") {
  CHECK(testing::message_of<SettingsError>([] {
          read({{"log.format", "xml", "--set"}});
        }) == "log.format is 'xml', expected text or json");
}

}  // namespace
}  // namespace punctual
