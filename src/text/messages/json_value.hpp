// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

#include <moxie/text/value.hpp>

#include "format/json.hpp"

namespace moxie::inline abi1::text {

/// What a JSON text from outside may cost: a value takes up to 200 bytes once it is a Value, so there may be fewer of
/// them than a text could hold, or memory would outgrow the text.
constexpr std::size_t most_values(std::size_t json_bytes) noexcept { return (std::size_t{1} << 16U) + json_bytes / 64; }
constexpr format::JsonLimits message_limits(std::size_t json_bytes) noexcept {
  return {.max_bytes = 8U << 20U, .max_depth = 64, .max_values = most_values(json_bytes), .max_token_bytes = 8U << 20U};
}

/// The same in another form: data, every byte of it. Recurses as deep as the document, 64 at most. `values_left` counts
/// down; a text that was inside another, as arguments are, shares it.
///
/// Errors   kFormat: no value is left.
Result<Value> to_value(format::JsonValue json, std::string_view where, std::size_t& values_left);
Result<Value> json_to_value(std::string_view json, std::string_view where);
/// The arguments of a call: the object that a text holds; an empty text is an empty object.
Result<Value> arguments_to_value(std::string_view json, std::string_view where, std::size_t& values_left);

}  // namespace moxie::text
