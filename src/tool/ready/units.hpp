// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

namespace moxie::inline abi1::tools {

/// A unit: value_in_base = (value + offset) * factor, as its definition says, exactly.
struct Unit {
  std::string_view symbol;    ///< the model's word for it; case matters
  std::string_view name;      ///< in the singular, in small letters
  std::string_view quantity;  ///< length, mass, ...
  std::string_view factor;    ///< a decimal, or two with '/' between them
  std::string_view offset{};  ///< empty: 0
};

std::span<const Unit> units() noexcept;

/// By its symbol, by its name (any case, perhaps in the plural, spaces or hyphens for '_'), or by another usual
/// spelling. Null: none.
const Unit* find_unit(std::string_view text) noexcept;

}  // namespace moxie::tools
