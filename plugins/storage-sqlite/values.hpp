// How the values of the model are kept in columns: ids and digests as blobs, instants as microseconds, durations as counts
// of their unit, enumerations by name. Any thread.
#pragma once

#include <SQLiteCpp/Column.h>
#include <SQLiteCpp/Statement.h>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "punctual/errors.hpp"
#include "punctual/ids.hpp"
#include "punctual/model.hpp"
#include "punctual/time.hpp"

namespace punctual::sqlite {

template <class E>
concept NamedEnum = std::is_enum_v<E> && requires(E value) {
  { name_of(value) } -> std::same_as<std::string_view>;
};

// ---- Reading.

template <class T>
struct ColumnValue;

template <std::integral T>
struct ColumnValue<T> {
  static T read(const SQLite::Column& column) { return static_cast<T>(column.getInt64()); }
};
template <>
struct ColumnValue<bool> {
  static bool read(const SQLite::Column& column) { return column.getInt64() != 0; }
};
template <>
struct ColumnValue<std::string> {
  static std::string read(const SQLite::Column& column) { return column.getString(); }
};
template <>
struct ColumnValue<Time> {
  static Time read(const SQLite::Column& column) { return Time{microseconds{column.getInt64()}}; }
};
template <class Rep, class Period>
struct ColumnValue<std::chrono::duration<Rep, Period>> {
  static auto read(const SQLite::Column& column) { return std::chrono::duration<Rep, Period>{column.getInt64()}; }
};
template <>
struct ColumnValue<ClaimToken> {
  static ClaimToken read(const SQLite::Column& column) { return ClaimToken{column.getInt64()}; }
};
template <std::size_t Size>
struct ColumnValue<std::array<std::uint8_t, Size>> {
  static std::array<std::uint8_t, Size> read(const SQLite::Column& column) {
    std::array<std::uint8_t, Size> out{};
    const void* bytes = column.getBlob();
    if (column.getBytes() != static_cast<int>(Size)) throw Corrupt("a stored id or digest has the wrong size");
    std::memcpy(out.data(), bytes, Size);
    return out;
  }
};
template <class Kind>
struct ColumnValue<Id<Kind>> {
  static Id<Kind> read(const SQLite::Column& column) {
    return Id<Kind>{Uuid{ColumnValue<std::array<std::uint8_t, 16>>::read(column)}};
  }
};
template <NamedEnum E>
struct ColumnValue<E> {
  static E read(const SQLite::Column& column) {
    const auto value = parse_name<E>(column.getText());
    if (!value) throw Corrupt("a stored name is not known: " + column.getString());
    return *value;
  }
};
template <class T>
struct ColumnValue<std::optional<T>> {
  static std::optional<T> read(const SQLite::Column& column) {
    if (column.isNull()) return std::nullopt;
    return ColumnValue<T>::read(column);
  }
};

// ---- Binding. Strings and blobs passed as lvalues are not copied.

template <class T>
void bind_value(SQLite::Statement& statement, int index, T&& value) {
  using Value = std::remove_cvref_t<T>;
  constexpr bool keep = std::is_lvalue_reference_v<T>;
  if constexpr (std::is_same_v<Value, std::nullopt_t>) {
    statement.bind(index);
  } else if constexpr (std::integral<Value>) {
    statement.bind(index, static_cast<std::int64_t>(value));
  } else if constexpr (std::is_same_v<Value, Time>) {
    statement.bind(index, static_cast<std::int64_t>(value.time_since_epoch().count()));
  } else if constexpr (std::is_same_v<Value, milliseconds> || std::is_same_v<Value, seconds>) {
    statement.bind(index, static_cast<std::int64_t>(value.count()));
  } else if constexpr (std::is_same_v<Value, ClaimToken>) {
    statement.bind(index, static_cast<std::int64_t>(value));
  } else if constexpr (NamedEnum<Value>) {
    // Names are literals: they live for ever and end with a zero.
    statement.bindNoCopy(index, name_of(value).data());
  } else if constexpr (std::is_same_v<Value, std::string>) {
    if constexpr (keep) {
      statement.bindNoCopy(index, value);
    } else {
      statement.bind(index, value);
    }
  } else if constexpr (std::is_same_v<Value, std::string_view>) {
    statement.bind(index, std::string(value));
  } else if constexpr (std::is_same_v<Value, Digest>) {
    statement.bind(index, value.data(), static_cast<int>(value.size()));
  } else if constexpr (requires { value.value.bytes; }) {  // an Id
    statement.bind(index, value.value.bytes.data(), static_cast<int>(value.value.bytes.size()));
  } else {
    static_assert(
        requires { value.has_value(); }, "no column type for this value");
    if (value) {
      bind_value(statement, index, *std::forward<T>(value));
    } else {
      statement.bind(index);
    }
  }
}

}  // namespace punctual::sqlite
