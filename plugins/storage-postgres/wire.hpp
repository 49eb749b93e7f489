// How the values of the model travel to and from Postgres: its binary format (send and receive functions of each type), one
// trait a C++ type. Instants are timestamptz, ids uuid, enumerations text, bytes bytea. Any thread.
#pragma once

#include <array>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "punctual/errors.hpp"
#include "punctual/ids.hpp"
#include "punctual/model.hpp"
#include "punctual/time.hpp"

namespace punctual::postgres {

// Object ids of built-in types never change (catalog pg_type).
enum class Type : std::uint32_t {
  boolean = 16,
  bytes = 17,
  int8 = 20,
  int4 = 23,
  text = 25,
  boolean_array = 1000,
  bytes_array = 1001,
  int4_array = 1007,
  text_array = 1009,
  int8_array = 1016,
  instant_array = 1185,
  instant = 1184,
  uuid = 2950,
  uuid_array = 2951,
};

// Text that is to be bytea: it may hold any byte.
struct Bytes {
  std::string_view value;
};

template <class E>
concept NamedEnum = std::is_enum_v<E> && requires(E value) {
  { name_of(value) } -> std::same_as<std::string_view>;
};

template <std::integral Int>
void append_big_endian(std::string& out, Int value) {
  using Unsigned = std::make_unsigned_t<Int>;
  for (int shift = (static_cast<int>(sizeof(Int)) - 1) * 8; shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(static_cast<Unsigned>(value) >> shift & 0xff));
  }
}

template <std::integral Int>
[[nodiscard]] Int read_big_endian(std::string_view bytes) {
  if (bytes.size() != sizeof(Int)) throw Corrupt("a stored number has the wrong size");
  std::make_unsigned_t<Int> value = 0;
  for (const char byte : bytes) {
    value = static_cast<decltype(value)>(value << 8 | static_cast<unsigned char>(byte));
  }
  return static_cast<Int>(value);
}

// Postgres counts microseconds from 2000-01-01; the outermost values mean infinity in both directions.
inline constexpr microseconds postgres_epoch =
    std::chrono::sys_days{std::chrono::year{2000} / 1 / 1}.time_since_epoch();

template <class T>
struct Wire;

template <>
struct Wire<bool> {
  static constexpr Type type = Type::boolean;
  static constexpr Type array = Type::boolean_array;
  static void append(std::string& out, bool value) { out.push_back(value ? '\1' : '\0'); }
  static bool read(std::string_view bytes) { return bytes.size() == 1 && bytes[0] != 0; }
};
template <>
struct Wire<std::int32_t> {
  static constexpr Type type = Type::int4;
  static constexpr Type array = Type::int4_array;
  static void append(std::string& out, std::int32_t value) { append_big_endian(out, value); }
  static std::int32_t read(std::string_view bytes) { return read_big_endian<std::int32_t>(bytes); }
};
template <>
struct Wire<std::int64_t> {
  static constexpr Type type = Type::int8;
  static constexpr Type array = Type::int8_array;
  static void append(std::string& out, std::int64_t value) { append_big_endian(out, value); }
  static std::int64_t read(std::string_view bytes) { return read_big_endian<std::int64_t>(bytes); }
};
template <>
struct Wire<std::string_view> {
  static constexpr Type type = Type::text;
  static constexpr Type array = Type::text_array;
  static void append(std::string& out, std::string_view value) { out.append(value); }
};
template <>
struct Wire<std::string> : Wire<std::string_view> {
  static std::string read(std::string_view bytes) { return std::string(bytes); }
};
template <>
struct Wire<Bytes> {
  static constexpr Type type = Type::bytes;
  static constexpr Type array = Type::bytes_array;
  static void append(std::string& out, Bytes value) { out.append(value.value); }
};
template <>
struct Wire<Digest> {
  static constexpr Type type = Type::bytes;
  static constexpr Type array = Type::bytes_array;
  static void append(std::string& out, const Digest& value) {
    out.append(reinterpret_cast<const char*>(value.data()), value.size());
  }
  static Digest read(std::string_view bytes) {
    Digest out{};
    if (bytes.size() != out.size()) throw Corrupt("a stored digest has the wrong size");
    std::memcpy(out.data(), bytes.data(), out.size());
    return out;
  }
};
template <class Kind>
struct Wire<Id<Kind>> {
  static constexpr Type type = Type::uuid;
  static constexpr Type array = Type::uuid_array;
  static void append(std::string& out, const Id<Kind>& id) {
    out.append(reinterpret_cast<const char*>(id.value.bytes.data()), id.value.bytes.size());
  }
  static Id<Kind> read(std::string_view bytes) {
    Id<Kind> out;
    if (bytes.size() != out.value.bytes.size()) throw Corrupt("a stored id has the wrong size");
    std::memcpy(out.value.bytes.data(), bytes.data(), bytes.size());
    return out;
  }
};
template <>
struct Wire<Time> {
  static constexpr Type type = Type::instant;
  static constexpr Type array = Type::instant_array;
  static void append(std::string& out, Time value) {
    const bool infinite = value == Time::max() || value == Time::min();
    append_big_endian(out, (value.time_since_epoch() - (infinite ? microseconds{0} : postgres_epoch)).count());
  }
  static Time read(std::string_view bytes) {
    const microseconds value{read_big_endian<std::int64_t>(bytes)};
    if (value == microseconds::max() || value == microseconds::min()) return Time{value};
    return Time{value + postgres_epoch};
  }
};
template <>
struct Wire<ClaimToken> {
  static constexpr Type type = Type::int8;
  static constexpr Type array = Type::int8_array;
  static void append(std::string& out, ClaimToken value) { append_big_endian(out, static_cast<std::int64_t>(value)); }
  static ClaimToken read(std::string_view bytes) { return ClaimToken{read_big_endian<std::int64_t>(bytes)}; }
};
// Durations are counts of their own unit.
template <>
struct Wire<milliseconds> {
  static constexpr Type type = Type::int8;
  static constexpr Type array = Type::int8_array;
  static void append(std::string& out, milliseconds value) {
    append_big_endian(out, static_cast<std::int64_t>(value.count()));
  }
  static milliseconds read(std::string_view bytes) { return milliseconds{read_big_endian<std::int64_t>(bytes)}; }
};
template <>
struct Wire<seconds> {
  static constexpr Type type = Type::int8;
  static constexpr Type array = Type::int8_array;
  static void append(std::string& out, seconds value) {
    append_big_endian(out, static_cast<std::int64_t>(value.count()));
  }
  static seconds read(std::string_view bytes) { return seconds{read_big_endian<std::int64_t>(bytes)}; }
};
template <NamedEnum E>
struct Wire<E> {
  static constexpr Type type = Type::text;
  static constexpr Type array = Type::text_array;
  static void append(std::string& out, E value) { out.append(name_of(value)); }
  static E read(std::string_view bytes) {
    const auto value = parse_name<E>(bytes);
    if (!value) throw Corrupt("a stored name is not known: " + std::string(bytes));
    return *value;
  }
};

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

