// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "text/template/arguments.hpp"

namespace moxie::inline abi1::text {

class Engine;

inline constexpr std::uint16_t kNoMethod = 0xffff;

/// The method of that name that a value of this kind has, as a number; kNoMethod where it has none.
/// Fails (kUnsupported) for methods that Python has and this interpreter has not.
std::uint16_t find_method(const Value& value, std::string_view name);
/// Whether it is one that would change its value. The sandbox hides these: they are undefined.
bool is_refused(std::uint16_t method) noexcept;
Value call_method(Engine& engine, const Value& receiver, std::uint16_t method, const Arguments& arguments);

/// Fails (kUnsupported) for attributes that Python's values have and templates have no use for.
void refuse_attribute(const Value& value, std::string_view name);

}  // namespace moxie::text
