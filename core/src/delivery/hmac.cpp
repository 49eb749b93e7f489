#include "delivery/hmac.hpp"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <memory>
#include <stdexcept>

namespace punctual {
namespace {

struct Free {
  void operator()(EVP_MAC* mac) const { EVP_MAC_free(mac); }
  void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_MAC_CTX, Free>;

void check(bool ok) {
  if (!ok) throw std::runtime_error("HMAC-SHA256 failed");
}

const unsigned char* as_bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

// Without a key. Copying it spares each message the search for the algorithms, which costs more than the hashing.
const Context& prototype() {
  static const Context context = [] {
    const std::unique_ptr<EVP_MAC, Free> mac(EVP_MAC_fetch(nullptr, OSSL_MAC_NAME_HMAC, nullptr));
    Context made(EVP_MAC_CTX_new(mac.get()));
    check(made != nullptr);
    char digest[] = "SHA256";
    const OSSL_PARAM settings[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                                   OSSL_PARAM_construct_end()};
    check(EVP_MAC_CTX_set_params(made.get(), settings) == 1);
    return made;
  }();
  return context;
}

}  // namespace

std::string hmac_sha256(std::string_view key, std::initializer_list<std::string_view> parts) {
  const Context context(EVP_MAC_CTX_dup(prototype().get()));
  check(context && EVP_MAC_init(context.get(), as_bytes(key), key.size(), nullptr) == 1);
  for (const auto part : parts) check(EVP_MAC_update(context.get(), as_bytes(part), part.size()) == 1);
  std::string out(32, '\0');
  std::size_t size = 0;
  check(EVP_MAC_final(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size, out.size()) == 1);
  return out;
}

}  // namespace punctual
