// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "text/template/arguments.hpp"

namespace moxie::inline abi1::text {

class Engine;

/// As find_method() and call_method(), for strings alone.
std::uint16_t find_string_method(std::string_view name);
Value call_string_method(Engine& engine, const Value& receiver, std::uint16_t method, const Arguments& arguments);

}  // namespace moxie::text
