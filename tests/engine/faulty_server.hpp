#pragma once

#include <array>
#include <functional>
#include <utility>

#include "engine/engine_fixture.hpp"
#include "engine/faulty_storage.hpp"

namespace punctual::testing {

// A server whose storage fails when told to.
struct FaultyServer {
  explicit FaultyServer(EngineFixture& fixture, const EngineSettings& settings = {})
      : FaultyServer(fixture, on_time_of_test(settings), {}) {}

  // Its time is what the database tells.
  FaultyServer(EngineFixture& fixture, const EngineSettings& settings, std::function<Time()> database_time)
      : storage(fixture.store.open()),
        faulty(*storage),
        transport(fixture.clock),
        engine(faulty, transports, fixture.clock, fixture.host, settings) {
    faulty.tell_time(std::move(database_time));
    engine.start();
  }

  PluginInstance<Storage> storage;
  FaultyStorage faulty;
  FakeTransport transport;
  std::array<Transport*, 1> transports{&transport};
  TaskEngine engine;
};

}  // namespace punctual::testing
