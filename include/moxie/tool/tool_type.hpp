// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <charconv>
#include <cmath>
#include <concepts>
#include <limits>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <moxie/core/text.hpp>
#include <moxie/tool/described.hpp>
#include <moxie/tool/result_text.hpp>
#include <moxie/tool/schema_text.hpp>
#include <moxie/tool/value_path.hpp>

namespace moxie::inline abi1 {

/// A whole number in [Least, Most], for an argument whose limits are not its type's: Between<int, 1, 14>.
template <std::integral T, T Least, T Most>
struct Between {
  static_assert(Least <= Most, "a range with nothing in it");
  T value = Least;
  constexpr operator T() const noexcept { return value; }  // NOLINT(google-explicit-constructor)
};

/// How a C++ type appears in the arguments and results of tools. There are: bool, whole numbers of every width,
/// Between, float, double, std::string, std::optional, std::vector, and every enum and struct that is `described`.
///
///     schema(sink)             the members of its JSON schema: "type":"string"
///     read(value, path, out)   checks and takes a value; after an error `out` is unspecified
///     write(text, value)       as JSON
///
/// Errors   read: kInvalidArgument, with the path of what is wrong.  write: kInvalidArgument for what JSON cannot say.
///          Both let std::bad_alloc through.
template <class T>
struct ToolType;

namespace detail {

template <class T>
concept SchemaWhole =
    std::integral<T> && !std::same_as<T, bool> && !std::same_as<T, char> && !std::same_as<T, wchar_t> &&
    !std::same_as<T, char8_t> && !std::same_as<T, char16_t> && !std::same_as<T, char32_t>;

template <class T>
concept DescribedEnum = std::is_enum_v<T> && requires {
  described<T>.list;
};

template <class T>
concept DescribedStruct = std::is_class_v<T> && requires {
  described<T>.fields;
};

template <class T>
inline constexpr bool kIsOptional = false;
template <class T>
inline constexpr bool kIsOptional<std::optional<T>> = true;

// JSON Schema counts 3.0, 3e2 and -0 among the integers. They were read as doubles, which are exact up to 2^53.
template <class T>
std::optional<T> as_whole(format::JsonValue value) noexcept {
  if (const auto whole = value.as_u64()) {
    return std::in_range<T>(*whole) ? std::optional(static_cast<T>(*whole)) : std::nullopt;
  }
  if (const auto whole = value.as_i64()) {
    return std::in_range<T>(*whole) ? std::optional(static_cast<T>(*whole)) : std::nullopt;
  }
  constexpr double kExact = 9007199254740992.0;
  const auto real = value.as_double();
  if (!real || !(std::fabs(*real) <= kExact) || std::trunc(*real) != *real) return std::nullopt;
  const auto whole = static_cast<long long>(*real);
  return std::in_range<T>(whole) ? std::optional(static_cast<T>(whole)) : std::nullopt;
}

// A bound beyond 64 bits with a sign is left out: the template of a chat writes the schema into the prompt, and its
// numbers, as those of most who read JSON, end there. read_whole checks it all the same.
template <class Sink, class T>
constexpr void put_whole_schema(Sink& sink, T least, T most) {
  put_text(sink, R"("type":"integer")");
  if (std::in_range<std::int64_t>(least)) {
    put_text(sink, R"(,"minimum":)");
    put_number(sink, least);
  }
  if (std::in_range<std::int64_t>(most)) {
    put_text(sink, R"(,"maximum":)");
    put_number(sink, most);
  }
}

template <class T>
Status read_whole(format::JsonValue value, const ValuePath& path, T least, T most, T& out) noexcept {
  const std::optional<T> whole = as_whole<T>(value);
  if (!whole || *whole < least || *whole > most) {
    return path.wrong(Text("a whole number in [", +least, ", ", +most, "]"), value);
  }
  out = *whole;
  return {};
}

}  // namespace detail

/// A type that ToolType knows.
template <class T>
concept ToolValue = std::default_initializable<T> && std::movable<T> && requires(detail::SchemaCounter& sink) {
  ToolType<T>::schema(sink);
};

template <>
struct ToolType<bool> {
  template <class Sink>
  static constexpr void schema(Sink& sink) {
    detail::put_text(sink, R"("type":"boolean")");
  }
  static Status read(format::JsonValue value, const ValuePath& path, bool& out) noexcept {
    const auto truth = value.as_bool();
    if (!truth) return path.wrong("true or false", value);
    out = *truth;
    return {};
  }
  static Status write(ResultText& text, bool value) {
    text.add(value ? "true" : "false");
    return {};
  }
};

template <detail::SchemaWhole T>
struct ToolType<T> {
  using Limits = std::numeric_limits<T>;

