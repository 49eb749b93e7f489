#include "cli/dev_mode.hpp"

#include <algorithm>

#include "cli/organizations.hpp"
#include "identity/id_generator.hpp"

namespace punctual {
namespace {

constexpr std::string_view dev_organization = "dev";
constexpr std::string_view actor = "system";
constexpr std::chrono::days unused_for{7};

// Where a program on this machine reaches a server that listens at `address`.
std::string local_address(std::string_view address) {
  address = address.substr(0, address.find_first_of(", "));
  for (const auto& [any, loopback] : {std::pair{"0.0.0.0:", "127.0.0.1:"}, std::pair{"[::]:", "[::1]:"}}) {
    if (address.starts_with(any)) return loopback + std::string(address.substr(std::string_view(any).size()));
  }
  return std::string(address);
}

}  // namespace

std::vector<SettingText> dev_defaults() { return {{"delivery.allow_private_networks", "true", "--dev"}}; }

std::string make_dev_key(Directory& directory, Time now) {
  IdGenerator ids;
  auto organization = directory.find_organization(dev_organization);
  if (!organization) organization = create_organization(directory, ids, dev_organization, now, actor);
  for (const ApiKey& old : directory.list_keys(organization->id)) {
    const Time last_seen = std::max(old.inserted_at, old.last_used_at.value_or(old.inserted_at));
    if (!old.revoked_at && now - last_seen > unused_for) {
      (void)revoke_key(directory, old.public_id, now, actor);
    }
  }
  return create_key(directory, ids, organization->id, {}, now, actor).text;
}

std::string dev_greeting(std::string_view key, std::string_view listening_at) {
  const std::string server = "http://" + local_address(listening_at);
  const std::string authorization = "-H 'Authorization: Bearer " + std::string(key) + "'";
  return "API key of the organisation \"dev\" (not for production):\n"
         "  " +
         std::string(key) +
         "\n"
         "Send a first task, to this server's own /health:\n"
         "  curl -X POST '" +
         server + "/api/v1/tasks' " + authorization + " -H 'Content-Type: application/json' -d '{\"url\":\"" + server +
         "/health\",\"method\":\"GET\"}'\n"
         "See what came of it:\n"
         "  curl '" +
         server + "/api/v1/executions' " + authorization + "\n";
}

}  // namespace punctual
