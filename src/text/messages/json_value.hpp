// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include <moxie/text/value.hpp>

#include "format/json.hpp"

namespace moxie::text {

/// What a JSON text from outside may cost, besides its size.
inline constexpr format::JsonLimits kMessageLimits{
    .max_bytes = 64U << 20U, .max_depth = 64, .max_values = 1U << 20U, .max_token_bytes = 64U << 20U};

/// The same in another form: data, every byte of it. Recurses as deep as the document, 64 at most.
Result<Value> to_value(format::JsonValue json, std::string_view where);
Result<Value> json_to_value(std::string_view json, std::string_view where);
/// The arguments of a call: the object that a text holds; an empty text is an empty object.
Result<Value> arguments_to_value(std::string_view json, std::string_view where);

}  // namespace moxie::text
