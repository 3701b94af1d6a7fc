// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>
#include <cmath>

#include "text/template/filters.hpp"
#include "text/template/strings.hpp"
#include "text/template/unicode.hpp"

namespace moxie::inline abi1::text {

namespace {

template <Value (*change)(Meter&, const Value&)>
Value changed(Engine& engine, const Value& input, const Arguments& arguments) {
  arguments.bind_none("a filter that changes case");
  return change(engine.meter(), text_of(engine.meter(), input));
}

Value trim(Engine& engine, const Value& input, const Arguments& arguments) {
  const auto [characters] = arguments.bind("trim", {"chars"});
  const bool given = characters != nullptr && !characters->is(Kind::kNull);
  return strip_text(engine.meter(), text_of(engine.meter(), input),
                    given ? &string_argument(characters, "characters to strip") : nullptr, Side::kBoth);
}

Value replace(Engine& engine, const Value& input, const Arguments& arguments) {
  const auto [old, fresh, count] = arguments.bind("replace", {"old", "new", "count"}, 2);
  Meter& meter = engine.meter();
  return replace_text(meter, text_of(meter, input), text_of(meter, *old), text_of(meter, *fresh),
                      whole_argument(count, -1, "count", true));
}

Value join(Engine& engine, const Value& input, const Arguments& arguments) {
  const auto [separator, attribute] = arguments.bind("join", {"d", "attribute"});
  Meter& meter = engine.meter();
  const Value between = separator == nullptr ? make_text(meter, {}, Origin::kTemplate) : text_of(meter, *separator);
  Iteration items(meter, input);
  if (attribute == nullptr || attribute->is(Kind::kNull)) return join_text(meter, between, items, true);
  MeteredVector<Value> picked = new_items(meter);
  for (Value item; items.next(item);) picked.push_back(attribute_path(engine, item, *attribute));
  Iteration over(meter, make_sequence(meter, Shape::kList, std::move(picked)));
  return join_text(meter, between, over, true);
}

Value indent(Engine& engine, const Value& input, const Arguments& arguments) {
  const auto [width, first, blank] = arguments.bind("indent", {"width", "first", "blank"});
  Meter& meter = engine.meter();
  if (!input.is(Kind::kString)) refuse("a string to indent", input);
  Value by;
  if (width != nullptr && width->is(Kind::kString)) {
    by = *width;
  } else {
    by = arithmetic(meter, Operator::kMultiply, make_text(meter, " ", Origin::kTemplate),
                    Value(whole_argument(width, 4, "width")));
  }
  return indent_text(meter, input, by, truth_argument(first, false), truth_argument(blank, false));
}

Value string(Engine& engine, const Value& input, const Arguments& arguments) {
  arguments.bind_none("string");
  return text_of(engine.meter(), input);
}

Value center(Engine& engine, const Value& input, const Arguments& arguments) {
  const auto [width] = arguments.bind("center", {"width"});
  Meter& meter = engine.meter();
  return pad_text(meter, text_of(meter, input), whole_argument(width, 80, "width"),
                  make_text(meter, " ", Origin::kTemplate), Side::kBoth);
}

Value truncate(Engine& engine, const Value& input, const Arguments& arguments) {
  const auto [length, kill, end, leeway] = arguments.bind("truncate", {"length", "killwords", "end", "leeway"});
  Meter& meter = engine.meter();
  const Value dots = end == nullptr ? make_text(meter, "...", Origin::kTemplate) : string_argument(end, "an end");
  const std::int64_t most = whole_argument(length, 255, "a length");
  const std::int64_t more = whole_argument(leeway, 5, "a leeway", true);
  const auto dots_length = static_cast<std::int64_t>(string_of(dots).points);
  if (most < dots_length || more < 0) fail(Code::kFormat, "a length that holds the end", "a smaller one");
  const auto size = static_cast<std::int64_t>(length_of(input));
  if (size - std::min(size, most) <= more) return input;
  if (!input.is(Kind::kString)) refuse("a string to truncate", input);
  const std::string_view text = string_of(input).text;
  std::size_t stop = offset_of_point(text, static_cast<std::size_t>(most - dots_length));
  if (!truth_argument(kill, false)) {
    if (const std::size_t space = text.substr(0, stop).rfind(' '); space != std::string_view::npos) stop = space;
  }
  Builder builder(meter);
  builder.add(input, 0, stop);
  builder.add(dots);
  return builder.done();
}

Value wordcount(Engine& engine, const Value& input, const Arguments& arguments) {
  arguments.bind_none("wordcount");
  const Value value = text_of(engine.meter(), input);
  if (!string_of(value).ascii()) fail(Code::kUnsupported, "ASCII text for wordcount", "other characters");
  engine.meter().touch(string_of(value).text.size());
  std::int64_t words = 0;
  bool inside = false;
  for (const char c : string_of(value).text) {
    const bool word = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    words += word && !inside ? 1 : 0;
    inside = word;
  }
  return Value(words, Origin::kTemplate);
}

Value escape(Engine& engine, const Value& input, const Arguments& arguments) {
  arguments.bind_none("escape");
  Meter& meter = engine.meter();
  const Value value = text_of(meter, input);
  if (string_of(value).markup) return value;
  const std::string_view text = string_of(value).text;
  Builder builder(meter);
  for (std::size_t at = 0; at < text.size(); ++at) {
    static constexpr std::string_view kSpecial = "&<>'\"";
    static constexpr std::string_view kNames[] = {"&amp;", "&lt;", "&gt;", "&#39;", "&#34;"};
    const std::size_t which = kSpecial.find(text[at]);
    if (which == std::string_view::npos) {
      builder.add(value, at, at + 1);
    } else {
      builder.add(kNames[which], origin_at(value, at));
    }
  }
  return builder.done(true);
}

Value safe(Engine& engine, const Value& input, const Arguments& arguments) {
  arguments.bind_none("safe");
  // A prompt is no HTML: nothing is escaped, so there is nothing to be safe from. In Jinja, what is added to a safe
  // text is escaped, even where nothing else is: `{"name"` behind one becomes `{&#34;name&#34;`, which nobody meant.
  return text_of(engine.meter(), input);
}

Value format(Engine& engine, const Value& input, const Arguments& arguments) {
  Meter& meter = engine.meter();
  if (!arguments.named.empty()) fail(Code::kUnsupported, "values for 'format' without names", "one with a name");
  MeteredVector<Value> values = new_items(meter);
  values.assign(arguments.positional.begin(), arguments.positional.end());
  return format_percent(meter, text_of(meter, input), make_sequence(meter, Shape::kTuple, std::move(values)));
}

Value tojson(Engine& engine, const Value& input, const Arguments& arguments) {
  const auto [ascii, indent, separators, sort] =
      arguments.bind("tojson", {"ensure_ascii", "indent", "separators", "sort_keys"});
  Meter& meter = engine.meter();
  JsonStyle style;
  style.ascii = truth_argument(ascii, false);
  style.sort_keys = truth_argument(sort, false);
  style.indented = indent != nullptr && !indent->is(Kind::kNull);
  if (style.indented && indent->is(Kind::kString)) {
    style.indent = *indent;
  } else if (style.indented) {
    style.indent_width = whole_argument(indent, 0, "indent");
    if (style.indent_width > 0) meter.check_text(static_cast<std::uint64_t>(style.indent_width));
  }
  if (separators != nullptr && !separators->is(Kind::kNull)) {
    Iteration pair(meter, *separators);
    if (pair.left() != 2) fail(Code::kFormat, "two separators", Text(pair.left()));
    pair.next(style.between_items), pair.next(style.between_key_and_value);
    string_argument(&style.between_items, "a separator");
    string_argument(&style.between_key_and_value, "a separator");
  }
  Builder builder(meter);
  write_json(meter, builder, input, style);
  return builder.done();
}

// A number as Python's int() and float() read it: space around it, a sign, single underscores between digits.
std::string plain_number(std::string_view text) {
  text = strip_left(strip_right(text));
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto digit = [&](std::size_t at) { return at < text.size() && text[at] >= '0' && text[at] <= '9'; };
    if (text[i] == '_' && i > 0 && digit(i - 1) && digit(i + 1)) continue;
    out.push_back(text[i]);
  }
  // from_chars knows no plus.
  if (out.size() > 1 && out[0] == '+' && out[1] != '-' && out[1] != '+') out.erase(0, 1);
  return out;
}

bool parse_real(std::string_view text, double& out) {
  const std::string plain = plain_number(text);
  const char* end = plain.data() + plain.size();
  const auto [stop, error] = std::from_chars(plain.data(), end, out);
  if (plain.empty() || stop != end || plain.find('(') != std::string::npos) return false;
  if (error == std::errc::result_out_of_range) {
    const bool tiny = plain.find("e-") != std::string::npos || plain.find("E-") != std::string::npos;
    out = std::copysign(tiny ? 0.0 : HUGE_VAL, plain[0] == '-' ? -1.0 : 1.0);
    return true;
  }
  return error == std::errc();
}

Value whole_from_real(double real, Origin origin) {
  if (!(std::abs(real) < 9223372036854775808.0))
    fail(Code::kUnsupported, "whole numbers of 64 bits", "one beyond them");
  return Value(static_cast<std::int64_t>(real), origin);
}

Value to_int(Engine& /*engine*/, const Value& input, const Arguments& arguments) {
  const auto [fallback, base_given] = arguments.bind("int", {"default", "base"});
  const Value otherwise = fallback == nullptr ? Value(0, Origin::kTemplate) : *fallback;
  if (input.is(Kind::kUndefined)) refuse("a number or string", input);
  if (is_whole(input)) return Value(whole_of(input), input.origin());
  if (input.is(Kind::kReal)) {
    if (std::isnan(input.as_real())) return otherwise;
    if (std::isinf(input.as_real())) refuse("a number that is finite", input);
    return whole_from_real(input.as_real(), input.origin());
  }
  if (!input.is(Kind::kString)) return otherwise;
  const std::int64_t base = whole_argument(base_given, 10, "base");
  std::string plain = plain_number(input.as_string());
  const bool minus = !plain.empty() && plain[0] == '-';
  if (base == 16 || base == 8 || base == 2) {
    const std::size_t at = minus ? 1 : 0;
    const char mark = base == 16 ? 'x' : base == 8 ? 'o' : 'b';
    if (plain.size() > at + 2 && plain[at] == '0' && (plain[at + 1] | 0x20) == mark) plain.erase(at, 2);
  } else if (base != 10) {
    fail(Code::kUnsupported, "base 2, 8, 10 or 16", Text(base));
  }
  std::int64_t whole = 0;
  const char* end = plain.data() + plain.size();
  const auto [stop, error] = std::from_chars(plain.data(), end, whole, static_cast<int>(base));
  if (!plain.empty() && stop == end) {
    if (error == std::errc()) return Value(whole, input.origin());
    if (error == std::errc::result_out_of_range) fail(Code::kUnsupported, "whole numbers of 64 bits", plain);
  }
  double real = 0;
  if (!parse_real(input.as_string(), real) || !std::isfinite(real)) return otherwise;
  return whole_from_real(real, input.origin());
}

Value to_float(Engine& /*engine*/, const Value& input, const Arguments& arguments) {
  const auto [fallback] = arguments.bind("float", {"default"});
  const Value otherwise = fallback == nullptr ? Value(0.0, Origin::kTemplate) : *fallback;
  if (input.is(Kind::kUndefined)) refuse("a number or string", input);
  if (is_number(input)) return Value(real_of(input), input.origin());
  double real = 0;
  if (!input.is(Kind::kString) || !parse_real(input.as_string(), real)) return otherwise;
  return Value(real, input.origin());
}

Value absolute(Engine& engine, const Value& input, const Arguments& arguments) {
  arguments.bind_none("abs");
  if (input.is(Kind::kReal)) return Value(std::abs(input.as_real()), input.origin());
  if (!is_whole(input)) refuse("a number", input);
  return whole_of(input) < 0 ? negative(engine.meter(), input) : Value(whole_of(input), input.origin());
}

Value round(Engine& engine, const Value& input, const Arguments& arguments) {
  const auto [precision_given, method_given] = arguments.bind("round", {"precision", "method"});
  const std::int64_t precision = whole_argument(precision_given, 0, "precision");
  const std::string_view method =
      method_given == nullptr ? "common" : string_argument(method_given, "method").as_string();
  if (method != "common" && method != "ceil" && method != "floor") fail(Code::kFormat, "common, ceil or floor", method);
  if (!is_number(input)) refuse("a number", input);
  if (precision < -300 || precision > 300)
    fail(Code::kUnsupported, "a precision of at most 300 digits", Text(precision));
  if (method != "common") {
    Meter& meter = engine.meter();
    const Value scale = arithmetic(meter, Operator::kPower, Value(10, input.origin()), Value(precision));
    const double scaled = real_of(arithmetic(meter, Operator::kMultiply, input, scale));
    if (!std::isfinite(scaled)) fail(Code::kFormat, "a finite number to round", "another");
    const Value whole = whole_from_real(method == "ceil" ? std::ceil(scaled) : std::floor(scaled), input.origin());
    return arithmetic(meter, Operator::kDivide, whole, scale);
  }
  if (is_whole(input)) {
    if (precision >= 0) return Value(whole_of(input), input.origin());
    if (precision < -18) return Value(0, input.origin());
    std::int64_t unit = 1;
    for (std::int64_t i = precision; i < 0; ++i) unit *= 10;
    // Half to even, as Python does.
    const std::int64_t below = floor_divide(whole_of(input), unit);
    const std::int64_t rest = whole_of(input) - below * unit;
    const bool up = rest > unit - rest || (rest == unit - rest && below % 2 != 0);
    return arithmetic(engine.meter(), Operator::kMultiply, Value(below + (up ? 1 : 0), input.origin()), Value(unit));
  }
  const double real = input.as_real();
  if (!std::isfinite(real)) return input;
  if (precision < 0) {
    const double unit = std::pow(10.0, static_cast<double>(-precision));
    return Value(std::nearbyint(real / unit) * unit, input.origin());
  }
  // The decimal digits of the exact value, rounded once: what Python does.
  char digits[1000];
  const auto [end, error] =
      std::to_chars(digits, digits + sizeof(digits), real, std::chars_format::fixed, static_cast<int>(precision));
  double rounded = real;
  if (error == std::errc()) std::from_chars(digits, end, rounded);
  return Value(rounded, input.origin());
}

constexpr FilterEntry kFilters[] = {
    {"abs", absolute},
    {"capitalize", changed<capitalize_text>},
    {"center", center},
    {"e", escape},
    {"escape", escape},
    {"float", to_float},
    {"forceescape", nullptr},
    {"filesizeformat", nullptr},
    {"format", format},
    {"indent", indent},
    {"int", to_int},
    {"join", join},
    {"lower", changed<lower_text>},
    {"pprint", nullptr},
    {"random", nullptr},
    {"replace", replace},
    {"round", round},
    {"safe", safe},
    {"string", string},
    {"striptags", nullptr},
    {"title", changed<title_words>},
    {"tojson", tojson},
    {"trim", trim},
    {"truncate", truncate},
    {"upper", changed<upper_text>},
    {"urlencode", nullptr},
    {"urlize", nullptr},
    {"wordcount", wordcount},
    {"wordwrap", nullptr},
    {"xmlattr", nullptr},
};

}  // namespace

std::span<const FilterEntry> text_filters() noexcept { return kFilters; }

}  // namespace moxie::text