  template <class Sink>
  static constexpr void schema(Sink& sink) {
    detail::put_whole_schema(sink, Limits::min(), Limits::max());
  }
  static Status read(format::JsonValue value, const ValuePath& path, T& out) noexcept {
    return detail::read_whole(value, path, Limits::min(), Limits::max(), out);
  }
  static Status write(ResultText& text, T value) {
    text.add(Text(+value));
    return {};
  }
};

template <detail::SchemaWhole T, T Least, T Most>
struct ToolType<Between<T, Least, Most>> {
  template <class Sink>
  static constexpr void schema(Sink& sink) {
    detail::put_whole_schema(sink, Least, Most);
  }
  static Status read(format::JsonValue value, const ValuePath& path, Between<T, Least, Most>& out) noexcept {
    return detail::read_whole(value, path, Least, Most, out.value);
  }
  static Status write(ResultText& text, Between<T, Least, Most> value) { return ToolType<T>::write(text, value.value); }
};

template <class T>
requires(std::same_as<T, float> || std::same_as<T, double>) struct ToolType<T> {
  template <class Sink>
  static constexpr void schema(Sink& sink) {
    detail::put_text(sink, R"("type":"number")");
  }
  static Status read(format::JsonValue value, const ValuePath& path, T& out) noexcept {
    const auto real = value.as_double();
    if (!real || !(std::fabs(*real) <= static_cast<double>(std::numeric_limits<T>::max()))) {
      return path.wrong(std::same_as<T, float> ? "a number that a float can hold" : "a number", value);
    }
    out = static_cast<T>(*real);
    return {};
  }
  static Status write(ResultText& text, T value) {
    if (!std::isfinite(value)) {
      return Status(Code::kInvalidArgument, "result", "numbers that are finite, as JSON's are", Text(value));
    }
    text.add(Text(value));
    return {};
  }
};

template <>
struct ToolType<std::string> {
  template <class Sink>
  static constexpr void schema(Sink& sink) {
    detail::put_text(sink, R"("type":"string")");
  }
  static Status read(format::JsonValue value, const ValuePath& path, std::string& out) {
    const auto text = value.as_string();
    if (!text) return path.wrong("a string", value);
    out = *text;
    return {};
  }
  static Status write(ResultText& text, const std::string& value) {
    text.quote(value);
    return {};
  }
};

template <class T>
requires(!detail::kIsOptional<T>) struct ToolType<std::optional<T>> {
  static_assert(ToolValue<T>, "an optional of a type that has no schema: see moxie::ToolType and moxie::described");

  template <class Sink>
  static constexpr void schema(Sink& sink) {
    detail::put_text(sink, R"("anyOf":[{)");
    ToolType<T>::schema(sink);
    detail::put_text(sink, R"(},{"type":"null"}])");
  }
  static Status read(format::JsonValue value, const ValuePath& path, std::optional<T>& out) {
    out.reset();
    if (value.is_null()) return {};
    return ToolType<T>::read(value, path, out.emplace());
  }
  static Status write(ResultText& text, const std::optional<T>& value) {
    if (value) return ToolType<T>::write(text, *value);
    text.add("null");
    return {};
  }
};

template <class T>
struct ToolType<std::vector<T>> {
  static_assert(ToolValue<T>, "a vector of a type that has no schema: see moxie::ToolType and moxie::described");

