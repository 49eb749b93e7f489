// SessionPool: connections that are lent for one piece of work each. Whoever asks first is served first, for a bounded time;
// a connection that was ended from outside is replaced, one that is given back inside a transaction is rolled back.
// Every function may be called from any thread.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include "punctual/metrics.hpp"
#include "session.hpp"
#include "sql_errors.hpp"

namespace punctual::postgres {

class SessionPool {
 public:
  // `name`: in metrics. `patience`: how long to wait for a free connection.
  SessionPool(SessionOptions options, std::string name, std::size_t size, milliseconds patience, Metrics& metrics);

  // Runs `work(Session&)`, one statement or function call that commits by itself. Throws Unavailable when no connection
  // becomes free in time or none can be made.
  template <class Work>
  auto use(Work&& work) {
    Loan loan(*this);
    return work(loan.session());
  }

  // As use, for what only reads: tried once more on a new connection when the first one broke under it.
  template <class Work>
  auto read(Work&& work) {
    try {
      return use(work);
    } catch (const Timeout&) {
    }
    try {
      return use(work);
    } catch (const Timeout& problem) {
      throw Unavailable(problem.what());  // nothing was to be changed, so nothing is unclear
    }
  }

  // Runs `work(Session&)`, which gives a value, in a transaction, again from its beginning when another transaction was in its way.
  template <class Work>
  auto write(Work&& work) {
    return collision_free([&] {
      Loan loan(*this);
      std::optional<Transaction> transaction;
      auto result = before_commit([&] {
        transaction.emplace(loan.session());
        return work(loan.session());
      });
      transaction->commit();
      return result;
    });
  }

  // Calls `call` again, up to eight times, while it collides with others.
  template <class Call>
  static auto collision_free(Call&& call) {
    for (int attempt = 1;; ++attempt) {
      try {
        return call();
      } catch (const Collision&) {
        if (attempt == 8) throw;
      }
      wait_after_collision(attempt);
    }
  }

 private:
  class Loan {
   public:
    explicit Loan(SessionPool& pool) : pool_(pool), session_(pool.take()) {}
    ~Loan() { pool_.give_back(std::move(session_)); }
    Loan(const Loan&) = delete;
    Loan& operator=(const Loan&) = delete;
    [[nodiscard]] Session& session() { return *session_; }

   private:
    SessionPool& pool_;
    std::unique_ptr<Session> session_;
  };

  // A connection that breaks before the commit has changed nothing.
  template <class Work>
  static auto before_commit(Work&& work) {
    try {
      return work();
    } catch (const Timeout& problem) {
      throw Unavailable(problem.what());
    }
  }

  [[nodiscard]] std::unique_ptr<Session> take();
  // A session that is idle, or nothing where a place for a new one was taken.
  [[nodiscard]] std::unique_ptr<Session> take_place();
  void give_back(std::unique_ptr<Session> session);
  void give_place_back();
  static void wait_after_collision(int attempt);

  struct Waiter {
    std::condition_variable served;
    bool has_place = false;
    std::unique_ptr<Session> session;
  };
  void serve_next(std::unique_ptr<Session> session);  // with the lock held

  const SessionOptions options_;
  const std::string name_;
  const milliseconds patience_;
  const std::size_t size_;
  Gauge& in_use_;
  Counter& opened_;
  Counter& timeouts_;
  Histogram& wait_seconds_;
  std::mutex mutex_;
  std::deque<Waiter*> waiting_;                 // guarded by mutex_
  std::vector<std::unique_ptr<Session>> idle_;  // guarded by mutex_; the last one was used last
  std::size_t places_taken_ = 0;                // guarded by mutex_: sessions lent or being opened
};

}  // namespace punctual::postgres
