// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include <moxie/core/result.hpp>
#include <moxie/core/text.hpp>

#include "format/json.hpp"

namespace moxie::inline abi1::format {

/// Reads the fields of one object, so that every error names the file, the field, what it should be and what it is:
///
///     const JsonFields config("config.json", document.root());
///     MOXIE_TRY_LET(const std::uint64_t experts, config.whole("num_experts", 1, 1U << 31));
///     // config.json: needed num_experts as a whole number in [1, 2147483648], came "x"
///
/// With a fallback, a field that is missing or null (as transformers writes what is not set) is the fallback;
/// one that is there and wrong is still an error. Ranges are inclusive.
///
/// Errors   kFormat, of every member.
class JsonFields {
 public:
  JsonFields(std::string_view where, JsonValue object) noexcept : where_(where), object_(object) {}

  [[nodiscard]] JsonValue get(std::string_view key) const noexcept { return object_.find(key); }
  /// Whether the field is there and not null.
  [[nodiscard]] bool has(std::string_view key) const noexcept {
    const JsonValue value = get(key);
    return value && !value.is_null();
  }

  [[nodiscard]] Result<std::uint64_t> whole(std::string_view key, std::uint64_t least, std::uint64_t most,
                                            std::optional<std::uint64_t> fallback = std::nullopt) const noexcept {
    if (fallback && !has(key)) return *fallback;
    const auto value = get(key).as_u64();
    if (value && least <= *value && *value <= most) return *value;
    return wrong(key, Text("a whole number in [", least, ", ", most, "]"));
  }

  [[nodiscard]] Result<double> real(std::string_view key, double least, double most,
                                    std::optional<double> fallback = std::nullopt) const noexcept {
    if (fallback && !has(key)) return *fallback;
    const auto value = get(key).as_double();
    if (value && least <= *value && *value <= most) return *value;
    return wrong(key, Text("a number in [", least, ", ", most, "]"));
  }

  [[nodiscard]] Result<bool> boolean(std::string_view key, std::optional<bool> fallback = std::nullopt) const noexcept {
    if (fallback && !has(key)) return *fallback;
    if (const auto value = get(key).as_bool()) return *value;
    return wrong(key, "true or false");
  }

  /// A view into the document.
  [[nodiscard]] Result<std::string_view> string(
      std::string_view key, std::optional<std::string_view> fallback = std::nullopt) const noexcept {
    if (fallback && !has(key)) return *fallback;
    if (const auto value = get(key).as_string()) return *value;
    return wrong(key, "a string");
  }

  /// The error of a field that is not what it should be.
  [[nodiscard]] Status wrong(std::string_view key, std::string_view needed) const noexcept {
    return Status(Code::kFormat, where_, Text(key, " as ", needed), get(key).describe());
  }

 private:
  std::string_view where_;
  JsonValue object_;
};

}  // namespace moxie::format
