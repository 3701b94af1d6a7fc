// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "format/json.hpp"

namespace moxie::inline abi1::text {

/// Appends `value` as compact JSON. Recurses as deep as its document.
void write_json_text(std::string& out, format::JsonValue value);

/// Appends JSON without the white space between its values; strings and numbers stay as they were written.
void write_compact(std::string& out, std::string_view json);

/// Behind the string that begins at `at`.
std::size_t string_end(std::string_view json, std::size_t at) noexcept;

/// The values of an object or array as they were written, in their order. `container` is valid JSON.
std::vector<std::string_view> written_values(std::string_view container);

}  // namespace moxie::text
