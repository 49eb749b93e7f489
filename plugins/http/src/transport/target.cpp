#include "transport/target.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <strings.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <span>

namespace punctual {
namespace {

struct FreeText {
  void operator()(char* text) const noexcept { curl_free(text); }
};

std::optional<std::string> part(CURLU* url, CURLUPart which, unsigned flags = 0) {
  char* text = nullptr;
  const auto code = curl_url_get(url, which, &text, flags);
  const std::unique_ptr<char, FreeText> owner(text);
  if (code == CURLUE_OUT_OF_MEMORY) throw std::bad_alloc();
  if (code != CURLUE_OK) return std::nullopt;
  return std::string(text);
}

bool starts_with_scheme(std::string_view url, std::string_view scheme) {
  return url.size() > scheme.size() && strncasecmp(url.data(), scheme.data(), scheme.size()) == 0 &&
         url[scheme.size()] != '/';
}

// curl also takes "http:/host" and "http:///host"; nobody means these.
bool well_formed_text(std::string_view url) {
  if (url.size() > Target::max_url_bytes) return false;
  if (!starts_with_scheme(url, "http://") && !starts_with_scheme(url, "https://")) return false;
  return std::none_of(url.begin(), url.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte <= 0x20 || byte == 0x7f;
  });
}

// Names in other scripts must come in their ASCII form: libidn2 reads them by the process's locale, and maps other digits
// and dots to ours.
bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

void normalize_host(std::string& host) {
  if (host.size() >= 2 && host.front() == '[') {
    host = host.substr(1, host.find_first_of("%]") - 1);
  }
  while (!host.empty() && host.back() == '.') host.pop_back();
  std::transform(host.begin(), host.end(), host.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
}

// As a resolver reads it: inet_aton knows hexadecimal, octal and fewer than four parts.
std::optional<Address> literal_address(const std::string& host) {
  if (auto address = Address::parse(host)) return address;
  in_addr numeric{};
  if (inet_aton(host.c_str(), &numeric) == 0) return std::nullopt;
  Address::V4 bytes;
  std::memcpy(bytes.data(), &numeric, bytes.size());
  return Address(bytes);
}

bool is_one_of(std::span<const std::string_view> names, std::string_view host) {
  return std::find(names.begin(), names.end(), host) != names.end();
}

bool is_below(std::span<const std::string_view> domains, std::string_view host) {
  return is_one_of(domains, host) || std::any_of(domains.begin(), domains.end(), [&](auto domain) {
           return host.size() > domain.size() && host.ends_with(domain) && host[host.size() - domain.size() - 1] == '.';
         });
}

// Services that hand out the credentials of a machine in a cloud.
bool is_metadata_name(std::string_view host) {
  constexpr std::string_view names[] = {"metadata", "metadata.google.internal", "metadata.goog", "instance-data",
                                        "instance-data.ec2.internal"};
  return is_one_of(names, host);
}

bool is_loopback_name(std::string_view host) {
  constexpr std::string_view names[] = {"ip6-localhost", "ip6-loopback", "localhost.localdomain"};
  constexpr std::string_view domains[] = {"localhost"};
  return is_one_of(names, host) || is_below(domains, host);
}

bool is_private_name(std::string_view host) {
  constexpr std::string_view domains[] = {"local", "localdomain", "internal", "home.arpa"};
  return is_below(domains, host);
}

bool is_refused_name(std::string_view host, const AddressRules& rules) {
  if (is_metadata_name(host)) return true;
  if (is_loopback_name(host)) return !rules.permits_some_loopback();
  return is_private_name(host) && !rules.permits_some_private();
}

}  // namespace

std::optional<Target> Target::parse(std::string_view url) {
  if (!well_formed_text(url)) return std::nullopt;
  Target target;
  target.url_.reset(curl_url());
  if (!target.url_) throw std::bad_alloc();
  const std::string terminated(url);
  const auto code = curl_url_set(target.handle(), CURLUPART_URL, terminated.c_str(), 0);
  if (code == CURLUE_OUT_OF_MEMORY) throw std::bad_alloc();
  if (code != CURLUE_OK) return std::nullopt;

  auto host = part(target.handle(), CURLUPART_HOST);
  auto port = part(target.handle(), CURLUPART_PORT, CURLU_DEFAULT_PORT);
  if (!host || !port || *port == "0") return std::nullopt;
  normalize_host(*host);
  if (host->empty() || !is_ascii(*host)) return std::nullopt;
  target.address_ = literal_address(*host);
  target.host_ = std::move(*host);
  target.port_ = std::move(*port);
  target.secure_ = url[4] == 's' || url[4] == 'S';
  target.has_credentials_ = url.find('@') != std::string_view::npos;
  return target;
}

std::optional<Target> Target::redirected(const std::string& location) const {
  const Url next(curl_url_dup(handle()));
  if (!next) throw std::bad_alloc();
  if (curl_url_set(next.get(), CURLUPART_URL, location.c_str(), CURLU_URLENCODE) != CURLUE_OK) return std::nullopt;
  const auto whole = part(next.get(), CURLUPART_URL);
  return whole ? parse(*whole) : std::nullopt;
}

std::optional<TargetProblem> judge(const Target& target, const AddressRules& rules) {
  if (rules.permits_everything()) return std::nullopt;
  if (target.address()) {
    return rules.permits(*target.address()) ? std::nullopt : std::optional(TargetProblem::refused);
  }
  return is_refused_name(target.host(), rules) ? std::optional(TargetProblem::refused) : std::nullopt;
}

}  // namespace punctual