// The type that decides how a T is written: of optionals what is in them.
template <class T>
struct Unwrapped {
  using type = T;
};
template <class T>
struct Unwrapped<std::optional<T>> {
  using type = T;
};

// One-dimensional array in array_recv's format: dimensions, has nulls, element type, length, lower bound, then each element
// with its length (-1: null).
template <class Element>
class ArrayText {
 public:
  using Value = typename Unwrapped<Element>::type;

  explicit ArrayText(std::size_t size) {
    bytes_.reserve(20 + size * 20);
    append_big_endian(bytes_, std::int32_t{1});
    append_big_endian(bytes_, std::int32_t{1});
    append_big_endian(bytes_, static_cast<std::int32_t>(element_type()));
    append_big_endian(bytes_, static_cast<std::int32_t>(size));
    append_big_endian(bytes_, std::int32_t{1});
  }

  void add(const Element& element) {
    if constexpr (is_optional<Element>) {
      if (!element) return append_big_endian(bytes_, std::int32_t{-1});
      add_value(*element);
    } else {
      add_value(element);
    }
  }

  [[nodiscard]] std::string take() && { return std::move(bytes_); }

 private:
  static constexpr Type element_type() { return Wire<Value>::type; }

  void add_value(const Value& value) {
    const std::size_t at = bytes_.size();
    append_big_endian(bytes_, std::int32_t{0});
    Wire<Value>::append(bytes_, value);
    const auto size = static_cast<std::uint32_t>(bytes_.size() - at - 4);
    for (std::size_t i = 0; i < 4; ++i) bytes_[at + i] = static_cast<char>(size >> (24 - 8 * i) & 0xff);
  }

  std::string bytes_;
};

// The elements of a text array without nulls.
[[nodiscard]] inline std::vector<std::string> read_text_array(std::string_view bytes) {
  const auto number = [&](std::size_t at) { return read_big_endian<std::int32_t>(bytes.substr(at, 4)); };
  if (number(0) == 0) return {};
  std::vector<std::string> out;
  std::size_t at = 20;
  for (std::int32_t left = number(12); left > 0; --left) {
    const auto size = static_cast<std::size_t>(number(at));
    out.emplace_back(bytes.substr(at + 4, size));
    at += 4 + size;
  }
  return out;
}

// The values of one statement, $1, $2, … in order.
class Parameters {
 public:
  template <class... Values>
  explicit Parameters(const Values&... values) {
    (add(values), ...);
  }

  template <class T>
  void add(const T& value) {
    using Value = typename Unwrapped<T>::type;
    types_.push_back(static_cast<std::uint32_t>(Wire<Value>::type));
    if constexpr (is_optional<T>) {
      if (!value) {
        values_.emplace_back(std::nullopt);
        return;
      }
      Wire<Value>::append(values_.emplace_back(std::string{}).emplace(), *value);
    } else {
      Wire<Value>::append(values_.emplace_back(std::string{}).emplace(), value);
    }
  }
  void add(const char* text) { add(std::string_view(text)); }
  // A count; what does not fit is bounded.
  void add(std::size_t count) {
    constexpr std::size_t most = std::numeric_limits<std::int32_t>::max();
    add(static_cast<std::int32_t>(count < most ? count : most));
  }

  // An array with `of(item)` of each item.
  template <class Items, class Of>
  void add_each(const Items& items, Of of) {
    using Element = std::remove_cvref_t<std::invoke_result_t<Of, decltype(*std::begin(items))>>;
    ArrayText<Element> array(std::size(items));
    for (const auto& item : items) array.add(of(item));
    types_.push_back(static_cast<std::uint32_t>(Wire<typename Unwrapped<Element>::type>::array));
    values_.emplace_back(std::move(array).take());
  }

  [[nodiscard]] const std::vector<std::uint32_t>& types() const { return types_; }
  [[nodiscard]] const std::vector<std::optional<std::string>>& values() const { return values_; }

 private:
  std::vector<std::uint32_t> types_;
  std::vector<std::optional<std::string>> values_;
};

}  // namespace punctual::postgres
