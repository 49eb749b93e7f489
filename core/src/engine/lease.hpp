// Lease: under which node id this process claims work. Any thread may read it; the keeper replaces it when it was lost.
#pragma once

#include "engine/guarded.hpp"
#include "punctual/ids.hpp"

namespace punctual {

class Lease {
 public:
  [[nodiscard]] NodeId node() const { return *node_.lock(); }
  void replace(NodeId node) { *node_.lock() = node; }

 private:
  mutable Guarded<NodeId> node_;
};

}  // namespace punctual
