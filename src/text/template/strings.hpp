// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "text/template/builder.hpp"
#include "text/template/operators.hpp"

namespace moxie::inline abi1::text {

// What Python's str can do, shared by methods and filters. Values are strings; null stands for None. All of it
// keeps each byte's origin.

enum class Side : std::uint8_t { kBoth, kLeft, kRight };

Value strip_text(Meter& meter, const Value& text, const Value* characters, Side side);
/// `limit` < 0: no limit.
Value split_text(Meter& meter, const Value& text, const Value* separator, std::int64_t limit, Side from);
Value split_lines(Meter& meter, const Value& text, bool keep_ends);
/// partition and rpartition.
Value partition_text(Meter& meter, const Value& text, const Value& separator, Side from);
Value replace_text(Meter& meter, const Value& text, const Value& old, const Value& fresh, std::int64_t limit);

Value upper_text(Meter& meter, const Value& text);
Value lower_text(Meter& meter, const Value& text);
Value capitalize_text(Meter& meter, const Value& text);
/// str.title: a letter behind no letter.
Value title_text(Meter& meter, const Value& text);
/// Jinja's filter: a letter behind white space, '-' or an opening bracket.
Value title_words(Meter& meter, const Value& text);
Value swap_case(Meter& meter, const Value& text);

/// Items joined as they are; those that are no strings fail, unless `convert`.
Value join_text(Meter& meter, const Value& separator, Iteration& items, bool convert);
/// Filled up to `width` characters; `where` says on which side the text lies.
Value pad_text(Meter& meter, const Value& text, std::int64_t width, const Value& fill, Side where);
Value indent_text(Meter& meter, const Value& text, const Value& indent, bool first, bool blank);

}  // namespace moxie::text
