// Rows of the tables as values of the model, and back. Any thread; the Query belongs to the caller.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "connection.hpp"
#include "punctual/model.hpp"

namespace punctual::sqlite {

// Header fields as JSON text, [["Name","value"],…], in their order.
[[nodiscard]] std::string headers_to_json(const Headers& headers);
[[nodiscard]] Headers headers_from_json(std::string_view json);

// A JSON array of strings.
[[nodiscard]] std::string strings_to_json(const std::vector<std::string>& strings);
[[nodiscard]] std::vector<std::string> strings_from_json(std::string_view json);

// "select … from tasks" with the columns that task_from reads.
extern const std::string select_task;
[[nodiscard]] Task task_from(const Query& row);

// The columns that execution_from reads, "select … " without the "from"; execution_columns of them.
extern const std::string select_execution;
inline constexpr int execution_columns = 12;
[[nodiscard]] Execution execution_from(const Query& row);

}  // namespace punctual::sqlite
