// The header list of one request in the form that curl takes. One thread.
#pragma once

#include <curl/curl.h>

#include <string>
#include <string_view>
#include <vector>

#include "punctual/model.hpp"

namespace punctual {

class RequestHeaders {
 public:
  // Names that frame a message or belong to the connection are left out, curl's own additions (Accept, Content-Type,
  // Expect) are switched off unless given. False: a name or a value would break the message (control bytes, no token).
  [[nodiscard]] bool assign(const Headers& headers);

  // For CURLOPT_HTTPHEADER. Valid until the next assign.
  [[nodiscard]] curl_slist* list() noexcept { return nodes_.data(); }

 private:
  // One text and one row of nodes for all, so that a request costs no allocation for each header.
  std::string text_;
  std::vector<std::size_t> starts_;
  std::vector<curl_slist> nodes_;
};

// Takes out what must not go to another origin: all but what describes the body and us.
void drop_private_headers(Headers& headers);
// Takes out what describes a body that is not sent.
void drop_body_headers(Headers& headers);

}  // namespace punctual
