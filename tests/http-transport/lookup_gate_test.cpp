#include "transport/lookup_gate.hpp"

#include "transport_under_test.hpp"

using namespace punctual;
using namespace punctual::testing;

namespace {

struct NoListener final : TransferListener {
  void on_connecting(Transfer&, bool) override {}
};

// Transfers to try the gate with; nothing is sent.
struct Transfers {
  Transfer& operator()(milliseconds timeout = seconds{10}) {
    all.push_back(std::make_unique<Transfer>(rules, listener));
    auto delivery = delivery_to("http://a.example/");
    delivery.timeout = timeout;
    CHECK_FALSE(all.back()->begin({std::move(delivery), nullptr, now}));
    return *all.back();
  }
  TransferRules rules;
  NoListener listener;
  Steady::time_point now = Steady::now();
  std::vector<std::unique_ptr<Transfer>> all;
  std::vector<LookupGate::Admitted> admitted;
};

using Pass = LookupGate::Pass;

}  // namespace

TEST_CASE("the first to a host leads and the others wait until the address is known") {
  Transfers make;
  LookupGate gate;
  auto& leader = make();
  CHECK(gate.enter(leader, "a:80", make.now) == Pass::lead);
  auto& second = make();
  auto& third = make();
  CHECK(gate.enter(second, "a:80", make.now) == Pass::wait);
  CHECK(gate.enter(third, "a:80", make.now) == Pass::wait);
  gate.known(leader, make.now, make.admitted);
  REQUIRE(make.admitted.size() == 2);
  CHECK(make.admitted[0].transfer == &second);
  CHECK(make.admitted[0].lookup == Lookup::cached);
  CHECK(gate.enter(make(), "a:80", make.now) == Pass::go);
  CHECK_FALSE(gate.busy());
}

TEST_CASE("an address is asked for again when its time is over") {
  Transfers make;
  LookupGate gate;
  auto& leader = make();
  CHECK(gate.enter(leader, "a:80", make.now) == Pass::lead);
  gate.known(leader, make.now, make.admitted);
  CHECK(gate.enter(make(), "a:80", make.now + LookupGate::address_lifetime) == Pass::lead);
}

TEST_CASE("when the leader goes before it knows, the next one leads") {
  Transfers make;
  LookupGate gate;
  auto& leader = make();
  auto& second = make();
  CHECK(gate.enter(leader, "a:80", make.now) == Pass::lead);
  CHECK(gate.enter(second, "a:80", make.now) == Pass::wait);
  gate.leave(leader, make.admitted);
  REQUIRE(make.admitted.size() == 1);
  CHECK(make.admitted[0].transfer == &second);
  CHECK(make.admitted[0].lookup == Lookup::fresh);
}

TEST_CASE("when the host has no address, all who wait for it are given back") {
  Transfers make;
  LookupGate gate;
  auto& leader = make();
  auto& second = make();
  CHECK(gate.enter(leader, "a:80", make.now) == Pass::lead);
  CHECK(gate.enter(second, "a:80", make.now) == Pass::wait);
  CHECK(gate.fail(leader, make.admitted) == std::vector<Transfer*>{&second});
  CHECK_FALSE(gate.busy());
  CHECK(make.admitted.empty());
}

TEST_CASE("one who waits may leave") {
  Transfers make;
  LookupGate gate;
  auto& leader = make();
  auto& second = make();
  CHECK(gate.enter(leader, "a:80", make.now) == Pass::lead);
  CHECK(gate.enter(second, "a:80", make.now) == Pass::wait);
  gate.leave(second, make.admitted);
  gate.known(leader, make.now, make.admitted);
  CHECK(make.admitted.empty());
}

TEST_CASE("lookups for different hosts are bounded and go in turn") {
  Transfers make;
  LookupGate gate(1);
  auto& first = make();
  auto& second = make();
  auto& third = make();
  CHECK(gate.enter(first, "a:80", make.now) == Pass::lead);
  CHECK(gate.enter(second, "b:80", make.now) == Pass::wait);
  CHECK(gate.enter(third, "c:80", make.now) == Pass::wait);
  gate.known(first, make.now, make.admitted);
  REQUIRE(make.admitted.size() == 1);
  CHECK(make.admitted[0].transfer == &second);
  CHECK(make.admitted[0].lookup == Lookup::fresh);
  make.admitted.clear();
  gate.leave(second, make.admitted);
  REQUIRE(make.admitted.size() == 1);
  CHECK(make.admitted[0].transfer == &third);
}

TEST_CASE("those who wait past their deadline are found") {
  Transfers make;
  LookupGate gate;
  CHECK(gate.enter(make(), "a:80", make.now) == Pass::lead);
  auto& hasty = make(milliseconds{5});
  CHECK(gate.enter(hasty, "a:80", make.now) == Pass::wait);
  CHECK(gate.enter(make(), "a:80", make.now) == Pass::wait);
  CHECK(gate.late(make.now).empty());
  CHECK(gate.late(make.now + milliseconds{5}) == std::vector<Transfer*>{&hasty});
}
