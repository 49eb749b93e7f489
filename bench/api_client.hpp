// ApiClient: one client of the HTTP API on one kept-alive connection. For one thread at a time.
#pragma once

#include <boost/json.hpp>
#include <memory>
#include <string>

#include "punctual/time.hpp"

namespace punctual::bench {

struct Answer {
  int status = 0;  // 0: no answer came
  std::string body;
  microseconds took{};
};

class ApiClient {
 public:
  // `origin` as "http://127.0.0.1:8080"; an empty key sends none.
  ApiClient(std::string origin, const std::string& key);
  ~ApiClient();
  ApiClient(const ApiClient&) = delete;
  ApiClient& operator=(const ApiClient&) = delete;

  [[nodiscard]] Answer get(const std::string& path);
  [[nodiscard]] Answer post(const std::string& path, const boost::json::value& body);

 private:
  [[nodiscard]] Answer send(const std::string& path);

  struct Handle;
  std::string origin_;
  std::unique_ptr<Handle> handle_;
};

}  // namespace punctual::bench
