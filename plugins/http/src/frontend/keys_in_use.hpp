// KeysInUse: the idempotency keys of the requests that are being handled here, so that of equal requests one is handled and
// the others find its reply. (Storage sees to it that the work happens once, here and on other servers.)
// Every function may be called from any thread.
#pragma once

#include <condition_variable>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include "punctual/ids.hpp"
#include "punctual/time.hpp"

namespace punctual {

class KeysInUse {
 public:
  static constexpr milliseconds patience{1000};

  // A key that one request uses until this ends.
  class Use {
   public:
    // Waits for a request that uses the key already; throws Conflict when that takes longer than `patience`.
    Use(KeysInUse& keys, OrganizationId organization, std::string key);
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

   private:
    KeysInUse& keys_;
    std::pair<OrganizationId, std::string> key_;
  };

 private:
  std::mutex mutex_;
  std::condition_variable freed_;
  std::set<std::pair<OrganizationId, std::string>> used_;  // guarded by mutex_
};

}  // namespace punctual
