// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include <moxie/core/config.hpp>
#include <moxie/core/status.hpp>
#include <moxie/format/json_value.hpp>

namespace moxie::inline abi1 {

/// The way to a value inside the arguments of a tool, for errors: places[2].city. Lives on the stack of whoever reads.
struct ValuePath {
  static constexpr std::size_t kNoIndex = static_cast<std::size_t>(-1);

  const ValuePath* above = nullptr;  ///< none: the tool itself
  std::string_view name{};           ///< of a member; of the tool
  std::size_t index = kNoIndex;      ///< of an element

  [[nodiscard]] MOXIE_API Text text() const noexcept;
  /// kInvalidArgument: "weather: needed days as a whole number in [1, 14], came "three"".
  [[nodiscard]] MOXIE_API Status wrong(std::string_view needed, format::JsonValue came) const noexcept;
  /// kInvalidArgument: the object lacks a member.
  [[nodiscard]] MOXIE_API Status missing() const noexcept;
  /// kInvalidArgument: not an object, or one with a member that is none of `names`.
  [[nodiscard]] MOXIE_API Status check_object(format::JsonValue value,
                                              std::span<const std::string_view> names) const noexcept;
};

}  // namespace moxie
