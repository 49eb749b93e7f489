#include "delivery/signer.hpp"

#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <boost/json/basic_parser_impl.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "delivery/base64.hpp"
#include "delivery/hmac.hpp"
#include "punctual/errors.hpp"
#include "punctual/version.h"

namespace punctual {
namespace {

constexpr std::string_view secret_prefix = "whsec_";
constexpr std::size_t secret_size = 32;

std::string hex(std::string_view bytes) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += digits[byte >> 4];
    out += digits[byte & 0x0f];
  }
  return out;
}

std::optional<std::string> signing_key(std::string_view secret) {
  if (!secret.starts_with(secret_prefix)) return std::nullopt;
  auto key = decode_base64(secret.substr(secret_prefix.size()));
  if (key && key->empty()) return std::nullopt;
  return key;
}

bool carries_body(Method method) {
  return method == Method::post || method == Method::put || method == Method::patch || method == Method::del;
}

bool same_name(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

bool has(const Headers& headers, std::string_view name) {
  return std::any_of(headers.begin(), headers.end(), [&](const auto& header) { return same_name(header.first, name); });
}

// A parser's handler that keeps nothing: only whether the text is JSON matters.
struct NoValues {
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);

  using Error = boost::json::error_code;
  using Text = boost::json::string_view;
  static bool on_document_begin(Error&) { return true; }
  static bool on_document_end(Error&) { return true; }
  static bool on_object_begin(Error&) { return true; }
  static bool on_object_end(std::size_t, Error&) { return true; }
  static bool on_array_begin(Error&) { return true; }
  static bool on_array_end(std::size_t, Error&) { return true; }
  static bool on_key_part(Text, std::size_t, Error&) { return true; }
  static bool on_key(Text, std::size_t, Error&) { return true; }
  static bool on_string_part(Text, std::size_t, Error&) { return true; }
  static bool on_string(Text, std::size_t, Error&) { return true; }
  static bool on_number_part(Text, Error&) { return true; }
  static bool on_int64(std::int64_t, Text, Error&) { return true; }
  static bool on_uint64(std::uint64_t, Text, Error&) { return true; }
  static bool on_double(double, Text, Error&) { return true; }
  static bool on_bool(bool, Error&) { return true; }
  static bool on_null(Error&) { return true; }
  static bool on_comment_part(Text, Error&) { return true; }
  static bool on_comment(Text, Error&) { return true; }
};

bool is_json(std::string_view text) {
  boost::json::parse_options options;
  options.max_depth = 1000;  // nested deeper it counts as text: the parser's stack grows with it
  boost::json::basic_parser<NoValues> parser{options};
  boost::json::error_code error;
  const auto read = parser.write_some(false, text.data(), text.size(), error);
  return !error && read == text.size();
}

// What a request is about, and what its signatures cover.
struct Signed {
  std::string id;  // webhook-id
  TaskId task;
  ExecutionId execution;
  std::span<const std::string> secrets;
  std::string_view body;
};

Headers signed_headers(const Signed& what, Time now, bool compat_headers) {
  const auto timestamp = std::to_string(std::chrono::floor<seconds>(now).time_since_epoch().count());
  Headers out{{"User-Agent", "Punctual/" PUNCTUAL_VERSION},
              {"webhook-id", what.id},
              {"webhook-timestamp", timestamp},
              {"Punctual-Task-Id", what.task.text()},
              {"Punctual-Execution-Id", what.execution.text()}};
  auto signatures = webhook_signature(what.secrets, what.id, timestamp, what.body);
  if (!signatures.empty()) out.emplace_back("webhook-signature", std::move(signatures));
  if (compat_headers) {
    out.emplace_back("X-Runlater-Task-Id", what.task.text());
    out.emplace_back("X-Runlater-Execution-Id", what.execution.text());
    if (!what.secrets.empty()) {
      out.emplace_back("X-Runlater-Signature", "sha256=" + hex(hmac_sha256(what.secrets.front(), {what.body})));
    }
  }
  return out;
}

// Those that still sign at `now`.
std::span<const std::string> live_secrets(const std::vector<std::string>& secrets,
                                          const std::optional<Time>& old_secret_until, Time now) {
  const std::span<const std::string> all(secrets);
  return old_secret_until && now >= *old_secret_until ? all.first(std::min<std::size_t>(all.size(), 1)) : all;
}

}  // namespace

std::string webhook_signature(std::span<const std::string> secrets, std::string_view id, std::string_view timestamp,
                              std::string_view body) {
  std::string out;
  for (const auto& secret : secrets) {
    const auto key = signing_key(secret);
    if (!key) continue;
    if (!out.empty()) out += ' ';
    out += "v1," + encode_base64(hmac_sha256(*key, {id, ".", timestamp, ".", body}));
  }
  return out;
}

Headers delivery_headers(const Claimed& claimed, Time now, bool compat_headers) {
  const std::string_view body = carries_body(claimed.method) ? std::string_view(claimed.body) : std::string_view();
  const auto secrets = live_secrets(claimed.signing_secrets, claimed.old_secret_until, now);
  Headers ours =
      signed_headers({claimed.run_id.text(), claimed.task_id, claimed.id, secrets, body}, now, compat_headers);
  ours.emplace_back("Punctual-Attempt", std::to_string(claimed.attempt));
  ours.emplace_back("Punctual-Scheduled-For", format_rfc3339(claimed.scheduled_for));
  if (!body.empty() && !has(claimed.headers, "Content-Type")) {
    ours.emplace_back("Content-Type", is_json(body) ? "application/json" : "text/plain");
  }

  Headers out;
  out.reserve(claimed.headers.size() + ours.size());
  for (const auto& header : claimed.headers) {
    if (!has(ours, header.first)) out.push_back(header);
  }
  out.insert(out.end(), std::make_move_iterator(ours.begin()), std::make_move_iterator(ours.end()));
  return out;
}

Headers message_headers(const ClaimedMessage& message, std::string_view body, Time now, bool compat_headers) {
  const auto secrets = live_secrets(message.signing_secrets, message.old_secret_until, now);
  Headers out =
      signed_headers({message.id.text(), message.task_id, message.execution_id, secrets, body}, now, compat_headers);
  out.emplace_back("Content-Type", "application/json");
  return out;
}

std::string make_signing_secret() {
  std::string key(secret_size, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(key.data()), static_cast<int>(key.size())) != 1) {
    throw Unavailable("this machine has no randomness to give");
  }
  return std::string(secret_prefix) + encode_base64(key);
}

}  // namespace punctual
