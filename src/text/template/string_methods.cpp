// SPDX-License-Identifier: Apache-2.0
#include "text/template/string_methods.hpp"

#include <algorithm>
#include <iterator>
#include <limits>

#include "text/template/engine.hpp"
#include "text/template/methods.hpp"
#include "text/template/strings.hpp"
#include "text/template/unicode.hpp"

namespace moxie::inline abi1::text {

namespace {

const Value* string_or_none(const Value* argument, std::string_view what) {
  if (argument == nullptr || argument->is(Kind::kNull)) return nullptr;
  return &string_argument(argument, what);
}

template <Side side>
Value strip(Engine& engine, const Value& text, const Arguments& arguments) {
  const auto [characters] = arguments.bind("strip", {"chars"});
  return strip_text(engine.meter(), text, string_or_none(characters, "characters to strip"), side);
}

template <Side from>
Value split(Engine& engine, const Value& text, const Arguments& arguments) {
  const auto [separator, limit] = arguments.bind("split", {"sep", "maxsplit"});
  return split_text(engine.meter(), text, string_or_none(separator, "a separator"),
                    whole_argument(limit, -1, "maxsplit"), from);
}

Value splitlines(Engine& engine, const Value& text, const Arguments& arguments) {
  const auto [keep] = arguments.bind("splitlines", {"keepends"});
  return split_lines(engine.meter(), text, truth_argument(keep, false));
}

template <Side from>
Value partition(Engine& engine, const Value& text, const Arguments& arguments) {
  const auto [separator] = arguments.bind("partition", {"sep"}, 1);
  return partition_text(engine.meter(), text, string_argument(separator, "a separator"), from);
}

Value replace(Engine& engine, const Value& text, const Arguments& arguments) {
  const auto [old, fresh, count] = arguments.bind("replace", {"old", "new", "count"}, 2);
  return replace_text(engine.meter(), text, string_argument(old, "what to replace"),
                      string_argument(fresh, "what to put there"), whole_argument(count, -1, "count"));
}

template <Value (*change)(Meter&, const Value&)>
Value changed(Engine& engine, const Value& text, const Arguments& arguments) {
  arguments.bind_none("a method that changes case");
  return change(engine.meter(), text);
}

Value join(Engine& engine, const Value& text, const Arguments& arguments) {
  const auto [items] = arguments.bind("join", {"iterable"}, 1);
  Iteration over(engine.meter(), *items);
  return join_text(engine.meter(), text, over, false);
}

template <Side where>
Value pad(Engine& engine, const Value& text, const Arguments& arguments) {
  const auto [width, fill] = arguments.bind("a method that pads", {"width", "fillchar"}, 1);
  const Value space = make_text(engine.meter(), " ", Origin::kTemplate);
  return pad_text(engine.meter(), text, whole_argument(width, 0, "width"),
                  fill == nullptr ? space : string_argument(fill, "a character"), where);
}

Value zfill(Engine& engine, const Value& text, const Arguments& arguments) {
  const auto [width] = arguments.bind("zfill", {"width"}, 1);
  Meter& meter = engine.meter();
  const std::string_view bytes = string_of(text).text;
  const std::size_t sign = !bytes.empty() && (bytes[0] == '-' || bytes[0] == '+') ? 1 : 0;
  const Value rest = slice(meter, text, sign, bytes.size());
  Builder builder(meter);
  builder.add(text, 0, sign);
  const std::int64_t wanted = whole_argument(width, 0, "width");
  builder.add(pad_text(meter, rest, wanted < 0 ? 0 : wanted - static_cast<std::int64_t>(sign),
                       make_text(meter, "0", Origin::kTemplate), Side::kRight));
  return builder.done();
}

// The bytes of text[start:end], as find and its kin count them; nothing where start lies behind the text.
struct Window {
  std::size_t begin;
  std::string_view text;
  bool valid;
};
Window window(Engine& engine, const Value& text, const Value* start, const Value* end) {
  const StringData& data = string_of(text);
  const auto length = static_cast<std::int64_t>(data.points);
  const auto place = [length](std::int64_t at) { return at < 0 ? std::max<std::int64_t>(at + length, 0) : at; };
  const std::int64_t first = place(whole_argument(start, 0, "a start", true));
  const std::int64_t last = std::min(place(whole_argument(end, length, "an end", true)), length);
  if (first > length || first > last) return {0, {}, false};
  engine.meter().touch(data.text.size());
  const std::size_t begin = offset_of_point(data.text, static_cast<std::size_t>(first));
  const std::size_t size =
      offset_of_point(std::string_view(data.text).substr(begin), static_cast<std::size_t>(last - first));
  return {begin, std::string_view(data.text).substr(begin, size), true};
}

template <bool last, bool must>
Value find(Engine& engine, const Value& text, const Arguments& arguments) {
  const auto [needle, start, end] = arguments.bind("find", {"sub", "start", "end"}, 1);
  const std::string_view wanted = string_of(string_argument(needle, "what to find")).text;
  const Window in = window(engine, text, start, end);
  std::size_t at = std::string_view::npos;
  if (in.valid)
    at = last ? find_last_text(engine.meter(), in.text, wanted) : find_text(engine.meter(), in.text, wanted);
  if (at == std::string_view::npos) {
    if (must) fail(Code::kFormat, "a text that is in the other", "another");
    return Value(-1, Origin::kTemplate);
  }
  const std::size_t points = count_points(std::string_view(string_of(text).text).substr(0, in.begin + at));
  return Value(static_cast<std::int64_t>(points), Origin::kTemplate);
}

Value count(Engine& engine, const Value& text, const Arguments& arguments) {
  const auto [needle, start, end] = arguments.bind("count", {"sub", "start", "end"}, 1);
  const std::string_view wanted = string_of(string_argument(needle, "what to count")).text;
  const Window in = window(engine, text, start, end);
  std::int64_t found = 0;
  if (in.valid && wanted.empty()) found = static_cast<std::int64_t>(count_points(in.text)) + 1;
  for (std::size_t at = 0; in.valid && !wanted.empty(); ++found) {
    engine.meter().step();
    at = find_text(engine.meter(), in.text, wanted, at);
    if (at == std::string_view::npos) break;
    at += wanted.size();
  }
  return Value(found, Origin::kTemplate);
}

template <bool at_end>
Value has_affix(Engine& engine, const Value& text, const Arguments& arguments) {
  const auto [affix, start, end] = arguments.bind(at_end ? "endswith" : "startswith", {"affix", "start", "end"}, 1);
  const Window in = window(engine, text, start, end);
  const auto fits = [&](const Value& each) {
    const std::string_view wanted = string_of(string_argument(&each, "what the text may begin or end with")).text;
    return in.valid && (at_end ? in.text.ends_with(wanted) : in.text.starts_with(wanted));
  };
  bool found = false;
  if (affix->is(Kind::kSequence) && sequence_of(*affix).shape == Shape::kTuple) {
    for (const Value& each : sequence_of(*affix).items) found = found || fits(each);
  } else {
    found = fits(*affix);
  }
  return Value(found, Origin::kTemplate);
}

template <bool at_end>
Value remove_affix(Engine& engine, const Value& text, const Arguments& arguments) {
  const auto [affix] = arguments.bind(at_end ? "removesuffix" : "removeprefix", {"affix"}, 1);
  const std::string_view bytes = string_of(text).text;
  const std::string_view wanted = string_of(string_argument(affix, "what to remove")).text;
  if (at_end ? !bytes.ends_with(wanted) : !bytes.starts_with(wanted)) return text;
  return slice(engine.meter(), text, at_end ? 0 : wanted.size(), bytes.size() - (at_end ? wanted.size() : 0));
}

enum class Class : std::uint8_t { kDigit, kAlpha, kAlnum, kSpace, kLower, kUpper, kAscii };

template <Class which>
Value is_class(Engine& engine, const Value& text, const Arguments& arguments) {
  arguments.bind_none("a question about characters");
  const StringData& data = string_of(text);
  engine.meter().touch(data.text.size());
  if (which == Class::kAscii) return Value(data.ascii(), Origin::kTemplate);
  if (which != Class::kSpace && !data.ascii()) {
    fail(Code::kUnsupported, "ASCII text for isalpha, isdigit, islower and their kin", "other characters");
  }
  bool all = !data.text.empty();
  bool some = false;
  const std::string_view bytes = data.text;
  for (std::size_t at = 0; at < bytes.size();) {
    const Point point = first_point(bytes.substr(at));
    at += point.size;
    const std::uint32_t c = point.code;
    const bool digit = c >= '0' && c <= '9';
    const bool low = c >= 'a' && c <= 'z';
    const bool high = c >= 'A' && c <= 'Z';
    switch (which) {
      case Class::kDigit: all = all && digit; break;
      case Class::kAlpha: all = all && (low || high); break;
      case Class::kAlnum: all = all && (low || high || digit); break;
      case Class::kSpace: all = all && is_space(c); break;
      case Class::kLower: all = all && !high, some = some || low; break;
      case Class::kUpper: all = all && !low, some = some || high; break;
      case Class::kAscii: break;
    }
  }
  return Value(all && (some || (which != Class::kLower && which != Class::kUpper)), Origin::kTemplate);
}

Value format(Engine& engine, const Value& text, const Arguments& arguments) {
  return format_braces(engine.meter(), text, arguments);
}

constexpr struct {
  std::string_view name;
  Value (*run)(Engine&, const Value&, const Arguments&);  // null: Python has it, this interpreter has not
} kMethods[] = {
    {"capitalize", changed<capitalize_text>},
    {"casefold", nullptr},
    {"center", pad<Side::kBoth>},
    {"count", count},
    {"encode", nullptr},
    {"endswith", has_affix<true>},
    {"expandtabs", nullptr},
    {"find", find<false, false>},
    {"format", format},
    {"format_map", nullptr},
    {"index", find<false, true>},
    {"isalnum", is_class<Class::kAlnum>},
    {"isalpha", is_class<Class::kAlpha>},
    {"isascii", is_class<Class::kAscii>},
    {"isdecimal", is_class<Class::kDigit>},
    {"isdigit", is_class<Class::kDigit>},
    {"isidentifier", nullptr},
    {"islower", is_class<Class::kLower>},
    {"isnumeric", is_class<Class::kDigit>},
    {"isprintable", nullptr},
    {"isspace", is_class<Class::kSpace>},
    {"istitle", nullptr},
    {"isupper", is_class<Class::kUpper>},
    {"join", join},
    {"ljust", pad<Side::kLeft>},
    {"lower", changed<lower_text>},
    {"lstrip", strip<Side::kLeft>},
    {"maketrans", nullptr},
    {"partition", partition<Side::kLeft>},
    {"removeprefix", remove_affix<false>},
    {"removesuffix", remove_affix<true>},
    {"replace", replace},
    {"rfind", find<true, false>},
    {"rindex", find<true, true>},
    {"rjust", pad<Side::kRight>},
    {"rpartition", partition<Side::kRight>},
    {"rsplit", split<Side::kRight>},
    {"rstrip", strip<Side::kRight>},
    {"split", split<Side::kLeft>},
    {"splitlines", splitlines},
    {"startswith", has_affix<false>},
    {"strip", strip<Side::kBoth>},
    {"swapcase", changed<swap_case>},
    {"title", changed<title_text>},
    {"translate", nullptr},
    {"upper", changed<upper_text>},
    {"zfill", zfill},
};

}  // namespace

std::uint16_t find_string_method(std::string_view name) {
  for (std::size_t i = 0; i < std::size(kMethods); ++i) {
    if (kMethods[i].name != name) continue;
    if (kMethods[i].run == nullptr) fail(Code::kUnsupported, "string methods of chat templates", Text("'", name, "'"));
    return static_cast<std::uint16_t>(i);
  }
  return kNoMethod;
}

Value call_string_method(Engine& engine, const Value& receiver, std::uint16_t method, const Arguments& arguments) {
  refuse_markup(receiver);
  return kMethods[method].run(engine, receiver, arguments);
}

}  // namespace moxie::text
