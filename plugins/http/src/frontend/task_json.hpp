// Tasks as the API shows them. Any thread.
#pragma once

#include <span>
#include <string>

#include "frontend/json_text.hpp"
#include "punctual/model.hpp"

namespace punctual {

// One key of a thing's JSON: what is written, and what the OpenAPI document says of it.
template <class T>
struct JsonKey {
  std::string_view name;
  std::string_view schema;  // JSON Schema
  void (*write)(JsonText&, const T&);
};

// In the order of the contract.
[[nodiscard]] std::span<const JsonKey<Task>> task_keys();

template <class T>
void append_keys(JsonText& json, std::span<const JsonKey<T>> keys, const T& thing) {
  for (const auto& key : keys) {
    json.key(key.name);
    key.write(json, thing);
  }
}

void append_task(JsonText& json, const Task& task);

// {"data":<task>} with an optional message.
[[nodiscard]] std::string task_body(const Task& task, std::string_view message = {});

void append_headers(JsonText& json, const Headers& headers);

}  // namespace punctual
