// Frontend: lets people and programs reach the engine. plugins/http is the one that is shipped.
#pragma once

#include "punctual/engine.hpp"
#include "punctual/time.hpp"

namespace punctual {

// start and stop are called once each, in this order, from the main thread.
class Frontend {
 public:
  virtual ~Frontend() = default;

  // Takes its addresses and begins to answer; returns when it is ready. Throws Error when it cannot (an address in use).
  // `engine` outlives the frontend.
  virtual void start(Engine& engine) = 0;

  // The addresses it answers at, e.g. "127.0.0.1:8080", with the real port where port 0 was asked for. After start.
  [[nodiscard]] virtual std::string listening_at() const = 0;

  // Takes no new work, lets requests under way end for at most `limit`, closes everything and joins its threads.
  virtual void stop(milliseconds limit) noexcept = 0;
};

}  // namespace punctual
