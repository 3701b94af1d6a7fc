// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "format/json.hpp"

namespace moxie::inline abi1::text {

/// Appends `value` as compact JSON. Recurses as deep as its document.
void write_json_text(std::string& out, format::JsonValue value);

}  // namespace moxie::text
