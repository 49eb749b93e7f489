#include "frontend/keys_in_use.hpp"

#include "punctual/errors.hpp"

namespace punctual {

KeysInUse::Use::Use(KeysInUse& keys, OrganizationId organization, std::string key)
    : keys_(keys), key_(organization, std::move(key)) {
  std::unique_lock lock(keys_.mutex_);
  if (!keys_.freed_.wait_for(lock, patience, [&] { return !keys_.used_.contains(key_); })) {
    throw Conflict("A request with this Idempotency-Key is still being handled");
  }
  keys_.used_.insert(key_);
}

KeysInUse::Use::~Use() {
  const std::lock_guard lock(keys_.mutex_);
  keys_.used_.erase(key_);
  keys_.freed_.notify_all();
}

}  // namespace punctual
