#include "signals.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <random>
#include <sstream>

namespace punctual::postgres {
namespace {

std::string random_name() {
  std::random_device random;
  return std::to_string(random()) + "." + std::to_string(random());
}

// "SENDER due MICROSECONDS", "SENDER recall ORGANISATION [TASK]", "SENDER cancel ORGANISATION EXECUTION" or "SENDER hosts".
std::string text_of(const std::string& self, const Signal& signal) {
  if (signal.kind == Signal::Kind::due) {
    return self + " due " + std::to_string(signal.due.time_since_epoch().count());
  }
  if (signal.kind == Signal::Kind::cancel) {
    return self + " cancel " + signal.organization_id.text() + " " + signal.execution_id.text();
  }
  if (signal.kind == Signal::Kind::hosts) return self + " hosts";
  std::string text = self + " recall " + signal.organization_id.text();
  if (signal.task_id) text += " " + signal.task_id->text();
  return text;
}

// nullopt: it is one's own, or not understood.
std::optional<Signal> signal_from(const std::string& self, const std::string& text) {
  std::istringstream words(text);
  std::string sender;
  std::string kind;
  std::string subject;
  std::string thing;
  words >> sender >> kind >> subject >> thing;
  if (sender == self) return std::nullopt;
  Signal signal;
  if (kind == "due") {
    std::int64_t count = 0;
    const auto read = std::from_chars(subject.data(), subject.data() + subject.size(), count);
    if (read.ec != std::errc{}) return std::nullopt;
    signal.due = Time{microseconds{count}};
    return signal;
  }
  if (kind == "hosts") {
    signal.kind = Signal::Kind::hosts;
    return signal;
  }
  const auto organization = OrganizationId::parse(subject);
  if (!organization) return std::nullopt;
  signal.organization_id = *organization;
  if (kind == "cancel") {
    const auto execution = ExecutionId::parse(thing);
    if (!execution) return std::nullopt;
    signal.kind = Signal::Kind::cancel;
    signal.execution_id = *execution;
    return signal;
  }
  if (kind != "recall") return std::nullopt;
  signal.kind = Signal::Kind::recall;
  signal.task_id = TaskId::parse(thing);
  return signal;
}

}  // namespace

PostgresSignals::PostgresSignals(SessionOptions options, SessionPool& pool, Host& host)
    : options_(std::move(options)),
      pool_(pool),
      host_(host),
      channel_(options_.schema + "_signals"),
      self_(random_name()) {}

void PostgresSignals::listen(std::function<void(const Signal&)> receive) {
  receive_ = std::move(receive);
  stopping_ = false;
  wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  thread_ = std::thread([this] { run(); });
}

void PostgresSignals::stop_listening() noexcept {
  if (!thread_.joinable()) return;
  stopping_ = true;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_, &one, sizeof one);
  thread_.join();
  ::close(wake_);
  wake_ = -1;
}

void PostgresSignals::send(const Signal& signal) noexcept {
  static const std::string sql = "select pg_notify($1, $2)";
  try {
    (void)pool_.use([&](Session& session) { return session.run(sql, channel_, text_of(self_, signal)); });
  } catch (const std::exception& problem) {
    host_.log(LogLevel::debug, std::string("a signal to other servers was not sent: ") + problem.what());
  }
}

bool PostgresSignals::wait_for_input(int descriptor, milliseconds limit) const {
  std::array<pollfd, 2> entries{pollfd{wake_, POLLIN, 0}, pollfd{descriptor, POLLIN, 0}};
  const int ready = ::poll(entries.data(), descriptor < 0 ? 1 : 2, static_cast<int>(limit.count()));
  return ready > 0 && entries[1].revents != 0;
}

void PostgresSignals::receive_on(Session& session) {
  session.script("listen " + channel_);
  while (!stopping_) {
    // Now and then the connection is tried, lest the other end has gone without a word.
    if (!wait_for_input(PQsocket(session.native()), milliseconds{30'000})) {
      if (!stopping_) session.script("select 1");
    }
    if (PQconsumeInput(session.native()) == 0) throw Unavailable(PQerrorMessage(session.native()));
    while (PGnotify* message = PQnotifies(session.native())) {
      const std::string text = message->extra;
      PQfreemem(message);
      if (const auto signal = signal_from(self_, text)) receive_(*signal);
    }
  }
}

void PostgresSignals::run() {
  while (!stopping_) {
    try {
      Session session(options_);
      receive_on(session);
    } catch (const std::exception& problem) {
      host_.log(LogLevel::warn,
                std::string("listening to other servers was interrupted, trying again in a second: ") + problem.what());
      (void)wait_for_input(-1, milliseconds{1000});
    }
  }
}

}  // namespace punctual::postgres
