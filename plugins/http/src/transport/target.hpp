// The URL of a delivery, read by the parser that sending uses, and the rules for it.
#pragma once

#include <curl/curl.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "punctual/transport.hpp"
#include "transport/address_rules.hpp"

namespace punctual {

// A parsed http or https URL. Movable, immutable. One thread at a time may use an object (curl's handle is inside).
class Target {
 public:
  static constexpr std::size_t max_url_bytes = 2048;

  // nullopt: not a URL that can be sent to (other scheme, no host, bad port, white space, control bytes, too long, a host
  // with other than ASCII characters: "xn--…" is to be written).
  [[nodiscard]] static std::optional<Target> parse(std::string_view url);

  // The target of a redirect from here: `location` may be relative. nullopt as parse.
  [[nodiscard]] std::optional<Target> redirected(const std::string& location) const;

  // Lower case, without brackets, zone and trailing dots.
  [[nodiscard]] const std::string& host() const noexcept { return host_; }
  // The address when the host is one and not a name, in any form that a resolver reads as an address ("0x7f.1").
  [[nodiscard]] const std::optional<Address>& address() const noexcept { return address_; }
  [[nodiscard]] const std::string& port() const noexcept { return port_; }
  [[nodiscard]] bool secure() const noexcept { return secure_; }
  // Same scheme, host and port (RFC 6454, section 5).
  [[nodiscard]] bool same_origin(const Target& other) const noexcept {
    return secure_ == other.secure_ && host_ == other.host_ && port_ == other.port_;
  }

  // Whether it may name a user; true also where only its path or query has an @.
  [[nodiscard]] bool has_credentials() const noexcept { return has_credentials_; }

  // For CURLOPT_CURLU: what is sent is what was parsed. Valid as long as this.
  [[nodiscard]] CURLU* handle() const noexcept { return url_.get(); }

 private:
  struct Cleanup {
    void operator()(CURLU* url) const noexcept { curl_url_cleanup(url); }
  };
  using Url = std::unique_ptr<CURLU, Cleanup>;

  Target() = default;

  Url url_;
  std::string host_;
  std::string port_;
  std::optional<Address> address_;
  bool secure_ = false;
  bool has_credentials_ = false;
};

// nullopt: the target may be sent to as far as its text tells; refused: it is a literal address or a name that must not be
// reached. What a name resolves to is judged when connecting. Any thread.
[[nodiscard]] std::optional<TargetProblem> judge(const Target& target, const AddressRules& rules);

}  // namespace punctual
