#include "transport/transport_settings.hpp"

#include "punctual/errors.hpp"

namespace punctual {
namespace {

constexpr punctual_setting declared[] = {
    {"delivery.threads", PUNCTUAL_INTEGER, "2", "Threads that send deliveries; each carries thousands at once."},
    {"delivery.allow_private_networks", PUNCTUAL_BOOLEAN, "false",
     "Whether tasks may call loopback, private and other internal addresses and names."},
    {"delivery.allow_cidrs", PUNCTUAL_STRING_LIST, "",
     "Internal address ranges that tasks may call all the same, e.g. 10.1.0.0/16,fd00:1::/64."},
    {"delivery.follow_redirects", PUNCTUAL_INTEGER, "0",
     "How many redirects of a delivery are followed, each checked again; 0: none, a redirect is a failure."},
    {"delivery.connect_timeout", PUNCTUAL_DURATION, "10s", "Longest wait for a connection to a target."},
    {"delivery.max_response_bytes", PUNCTUAL_INTEGER, "262144", "How much of a response body is kept."},
    {"delivery.max_connections", PUNCTUAL_INTEGER, "2000",
     "Beyond this number of connections, one that becomes idle is closed instead of kept for the next delivery."},
    {"delivery.ca_file", PUNCTUAL_STRING, "", "A file of certificate authorities (PEM) to trust besides the system's."},
};

std::int64_t integer_between(const Settings& settings, std::string_view name, std::int64_t low, std::int64_t high) {
  const auto value = settings.integer(name);
  if (value < low || value > high) {
    throw Error(std::string(name) + " must be " + std::to_string(low) + " to " + std::to_string(high) + ", not " +
                std::to_string(value));
  }
  return value;
}

}  // namespace

std::span<const punctual_setting> http_transport_settings() { return declared; }

TransportSettings TransportSettings::read(const Settings& settings) {
  TransportSettings out;
  out.threads = static_cast<std::size_t>(integer_between(settings, "delivery.threads", 1, 256));
  out.allow_private_networks = settings.boolean("delivery.allow_private_networks");
  out.allow_cidrs = settings.list("delivery.allow_cidrs");
  out.follow_redirects = static_cast<int>(integer_between(settings, "delivery.follow_redirects", 0, 50));
  out.connect_timeout = settings.duration("delivery.connect_timeout");
  if (out.connect_timeout < milliseconds{1}) throw Error("delivery.connect_timeout must be longer than 0");
  out.max_response_bytes =
      static_cast<std::size_t>(integer_between(settings, "delivery.max_response_bytes", 0, 16'777'216));
  out.max_connections = static_cast<std::size_t>(integer_between(settings, "delivery.max_connections", 1, 1'000'000));
  out.ca_file = settings.string("delivery.ca_file");
  return out;
}

}  // namespace punctual
