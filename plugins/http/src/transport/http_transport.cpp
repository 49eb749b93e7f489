#include "transport/http_transport.hpp"

#include <curl/curl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <exception>
#include <utility>

#include "punctual/errors.hpp"
#include "transport/target.hpp"

namespace punctual {
namespace {

TransferRules read_rules(const Settings& settings) {
  auto read = TransportSettings::read(settings);
  if (!read.ca_file.empty() && ::access(read.ca_file.c_str(), R_OK) != 0) {
    throw Error("delivery.ca_file: '" + read.ca_file + "' cannot be read");
  }
  try {
    AddressRules addresses(read.allow_private_networks, read.allow_cidrs);
    return {std::move(read), std::move(addresses)};
  } catch (const Error& problem) {
    throw Error(std::string("delivery.allow_cidrs: ") + problem.what());
  }
}

// Each delivery in flight has a connection.
void raise_open_files(Host& host) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  if (limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  if (limit.rlim_cur < 4096) {
    host.log(LogLevel::warn, "only " + std::to_string(limit.rlim_cur) +
                                 " files may be open at once: this bounds the deliveries in flight");
  }
}

void require_curl() {
  static const CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (code != CURLE_OK) throw Error("libcurl cannot be used");
  const auto* version = curl_version_info(CURLVERSION_NOW);
  if ((version->features & CURL_VERSION_ASYNCHDNS) == 0) {
    throw Error("libcurl resolves names one at a time here; one with a threaded resolver is needed");
  }
}

DeliveryOutcome not_started(DeliveryResult result, const char* error) {
  DeliveryOutcome outcome;
  outcome.result = result;
  outcome.error = error;
  return outcome;
}

}  // namespace

HttpTransport::HttpTransport(const Settings& settings, Host& host)
    : host_(host), rules_(read_rules(settings)), metrics_(host.metrics()) {
  require_curl();
  raise_open_files(host);
  try {
    for (std::size_t i = 0; i < rules_.settings.threads; ++i) {
      loops_.push_back(std::make_unique<DeliveryLoop>(rules_, host_, metrics_, outstanding_));
    }
  } catch (...) {
    for (const auto& loop : loops_) loop->finish();
    throw;
  }
}

HttpTransport::~HttpTransport() { drain(milliseconds{0}); }

std::vector<std::string> HttpTransport::schemes() const { return {"http", "https"}; }

std::optional<TargetProblem> HttpTransport::check_target(std::string_view url) const {
  const auto target = Target::parse(url);
  return target ? judge(*target, rules_.addresses) : TargetProblem::malformed;
}

void HttpTransport::start(Delivery delivery, DeliveryCompletion completion) noexcept {
  if (draining_.load()) {
    completion(not_started(DeliveryResult::cancelled, ""));
    return;
  }
  metrics_.started();
  outstanding_.add();
  StartedDelivery started{std::move(delivery), std::move(completion), Steady::now()};
  auto outcome = not_started(DeliveryResult::cancelled, "");
  try {
    if (pick_loop().post(started)) return;
  } catch (const std::exception&) {
    outcome = not_started(DeliveryResult::transport_error, "out of memory");
  }
  metrics_.finished(outcome);
  started.completion(std::move(outcome));
  outstanding_.remove();
}

DeliveryLoop& HttpTransport::pick_loop() noexcept {
  // Of two neighbours the one with less to do: even, without looking at all of them.
  const auto at = next_loop_.fetch_add(1, std::memory_order_relaxed);
  auto& first = *loops_[at % loops_.size()];
  auto& second = *loops_[(at + 1) % loops_.size()];
  return second.load() < first.load() ? second : first;
}

void HttpTransport::cancel(ExecutionId id) noexcept {
  try {
    for (const auto& loop : loops_) loop->cancel(id);
  } catch (const std::exception&) {
    host_.log(LogLevel::error, "a delivery could not be cancelled: out of memory");
  }
}

void HttpTransport::drain(milliseconds limit) noexcept {
  const std::lock_guard lock(draining_once_);
  if (draining_.exchange(true)) return;
  outstanding_.wait_for_none(limit);
  for (const auto& loop : loops_) loop->finish();
}

}  // namespace punctual
