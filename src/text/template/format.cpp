// SPDX-License-Identifier: Apache-2.0
#include "text/template/format.hpp"

#include <charconv>
#include <cmath>

#include "text/template/objects.hpp"
#include "text/template/operators.hpp"
#include "text/template/unicode.hpp"

namespace moxie::inline abi1::text {

namespace {

std::string_view constant_name(const Value& value) noexcept {
  if (value.is(Kind::kNull)) return "None";
  if (value.is(Kind::kUndefined)) return "Undefined";
  return value.as_bool() ? "True" : "False";
}

void write_quoted(Builder& out, const Value& value) {
  const std::string_view text = string_of(value).text;
  const bool has_single = text.find('\'') != std::string_view::npos;
  const char quote = has_single && text.find('"') == std::string_view::npos ? '"' : '\'';
  out.add({&quote, 1}, value.origin());
  std::size_t plain = 0;  // from here to `at`, nothing needs escaping
  std::string escape;
  for (std::size_t at = 0; at < text.size();) {
    const Point point = first_point(text.substr(at));
    escape.clear();
    if (point.code == '\\' || point.code == static_cast<unsigned char>(quote)) {
      escape = {'\\', static_cast<char>(point.code)};
    } else if (point.code == '\n' || point.code == '\r' || point.code == '\t') {
      escape = point.code == '\n' ? "\\n" : point.code == '\r' ? "\\r" : "\\t";
    } else if (!is_printable(point.code)) {
      append_escape(escape, point.code);
    }
    if (!escape.empty()) {
      out.add(value, plain, at);
      out.add(escape, origin_at(value, at));
      plain = at + point.size;
    }
    at += point.size;
  }
  out.add(value, plain, text.size());
  out.add({&quote, 1}, value.origin());
}

void write_sequence(Meter& meter, Builder& out, const Value& value) {
  const SequenceData& data = sequence_of(value);
  const Origin origin = value.origin();
  std::string_view before = "[";
  std::string_view after = "]";
  switch (data.shape) {
    case Shape::kRange: {
      std::string text = "range(" + std::to_string(data.start) + ", " + std::to_string(data.stop);
      if (data.step != 1) text += ", " + std::to_string(data.step);
      return out.add(text + ")", origin);
    }
    case Shape::kTuple:
    case Shape::kGroup:
      before = "(";
      after = data.items.size() == 1 ? ",)" : ")";
      break;
    case Shape::kKeys: before = "dict_keys([", after = "])"; break;
    case Shape::kValues: before = "dict_values([", after = "])"; break;
    case Shape::kItems: before = "dict_items([", after = "])"; break;
    case Shape::kGenerator: fail(Code::kUnsupported, "a value that has a text of its own", describe(value));
    default: break;
  }
  out.add(before, origin);
  bool first = true;
  for (const Value& item : data.items) {
    if (!std::exchange(first, false)) out.add(", ", origin);
    write_repr(meter, out, item);
  }
  out.add(after, origin);
}

void write_map(Meter& meter, Builder& out, const Value& value) {
  const Origin origin = value.origin();
  out.add("{", origin);
  bool first = true;
  for (const Entry& entry : map_of(value).entries) {
    if (!std::exchange(first, false)) out.add(", ", origin);
    write_repr(meter, out, entry.key);
    out.add(": ", origin);
    write_repr(meter, out, entry.value);
  }
  out.add("}", origin);
}

}  // namespace

std::string repr_of_real(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char buffer[40];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::scientific);
  const std::string_view text(buffer, static_cast<std::size_t>(end - buffer));
  const std::size_t mark = text.find('e');
  int exponent = 0;
  const char* digits = text.data() + mark + (text[mark + 1] == '+' ? 2 : 1);
  std::from_chars(digits, end, exponent);
  // Python writes an exponent below 1e-4 and from 1e16 on.
  if (exponent < -4 || exponent >= 16) {
    std::string out(text.substr(0, mark));
    out += exponent < 0 ? "e-" : "e+";
    const std::string power = std::to_string(std::abs(exponent));
    return out + (power.size() < 2 ? "0" : "") + power;
  }
  const auto [fixed_end, fixed_error] = std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::fixed);
  std::string out(buffer, static_cast<std::size_t>(fixed_end - buffer));
  if (out.find('.') == std::string::npos) out += ".0";
  return out;
}

void write_repr(Meter& meter, Builder& out, const Value& value) {
  meter.step();
  switch (value.kind()) {
    case Kind::kUndefined:
    case Kind::kNull:
    case Kind::kBool: return out.add(constant_name(value), value.origin());
    case Kind::kInt: return out.add(std::to_string(value.as_int()), value.origin());
    case Kind::kReal: return out.add(repr_of_real(value.as_real()), value.origin());
    case Kind::kString: refuse_markup(value); return write_quoted(out, value);
    case Kind::kSequence: return write_sequence(meter, out, value);
    case Kind::kMap: return write_map(meter, out, value);
    case Kind::kObject:
      if (is_long_number(value)) return out.add(digits_of(value), value.origin());
      break;
  }
  fail(Code::kUnsupported, "a value that has a text of its own", describe(value));
}

void write_text(Meter& meter, Builder& out, const Value& value) {
  if (value.is(Kind::kString)) {
    meter.step();
    return out.add(value);
  }
  if (value.is(Kind::kUndefined)) return;
  if (auto* joiner = object_as<JoinerData>(value, ObjectKind::kJoiner); joiner != nullptr) {
    fail(Code::kUnsupported, "a joiner that is called", "one that is printed");
  }
  write_repr(meter, out, value);
}

Value text_of(Meter& meter, const Value& value) {
  if (value.is(Kind::kString)) return value;
  Builder builder(meter);
  write_text(meter, builder, value);
  return builder.done();
}

bool same_object(const Value& a, const Value& b) noexcept {
  const auto* x = object_as<NamespaceData>(a, ObjectKind::kNamespace);
  const auto* y = object_as<NamespaceData>(b, ObjectKind::kNamespace);
  if (x != nullptr && y != nullptr) return x->index == y->index;
  const auto* f = object_as<FunctionData>(a, ObjectKind::kFunction);
  const auto* g = object_as<FunctionData>(b, ObjectKind::kFunction);
  if (f != nullptr && g != nullptr) return f->function == g->function;
  if (is_long_number(a) && is_long_number(b)) return digits_of(a) == digits_of(b);
  return Payload::of(a) == Payload::of(b);
}

void refuse_markup(const Value& value) {
  if (value.is(Kind::kString) && string_of(value).markup) {
    fail(Code::kUnsupported, "an escaped text to be shown as it is", "another use of it");
  }
}

}  // namespace moxie::text
