#include "writer.hpp"

#include <array>
#include <chrono>

#include "punctual/errors.hpp"

namespace punctual::sqlite {
namespace {

constexpr std::array commit_second_bounds{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0};
constexpr std::array commit_write_bounds{1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0};

}  // namespace

Writer::Writer(const ConnectionOptions& options, Host& host)
    : connection_(options, Connection::Access::read_write),
      commit_seconds_(host.metrics().histogram(
          "punctual_sqlite_commit_seconds", "Time of one commit with everything written in it.", commit_second_bounds)),
      commit_writes_(host.metrics().histogram("punctual_sqlite_commit_writes", "Writes that shared one commit.",
                                              commit_write_bounds)),
      thread_([this] { run(); }) {}

Writer::~Writer() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Writer::enqueue(std::unique_ptr<Job> job) {
  {
    const std::lock_guard lock(mutex_);
    if (closing_) throw Unavailable("the store is closing");
    waiting_.push_back(std::move(job));
  }
  changed_.notify_one();
}

Writer::Jobs Writer::next_jobs() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return closing_ || !waiting_.empty(); });
  return std::exchange(waiting_, {});
}

void Writer::run() {
  for (Jobs jobs = next_jobs(); !jobs.empty(); jobs = next_jobs()) commit_together(std::move(jobs));
}

void Writer::commit_together(Jobs jobs) {
  const auto start = std::chrono::steady_clock::now();
  const auto writes = static_cast<double>(jobs.size());
  try {
    roll_back();  // of a transaction whose own rollback failed; else nothing
    translating_errors([&] { connection_.run("begin immediate"); });
  } catch (...) {
    for (const auto& job : jobs) job->failed(std::current_exception());
    return;
  }
  jobs = run_each(std::move(jobs));
  try {
    commit();
  } catch (...) {
    roll_back();
    for (const auto& job : jobs) job->failed(std::current_exception());
    return;
  }
  commit_seconds_.observe(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  commit_writes_.observe(writes);
  for (const auto& job : jobs) job->committed();
}

// Gives back the jobs that are part of the commit; the callers of all others know already.
Writer::Jobs Writer::run_each(Jobs jobs) {
  Jobs done;
  for (auto& job : jobs) {
    if (run_alone(*job)) done.push_back(std::move(job));
  }
  return done;
}

bool Writer::run_alone(Job& job) {
  try {
    // A full disk or a damaged file makes SQLite roll back the whole transaction by itself.
    if (!connection_.in_transaction()) throw Unavailable("SQLite gave up the transaction");
    translating_errors([&] { connection_.run("savepoint job"); });
    job.run(connection_);
    translating_errors([&] { connection_.run("release job"); });
    return true;
  } catch (...) {
    job.failed(std::current_exception());
  }
  try {
    if (connection_.in_transaction()) {
      connection_.run("rollback to job");
      connection_.run("release job");
    }
  } catch (const SQLite::Exception&) {
    // What the job wrote cannot be taken back alone, so nothing of this transaction may be kept.
    roll_back();
  }
  return false;
}

void Writer::commit() {
  if (!connection_.in_transaction()) throw Unavailable("SQLite gave up the transaction");
  try {
    connection_.run("commit");
  } catch (const SQLite::Exception& problem) {
    throw_commit_failed(problem);
  }
}

void Writer::roll_back() noexcept {
  try {
    if (connection_.in_transaction()) connection_.run("rollback");
  } catch (const SQLite::Exception&) {
    // It is tried again before the next transaction.
  }
}

}  // namespace punctual::sqlite
