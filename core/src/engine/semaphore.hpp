// Semaphore: one thread waits until another lets it go on. Unlike std::binary_semaphore it sleeps at once: that one of GCC 12
// yields the processor several times first, which on a busy machine costs more than the sleep.
#pragma once

#include <semaphore.h>

#include <cerrno>
#include <system_error>

namespace punctual {

class Semaphore {
 public:
  Semaphore() {
    if (sem_init(&semaphore_, 0, 0) != 0) throw std::system_error(errno, std::generic_category(), "sem_init");
  }
  ~Semaphore() { sem_destroy(&semaphore_); }
  Semaphore(const Semaphore&) = delete;
  Semaphore& operator=(const Semaphore&) = delete;

  // The waiting thread may destroy this as soon as acquire() has returned.
  void release() noexcept { sem_post(&semaphore_); }
  void acquire() noexcept {
    while (sem_wait(&semaphore_) != 0) {
      // A signal has interrupted it; there is no other reason.
    }
  }

 private:
  sem_t semaphore_{};
};

}  // namespace punctual
