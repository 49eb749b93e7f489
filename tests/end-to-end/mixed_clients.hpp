// Clients whose tasks are due now or in a while, some for a target that takes its time: what a server is hurt under.
#pragma once

#include <string>
#include <vector>

#include "installation.hpp"
#include "steady_load.hpp"

namespace punctual::testing {

// Records what arrives in site.arrivals(); `site` must outlive the load.
inline std::vector<SteadyLoad::Client> mixed_clients(Installation& site, int count) {
  site.arrivals().record(site.target(), "/fast", TargetAnswer{});
  site.arrivals().record(site.target(), "/slow", TargetAnswer{.delay = milliseconds{300}});
  const auto fields = [&site](int number) {
    return R"("url":")" + site.target().url(number % 5 == 0 ? "/slow" : "/fast") + "\"" +
           (number % 3 == 0 ? R"(,"delay":1)" : "");
  };
  std::vector<SteadyLoad::Client> out;
  for (int i = 0; i < count; ++i) out.push_back({"client" + std::to_string(i), site.key(), fields});
  return out;
}

}  // namespace punctual::testing
