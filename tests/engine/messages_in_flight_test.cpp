#include "engine/messages_in_flight.hpp"

#include <catch2/catch.hpp>

using namespace punctual;

namespace {

OrganizationId organization(std::uint8_t number) {
  OrganizationId id;
  id.value.bytes[15] = number;
  return id;
}

// The message with this number, of an organisation.
ClaimedMessage message(std::uint8_t number, std::uint8_t of, std::size_t size = 1) {
  ClaimedMessage out;
  out.id.value.bytes[15] = number;
  out.token = ClaimToken{7};
  out.organization_id = organization(of);
  out.content.assign(size, 'x');
  return out;
}

MessageClaim claim_of(const ClaimedMessage& one) { return {one.id, one.token}; }

}  // namespace

TEST_CASE("an organisation alone may have all places but a tenth") {
  MessagesInFlight messages(20);
  CHECK(messages.allowance().limit == 18);
  CHECK(messages.allowance().passed_over.empty());
  for (std::uint8_t i = 0; i < 18; ++i) messages.add(message(i, 1));
  // The last two are for others.
  CHECK(messages.allowance().limit == 2);
  CHECK(messages.allowance().passed_over == std::vector{organization(1)});
}

TEST_CASE("an organisation below its equal share may have the last places") {
  MessagesInFlight messages(20);
  for (std::uint8_t i = 0; i < 17; ++i) messages.add(message(i, 1));
  messages.add(message(17, 2));
  CHECK(messages.allowance().passed_over == std::vector{organization(1)});
  messages.add(message(18, 2));
  CHECK(messages.allowance().limit == 1);
  messages.add(message(19, 3));
  CHECK(messages.allowance().limit == 0);
}

TEST_CASE("what has ended makes room, and another claim of it does not") {
  MessagesInFlight messages(1);
  const auto one = message(1, 1);
  messages.add(one);
  CHECK(messages.allowance().limit == 0);
  messages.remove({one.id, ClaimToken{8}});
  CHECK(messages.knows(claim_of(one)));
  messages.remove(claim_of(one));
  messages.remove(claim_of(one));
  CHECK_FALSE(messages.knows(claim_of(one)));
  CHECK(messages.allowance().limit == 1);
}

TEST_CASE("large messages take room as well") {
  MessagesInFlight messages(100);
  const auto large = message(1, 1, MessagesInFlight::most_bytes - 1000);
  messages.add(large);
  CHECK(messages.allowance().bytes == 1000);
  messages.add(message(2, 1, 2000));
  CHECK(messages.allowance().limit == 0);
  messages.remove(claim_of(large));
  CHECK(messages.allowance().bytes == MessagesInFlight::most_bytes - 2000);
}
