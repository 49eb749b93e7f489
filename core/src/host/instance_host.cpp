#include "host/instance_host.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <cstddef>
#include <cstring>
#include <exception>

#include "host/masking.hpp"
#include "host/setting_names.hpp"
#include "host/setting_value.hpp"

namespace punctual {
namespace {

constexpr std::uint32_t first_response_size =
    offsetof(punctual_http_response, body) + sizeof(punctual_http_response::body);

// No more than the plugin's struct has; nothing when it cannot be one.
void hand_over(const punctual_http_response& answer, punctual_http_response& response) {
  if (response.struct_size < first_response_size) return;
  const auto size = std::min<std::size_t>(response.struct_size, sizeof answer);
  constexpr auto begin = sizeof answer.struct_size;
  std::memcpy(reinterpret_cast<char*>(&response) + begin, reinterpret_cast<const char*>(&answer) + begin, size - begin);
}

static_assert(static_cast<int>(LogLevel::debug) == PUNCTUAL_DEBUG &&
              static_cast<int>(LogLevel::info) == PUNCTUAL_INFO && static_cast<int>(LogLevel::warn) == PUNCTUAL_WARN &&
              static_cast<int>(LogLevel::error) == PUNCTUAL_ERROR);

}  // namespace

InstanceHost::InstanceHost(const Plugin& plugin, const std::string& settings_json, Host& host, PluginHttp* http,
                           std::string label)
    : plugin_(plugin), host_(host), http_(http), label_(std::move(label)) {
  const auto values = boost::json::parse(settings_json);
  for (const auto& declared : plugin.settings()) {
    auto text = setting_for_plugin(static_cast<punctual_setting_type>(declared.type), values.at(declared.name));
    if (is_secret_name(declared.name) && !text.empty()) secrets_.push_back(text);
    settings_.emplace(declared.name, std::move(text));
  }
  for_plugin_.struct_size = sizeof for_plugin_;
  for_plugin_.self = this;
  for_plugin_.log = log;
  for_plugin_.setting = setting;
  for_plugin_.http = InstanceHost::http;
}

std::string InstanceHost::masked(std::string_view text) const { return mask_values(text, secrets_); }

void InstanceHost::log(void* self, std::int32_t level, const char* text) {
  if (text == nullptr) return;
  auto& host = *static_cast<InstanceHost*>(self);
  const auto known = std::clamp<std::int32_t>(level, PUNCTUAL_DEBUG, PUNCTUAL_ERROR);
  try {
    host.host_.log(static_cast<LogLevel>(known), host.label_ + ": " + host.masked(text));
  } catch (const std::exception&) {
    // Out of memory for one line: the line is lost, and nothing is thrown through the plugin.
  }
}

const char* InstanceHost::setting(void* self, const char* name) {
  if (name == nullptr) return nullptr;
  const auto& host = *static_cast<const InstanceHost*>(self);
  const auto* declared = find_setting(host.plugin_.settings(), name);
  return declared == nullptr ? nullptr : host.settings_.find(std::string_view(declared->name))->second.c_str();
}

std::int32_t InstanceHost::http(void* self, const punctual_http_request* request, punctual_http_response* response) {
  if (request == nullptr || response == nullptr) return -1;
  auto answer = no_response("this server sends no HTTP requests for plugins");
  auto& host = *static_cast<InstanceHost*>(self);
  if (host.http_ != nullptr && !host.http_->send(*request, answer)) host.cut_off_ = true;
  hand_over(answer, *response);
  return answer.status == 0 ? -1 : 0;
}

}  // namespace punctual
