#include "host/own_thread.hpp"

#include <cxxabi.h>

#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "engine/guarded.hpp"

namespace punctual {
namespace {

struct Call {
  struct State {
    bool ended = false;
    bool returned = false;
    std::exception_ptr thrown;
  };
  std::function<void()> function;
  Guarded<State> state;
  std::condition_variable changed;
};

// Says so when the thread comes to its end, in whatever way.
class EndOf {
 public:
  explicit EndOf(Call& call) : call_(call) {}
  ~EndOf() {
    call_.state.lock()->ended = true;
    call_.changed.notify_all();
  }
  EndOf(const EndOf&) = delete;
  EndOf& operator=(const EndOf&) = delete;

 private:
  Call& call_;
};

// As thrown_by.
__attribute__((no_sanitize("null", "alignment"))) void run(const std::shared_ptr<Call>& call) {
  const EndOf end(*call);
  try {
    call->function();
    call->state.lock()->returned = true;
  } catch (abi::__forced_unwind&) {
    throw;
  } catch (...) {
    call->state.lock()->thrown = std::current_exception();
  }
}

}  // namespace

CallEnd call_on_own_thread(std::function<void()> call, milliseconds limit) {
  const auto shared = std::make_shared<Call>();
  shared->function = std::move(call);
  std::thread thread([shared] { run(shared); });
  auto state = shared->state.lock();
  if (!shared->changed.wait_for(state.lock(), limit, [&] { return state->ended; })) {
    thread.detach();
    return CallEnd::still_running;
  }
  state.lock().unlock();
  thread.join();
  if (state->thrown) std::rethrow_exception(state->thrown);
  return state->returned ? CallEnd::returned : CallEnd::ended_thread;
}

}  // namespace punctual