  template <class Sink>
  static constexpr void schema(Sink& sink) {
    detail::put_text(sink, R"("type":"array","items":{)");
    ToolType<T>::schema(sink);
    sink.put('}');
  }
  static Status read(format::JsonValue value, const ValuePath& path, std::vector<T>& out) {
    if (!value.is_array()) return path.wrong("a list", value);
    out.clear();
    out.reserve(value.size());
    for (const format::JsonValue::Member& member : value) {
      T item{};
      MOXIE_TRY(ToolType<T>::read(member.value, ValuePath{.above = &path, .index = out.size()}, item));
      out.push_back(std::move(item));
    }
    return {};
  }
  static Status write(ResultText& text, const std::vector<T>& value) {
    text.add("[");
    bool first = true;
    for (const auto& item : value) {
      if (!std::exchange(first, false)) text.add(",");
      MOXIE_TRY(ToolType<T>::write(text, item));
    }
    text.add("]");
    return {};
  }
};

template <detail::DescribedEnum E>
struct ToolType<E> {
  template <class Sink>
  static constexpr void schema(Sink& sink) {
    detail::put_text(sink, R"("type":"string","enum":[)");
    bool first = true;
    for (const Enumerator<E>& entry : described<E>.list) {
      if (!std::exchange(first, false)) sink.put(',');
      detail::put_quoted(sink, entry.name);
    }
    sink.put(']');
  }
  static Status read(format::JsonValue value, const ValuePath& path, E& out) {
    const auto name = value.as_string();
    std::string needed = "one of";
    for (const Enumerator<E>& entry : described<E>.list) {
      if (name && *name == entry.name) {
        out = entry.value;
        return {};
      }
      needed.append(needed.size() == 6 ? " " : ", ").append(entry.name);
    }
    return path.wrong(needed, value);
  }
  static Status write(ResultText& text, E value) {
    for (const Enumerator<E>& entry : described<E>.list) {
      if (entry.value == value) {
        text.quote(entry.name);
        return {};
      }
    }
    return Status(Code::kInvalidArgument, "result", "a value of an enum that has a name",
                  Text(static_cast<std::underlying_type_t<E>>(value)));
  }
};

namespace detail {

// Of fields (members of a struct, arguments of a tool): the members of an object's schema.
template <class... Fields, class Sink>
constexpr void put_object_schema(Sink& sink) {
  [[maybe_unused]] bool first = true;
  [[maybe_unused]] const auto comma = [&] {
    if (!std::exchange(first, false)) sink.put(',');
  };
  [[maybe_unused]] const auto property = [&]<class Field>(std::type_identity<Field>) {
    comma();
    put_quoted(sink, Field::kName);
    put_text(sink, ":{");
    ToolType<typename Field::Value>::schema(sink);
    if (!Field::kDescription.empty()) {
      put_text(sink, R"(,"description":)");
      put_quoted(sink, Field::kDescription);
    }
    sink.put('}');
  };
  [[maybe_unused]] const auto require = [&]<class Field>(std::type_identity<Field>) {
    if (kIsOptional<typename Field::Value>) return;
    comma();
    put_quoted(sink, Field::kName);
  };
  put_text(sink, R"("type":"object","properties":{)");
  (property(std::type_identity<Fields>()), ...);
  put_text(sink, R"(},"required":[)");
  first = true;
  (require(std::type_identity<Fields>()), ...);
  put_text(sink, R"(],"additionalProperties":false)");
}

template <class Field>
Status read_field(format::JsonValue object, const ValuePath& above, typename Field::Value& out) {
  const ValuePath path{.above = &above, .name = Field::kName};
  const format::JsonValue value = object.find(Field::kName);
  if (value) return ToolType<typename Field::Value>::read(value, path, out);
  if constexpr (kIsOptional<typename Field::Value>) {
    out.reset();
    return {};
  } else {
    return path.missing();
  }
}

}  // namespace detail

template <detail::DescribedStruct S>
struct ToolType<S> {
  template <class Sink>
  static constexpr void schema(Sink& sink) {
    std::apply([&]<class... Fields>(const Fields&...) { detail::put_object_schema<Fields...>(sink); },
               described<S>.fields);
  }
  static Status read(format::JsonValue value, const ValuePath& path, S& out) {
    Status status;
    std::apply(
        [&]<class... Fields>(const Fields&... field) {
          static constexpr std::array<std::string_view, sizeof...(Fields)> kNames{Fields::kName...};
          status = path.check_object(value, kNames);
          ((status.ok() ? void(status = detail::read_field<Fields>(value, path, out.*field.pointer)) : void()), ...);
        },
        described<S>.fields);
    return status;
  }
  static Status write(ResultText& text, const S& value) {
    Status status;
    bool first = true;
    const auto write = [&]<class Field>(const Field& field) {
      if (!status.ok()) return;
      if (!std::exchange(first, false)) text.add(",");
      text.quote(Field::kName);
      text.add(":");
      status = ToolType<typename Field::Value>::write(text, value.*field.pointer);
    };
    text.add("{");
    std::apply([&](const auto&... field) { (write(field), ...); }, described<S>.fields);
    text.add("}");
    return status;
  }
};

}  // namespace moxie
