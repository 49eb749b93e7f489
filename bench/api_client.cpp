#include "api_client.hpp"

#include <curl/curl.h>

#include <new>

namespace punctual::bench {

struct ApiClient::Handle {
  CURL* curl = curl_easy_init();
  curl_slist* headers = nullptr;

  Handle() {
    if (curl == nullptr) throw std::bad_alloc();
  }
  ~Handle() {
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
};

namespace {

std::size_t keep(char* bytes, std::size_t, std::size_t size, void* body) {
  static_cast<std::string*>(body)->append(bytes, size);
  return size;
}

}  // namespace

ApiClient::ApiClient(std::string origin, const std::string& key)
    : origin_(std::move(origin)), handle_(std::make_unique<Handle>()) {
  if (!key.empty()) {
    handle_->headers = curl_slist_append(handle_->headers, ("Authorization: Bearer " + key).c_str());
  }
  handle_->headers = curl_slist_append(handle_->headers, "Content-Type: application/json");
  curl_easy_setopt(handle_->curl, CURLOPT_HTTPHEADER, handle_->headers);
  curl_easy_setopt(handle_->curl, CURLOPT_WRITEFUNCTION, keep);
  curl_easy_setopt(handle_->curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle_->curl, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(handle_->curl, CURLOPT_TIMEOUT_MS, 30000L);
}

ApiClient::~ApiClient() = default;

Answer ApiClient::get(const std::string& path) {
  curl_easy_setopt(handle_->curl, CURLOPT_HTTPGET, 1L);
  return send(path);
}

Answer ApiClient::post(const std::string& path, const boost::json::value& body) {
  const std::string text = boost::json::serialize(body);
  curl_easy_setopt(handle_->curl, CURLOPT_POST, 1L);
  curl_easy_setopt(handle_->curl, CURLOPT_POSTFIELDSIZE, static_cast<long>(text.size()));
  curl_easy_setopt(handle_->curl, CURLOPT_COPYPOSTFIELDS, text.c_str());
  return send(path);
}

Answer ApiClient::send(const std::string& path) {
  Answer answer;
  curl_easy_setopt(handle_->curl, CURLOPT_URL, (origin_ + path).c_str());
  curl_easy_setopt(handle_->curl, CURLOPT_WRITEDATA, &answer.body);
  const auto began = std::chrono::steady_clock::now();
  if (curl_easy_perform(handle_->curl) == CURLE_OK) {
    long status = 0;
    curl_easy_getinfo(handle_->curl, CURLINFO_RESPONSE_CODE, &status);
    answer.status = static_cast<int>(status);
  }
  answer.took = std::chrono::duration_cast<microseconds>(std::chrono::steady_clock::now() - began);
  return answer;
}

}  // namespace punctual::bench
