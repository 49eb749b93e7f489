// ReaderPool: connections that read beside the writer, opened when first needed. Every read sees one state of the database
// and never waits for a writer. read() may be called from any thread.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "connection.hpp"
#include "errors.hpp"

namespace punctual::sqlite {

class ReaderPool {
 public:
  ReaderPool(ConnectionOptions options, std::size_t size);

  // Runs `work(Connection&)` inside a read transaction. Throws Unavailable when no reader becomes free in the busy
  // timeout of the options.
  template <class Work>
  auto read(Work&& work) {
    Loan loan(*this);
    return translating_errors([&] {
      Snapshot snapshot(loan.connection());
      return work(loan.connection());
    });
  }

 private:
  class Loan {
   public:
    explicit Loan(ReaderPool& pool) : pool_(pool), connection_(pool.take()) {}
    ~Loan() { pool_.give_back(std::move(connection_)); }
    Loan(const Loan&) = delete;
    Loan& operator=(const Loan&) = delete;
    [[nodiscard]] Connection& connection() { return *connection_; }

   private:
    ReaderPool& pool_;
    std::unique_ptr<Connection> connection_;
  };

  class Snapshot {
   public:
    explicit Snapshot(Connection& connection) : connection_(connection) { connection_.run("begin"); }
    ~Snapshot();
    Snapshot(const Snapshot&) = delete;
    Snapshot& operator=(const Snapshot&) = delete;

   private:
    Connection& connection_;
  };

  [[nodiscard]] std::unique_ptr<Connection> take();
  void give_back(std::unique_ptr<Connection> connection);

  const ConnectionOptions options_;
  std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<std::unique_ptr<Connection>> idle_;  // guarded by mutex_
  std::size_t unopened_;                           // guarded by mutex_
};

}  // namespace punctual::sqlite
