#include "reader_pool.hpp"

#include "punctual/errors.hpp"

namespace punctual::sqlite {

ReaderPool::ReaderPool(ConnectionOptions options, std::size_t size) : options_(std::move(options)), unopened_(size) {}

ReaderPool::Snapshot::~Snapshot() {
  try {
    connection_.run("rollback");
  } catch (const SQLite::Exception&) {
    // SQLite ended the transaction itself.
  }
}

std::unique_ptr<Connection> ReaderPool::take() {
  {
    std::unique_lock lock(mutex_);
    if (!returned_.wait_for(lock, options_.busy_timeout, [&] { return !idle_.empty() || unopened_ > 0; })) {
      throw Unavailable("all readers of the database are busy");
    }
    if (!idle_.empty()) {
      auto connection = std::move(idle_.back());
      idle_.pop_back();
      return connection;
    }
    --unopened_;
  }
  try {
    return translating_errors([&] { return std::make_unique<Connection>(options_, Connection::Access::read_only); });
  } catch (...) {
    give_back(nullptr);
    throw;
  }
}

// nullptr: it could not be opened.
void ReaderPool::give_back(std::unique_ptr<Connection> connection) {
  {
    const std::lock_guard lock(mutex_);
    if (connection) {
      idle_.push_back(std::move(connection));
    } else {
      ++unopened_;
    }
  }
  returned_.notify_one();
}

}  // namespace punctual::sqlite
