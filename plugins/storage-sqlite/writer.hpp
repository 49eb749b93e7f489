// Writer: the one thread of a store that writes. Whatever is waiting when it becomes free is committed together: the cost of
// a durable commit is shared without a timer, and an idle store commits at once.
//
// write() may be called from any thread but the writer's own.
#pragma once

#include <condition_variable>
#include <exception>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "connection.hpp"
#include "errors.hpp"
#include "punctual/host.hpp"

namespace punctual::sqlite {

class Writer {
 public:
  Writer(const ConnectionOptions& options, Host& host);
  // Commits what is waiting, then ends the thread.
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  // Runs `work(Connection&)` on the writer's thread inside a transaction and returns its result once that is committed.
  // When work throws, what it wrote is rolled back, alone, and the exception comes back to the caller; when the commit
  // fails, every caller of that commit gets Unavailable, Timeout or Corrupt.
  template <class Work>
  std::invoke_result_t<Work&, Connection&> write(Work&& work) {
    using Result = std::invoke_result_t<Work&, Connection&>;
    auto job = std::make_unique<WorkJob<std::remove_reference_t<Work>, Result>>(work);
    auto result = job->result();
    enqueue(std::move(job));
    return result.get();
  }

  // How many writes have not been taken up yet.
  [[nodiscard]] std::size_t waiting() {
    const std::lock_guard lock(mutex_);
    return waiting_.size();
  }

 private:
  class Job {
   public:
    virtual ~Job() = default;
    virtual void run(Connection& connection) = 0;
    virtual void committed() noexcept = 0;
    virtual void failed(std::exception_ptr problem) noexcept = 0;
  };

  template <class Work, class Result>
  class WorkJob final : public Job {
   public:
    explicit WorkJob(Work& work) : work_(work) {}
    [[nodiscard]] std::future<Result> result() { return promise_.get_future(); }

    void run(Connection& connection) override {
      translating_errors([&] {
        if constexpr (std::is_void_v<Result>) {
          work_(connection);
        } else {
          made_.emplace(work_(connection));
        }
      });
    }
    void committed() noexcept override {
      if constexpr (std::is_void_v<Result>) {
        promise_.set_value();
      } else {
        promise_.set_value(std::move(*made_));
      }
    }
    void failed(std::exception_ptr problem) noexcept override { promise_.set_exception(std::move(problem)); }

   private:
    Work& work_;  // lives on the caller's stack, who waits for the promise
    std::optional<std::conditional_t<std::is_void_v<Result>, std::monostate, Result>> made_;
    std::promise<Result> promise_;
  };

  using Jobs = std::vector<std::unique_ptr<Job>>;

  void enqueue(std::unique_ptr<Job> job);
  [[nodiscard]] Jobs next_jobs();
  void run();
  void commit_together(Jobs jobs);
  [[nodiscard]] Jobs run_each(Jobs jobs);
  [[nodiscard]] bool run_alone(Job& job);
  void commit();
  void roll_back() noexcept;

  Connection connection_;
  Histogram& commit_seconds_;
  Histogram& commit_writes_;

  std::mutex mutex_;
  std::condition_variable changed_;
  Jobs waiting_;          // guarded by mutex_
  bool closing_ = false;  // guarded by mutex_

  std::thread thread_;
};

}  // namespace punctual::sqlite
