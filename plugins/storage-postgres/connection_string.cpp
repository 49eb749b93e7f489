#include "connection_string.hpp"

#include <libpq-fe.h>

#include <array>
#include <map>
#include <memory>

#include "punctual/errors.hpp"

namespace punctual::postgres {
namespace {

struct Free {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};

std::string quoted(const std::string& value) {
  std::string out = "'";
  for (const char c : value) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

}  // namespace

std::string connection_string(const std::string& url) {
  char* problem = nullptr;
  const std::unique_ptr<PQconninfoOption, Free> parsed(PQconninfoParse(url.c_str(), &problem));
  PQfreemem(problem);
  if (!parsed) throw Invalid("storage.url", "is not a PostgreSQL connection URL");
  // A dead peer is found in 15 s or less.
  std::map<std::string, std::string> values{{"connect_timeout", "5"},   {"application_name", "punctual"},
                                            {"keepalives_idle", "5"},   {"keepalives_interval", "3"},
                                            {"keepalives_count", "3"},  {"tcp_user_timeout", "15000"},
                                            {"client_encoding", "UTF8"}};
  for (const PQconninfoOption* option = parsed.get(); option->keyword != nullptr; ++option) {
    if (option->val != nullptr) values[option->keyword] = option->val;
  }
  std::string out;
  for (const auto& [name, value] : values) out += name + "=" + quoted(value) + " ";
  return out;
}

}  // namespace punctual::postgres
