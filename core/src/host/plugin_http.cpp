#include "host/plugin_http.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <future>
#include <memory>
#include <utility>

#include "delivery/retry_after.hpp"
#include "host/masking.hpp"
#include "punctual/errors.hpp"

namespace punctual {
namespace {

constexpr std::uint32_t first_request_size =
    offsetof(punctual_http_request, timeout_ms) + sizeof(punctual_http_request::timeout_ms);
// As much of `text` as there is room for, without the character that the end goes through.
void copy_text(std::string_view text, std::span<char> out) {
  auto size = std::min(text.size(), out.size() - 1);
  if (size < text.size()) {
    const auto continues = [&](std::size_t at) { return (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80; };
    const auto least = size < 3 ? 0 : size - 3;
    auto cut = size;
    while (cut > least && continues(cut)) --cut;
    if (!continues(cut)) size = cut;
  }
  std::memcpy(out.data(), text.data(), size);
  out[size] = '\0';
}

bool is_token(std::string_view name) {  // RFC 9110, section 5.6.2
  constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  return !name.empty() && std::all_of(name.begin(), name.end(), [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           marks.find(c) != std::string_view::npos;
  });
}

bool is_value(std::string_view value) {
  return std::none_of(value.begin(), value.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\t') || byte == 0x7f;
  });
}

std::pair<std::string, std::string> parse_header(std::string_view line) {
  const auto colon = std::min(line.find(':'), line.size());
  const auto name = line.substr(0, colon);
  if (colon == line.size() || !is_token(name)) throw Error("a header is not written \"Name: value\"");
  auto value = line.substr(colon + 1);
  // The value may be a secret, so it is not repeated.
  if (!is_value(value)) throw Error("the header " + std::string(name) + " has a control character or a line break");
  value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size()));
  value.remove_suffix(value.size() - (value.find_last_not_of(" \t") + 1));
  return {std::string(name), std::string(value)};
}

Headers parse_headers(std::string_view lines) {
  Headers out;
  while (!lines.empty()) {
    const auto end = std::min(lines.find("\r\n"), lines.size());
    out.push_back(parse_header(lines.substr(0, end)));
    lines.remove_prefix(std::min(end + 2, lines.size()));
  }
  return out;
}

Delivery read_request(const punctual_http_request& request, milliseconds longest) {
  if (request.struct_size < first_request_size) {
    throw Error("the request has " + std::to_string(request.struct_size) + " bytes, this server expects at least " +
                std::to_string(first_request_size));
  }
  if (request.url == nullptr || *request.url == '\0') throw Error("the request has no URL");
  if (request.body == nullptr && request.body_size > 0) throw Error("the request has a body of null");
  const auto method = parse_name<Method>(request.method == nullptr ? "" : request.method);
  if (!method) throw Error("the method must be GET, POST, PUT, PATCH, DELETE, HEAD or OPTIONS");
  Delivery out;
  out.method = *method;
  out.url = request.url;
  out.headers = parse_headers(request.headers == nullptr ? "" : request.headers);
  if (request.body_size > 0) out.body.assign(request.body, request.body_size);
  const milliseconds asked{request.timeout_ms};
  out.timeout = asked <= milliseconds{0} ? longest : std::min(asked, longest);
  return out;
}

punctual_http_response from_outcome(const DeliveryOutcome& outcome, milliseconds timeout, Time now) {
  switch (outcome.result) {
    case DeliveryResult::responded:
      break;
    case DeliveryResult::timed_out:
      return no_response("no response within " + std::to_string(timeout.count()) + " ms");
    case DeliveryResult::blocked: {
      auto blocked = no_response("blocked address: " + outcome.error);
      blocked.blocked = 1;
      return blocked;
    }
    case DeliveryResult::cancelled:
      return no_response("the server is stopping");
    case DeliveryResult::transport_error:
      return no_response(outcome.error.empty() ? "the request failed" : outcome.error);
  }
  auto out = no_response("");
  out.status = outcome.status_code;
  if (const auto wait = retry_after(outcome.headers, now)) {
    out.retry_after_ms = std::chrono::ceil<milliseconds>(*wait).count();
  }
  copy_text(outcome.body, out.body);
  return out;
}

}  // namespace

punctual_http_response no_response(std::string_view why) {
  punctual_http_response out{};
  out.struct_size = sizeof out;
  copy_text(one_line(mask_secrets(why)), out.error);
  return out;
}

TransportHttp::TransportHttp(std::span<Transport* const> transports, const Clock& clock, milliseconds longest)
    : clock_(clock), longest_(longest) {
  for (Transport* transport : transports) {
    for (auto& scheme : transport->schemes()) by_scheme_.emplace(std::move(scheme), transport);
  }
}

Transport* TransportHttp::transport_for(std::string_view url) const {
  std::string scheme(url.substr(0, url.find(':')));
  std::transform(scheme.begin(), scheme.end(), scheme.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  const auto found = by_scheme_.find(scheme);
  return found == by_scheme_.end() ? nullptr : found->second;
}

bool TransportHttp::answer(const punctual_http_request& request, punctual_http_response& response) {
  auto delivery = read_request(request, longest_);
  Transport* transport = transport_for(delivery.url);
  if (transport == nullptr) throw Error("this server has no transport for this URL");
  delivery.id = ids_.next<ExecutionId>(clock_.now());
  const auto timeout = delivery.timeout;
  // Shared with the completion, which may still be in set_value when the result is there already.
  const auto ended = std::make_shared<std::promise<DeliveryOutcome>>();
  auto future = ended->get_future();
  transport->start(std::move(delivery), [ended](DeliveryOutcome&& result) { ended->set_value(std::move(result)); });
  const DeliveryOutcome outcome = future.get();
  response = from_outcome(outcome, timeout, clock_.now());
  // Nobody but a drain of the transport cancels these.
  return outcome.result != DeliveryResult::cancelled;
}

bool TransportHttp::send(const punctual_http_request& request, punctual_http_response& response) {
  try {
    return answer(request, response);
  } catch (const std::exception& problem) {
    response = no_response(problem.what());
    return true;
  }
}

}  // namespace punctual
