// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "text/template/builder.hpp"
#include "text/template/payload.hpp"

namespace moxie::inline abi1::text {

struct Arguments;

// Values as text. What comes from a string keeps the origin it has there; what is written for a value, quotes,
// brackets and digits, has the origin of that value.

/// Python's repr of a float: the shortest digits that give it back.
std::string repr_of_real(double value);

/// str(value); undefined is nothing.
void write_text(Meter& meter, Builder& out, const Value& value);
Value text_of(Meter& meter, const Value& value);
void write_repr(Meter& meter, Builder& out, const Value& value);

struct JsonStyle {
  bool ascii = false;
  bool sort_keys = false;
  bool indented = false;
  std::int64_t indent_width = 0;  ///< spaces that one level is, where `indent` is not given
  // Strings where the template gives them; undefined for the usual ones.
  Value indent, between_items, between_key_and_value;
};
/// json.dumps(value); fails for what it cannot write.
void write_json(Meter& meter, Builder& out, const Value& value, const JsonStyle& style);

/// The text of a key of a JSON object, as json.dumps makes it from a string, number, bool or None.
Value json_key(Meter& meter, const Value& key);

/// format % values, for %s %r %d %i %u %f %F %e %E %g %G %x %X %o %c %% with flags, width and precision.
Value format_percent(Meter& meter, const Value& format, const Value& values);

/// format.format(...): {}, {0}, {name} and {{ }}; attributes, conversions and specifications are kUnsupported.
Value format_braces(Meter& meter, const Value& format, const Arguments& arguments);

}  // namespace moxie::text
