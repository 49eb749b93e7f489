#include "work_store.hpp"

#include "executions.hpp"
#include "hot_path.hpp"

namespace punctual::sqlite {

std::vector<InsertOutcome> SqliteWorkStore::insert(NodeId node, std::span<const NewWork> batch) {
  return writer_.write([&](Connection& connection) { return insert_work(connection, node, batch); });
}

ClaimResult SqliteWorkStore::claim(const ClaimRequest& request) {
  return writer_.write([&](Connection& connection) { return claim_due(connection, turns_, request); });
}

std::vector<SettleOutcome> SqliteWorkStore::settle(std::span<const Settlement> batch) {
  return writer_.write([&](Connection& connection) { return settle_batch(connection, batch); });
}

void SqliteWorkStore::release(std::span<const ClaimRef> claims) {
  writer_.write([&](Connection& connection) {
    LineChanges lines(connection);
    for (const ClaimRef& claim : claims) (void)end_claim(connection, lines, claim, ClaimEnd::given_back);
    lines.refresh();
  });
}

void SqliteWorkStore::mark_started(std::span<const StartedClaim>) {}

}  // namespace punctual::sqlite
