// The transports of a process. Main thread only.
#pragma once

#include <span>
#include <utility>
#include <vector>

#include "host/plugin_instance.hpp"
#include "punctual/transport.hpp"

namespace punctual {

// Transports need a drain before they are destroyed. An engine sees to that for those it was given; until there is one, it is
// done here.
class Transports {
 public:
  Transports() = default;
  Transports(const Transports&) = delete;
  Transports& operator=(const Transports&) = delete;
  ~Transports() {
    if (engine_drains_) return;
    for (Transport* transport : pointers_) transport->drain(milliseconds{0});
  }

  void add(PluginInstance<Transport> transport) {
    pointers_.push_back(transport.get());
    instances_.push_back(std::move(transport));
  }
  [[nodiscard]] std::span<Transport* const> all() const { return pointers_; }
  void engine_drains() { engine_drains_ = true; }

 private:
  std::vector<PluginInstance<Transport>> instances_;
  std::vector<Transport*> pointers_;
  bool engine_drains_ = false;
};

}  // namespace punctual
