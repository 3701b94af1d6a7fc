// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <cmath>

#include "text/template/arguments.hpp"
#include "text/template/format.hpp"
#include "text/template/objects.hpp"
#include "text/template/operators.hpp"
#include "text/template/strings.hpp"

namespace moxie::inline abi1::text {

namespace {

struct Conversion {
  bool left = false, zero = false, plus = false, space = false, alternate = false;
  std::int64_t width = 0;
  std::int64_t precision = -1;
  char type = 's';
};

class Percent {
 public:
  Percent(Meter& meter, const Value& format, const Value& values)
      : meter_(meter), format_(format), text_(string_of(format).text), values_(values), out_(meter) {
    is_tuple_ = values.is(Kind::kSequence) &&
                (sequence_of(values).shape == Shape::kTuple || sequence_of(values).shape == Shape::kGroup);
  }

  Value run() {
    while (at_ < text_.size()) {
      const std::size_t mark = std::min(text_.find('%', at_), text_.size());
      out_.add(format_, at_, mark);
      at_ = mark;
      if (at_ < text_.size()) conversion();
    }
    const bool indexable = values_.is(Kind::kMap) || (values_.is(Kind::kSequence) && !is_tuple_);
    const std::size_t given = is_tuple_ ? sequence_of(values_).items.size() : 1;
    if (!indexable && !named_ && used_ < given) fail(Code::kFormat, Text(used_, " value(s) to format"), Text(given));
    return out_.done();
  }

 private:
  char take() {
    if (at_ >= text_.size()) fail(Code::kFormat, "a conversion behind '%'", "the end of the format");
    return text_[at_++];
  }
  std::int64_t digits() {
    std::int64_t number = 0;
    while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9' && number < (std::int64_t{1} << 31)) {
      number = number * 10 + (text_[at_++] - '0');
    }
    meter_.check_text(static_cast<std::uint64_t>(number));
    return number;
  }

  Value next() {
    if (!is_tuple_) {
      if (used_++ > 0) fail(Code::kFormat, "a value for each conversion", "one");
      return values_;
    }
    const auto& items = sequence_of(values_).items;
    if (used_ >= items.size()) fail(Code::kFormat, "a value for each conversion", Text(items.size()));
    return items[used_++];
  }

  void conversion() {
    const std::size_t mark = at_++;
    Conversion c;
    Value value;
    bool has_value = false;
    if (at_ < text_.size() && text_[at_] == '(') {
      const std::size_t close = text_.find(')', at_);
      if (close == std::string_view::npos) fail(Code::kFormat, "')' behind a name", "the end of the format");
      if (!values_.is(Kind::kMap)) refuse("a mapping for conversions with names", values_);
      const Entry* entry = find(map_of(values_), text_.substr(at_ + 1, close - at_ - 1), &meter_);
      if (entry == nullptr) fail(Code::kFormat, "a key of the mapping", text_.substr(at_ + 1, close - at_ - 1));
      value = entry->value;
      has_value = named_ = true;
      at_ = close + 1;
    }
    for (bool more = true; more && at_ < text_.size();) {
      switch (text_[at_]) {
        case '-': c.left = true; break;
        case '0': c.zero = true; break;
        case '+': c.plus = true; break;
        case ' ': c.space = true; break;
        case '#': c.alternate = true; break;
        default: more = false; break;
      }
      if (more) ++at_;
    }
    c.width = digits();
    if (at_ < text_.size() && text_[at_] == '.') {
      ++at_;
      c.precision = digits();
    }
    c.type = take();
    if (c.type == '%') return out_.add("%", origin_at(format_, mark));
    if (c.alternate || c.type == '*') fail(Code::kUnsupported, "conversions without '#' and '*'", "one with");
    if (!has_value) value = next();
    write(value, c);
  }

  void write(const Value& value, const Conversion& c) {
    if (c.type == 's' || c.type == 'r') {
      Builder builder(meter_);
      c.type == 's' ? write_text(meter_, builder, value) : write_repr(meter_, builder, value);
      Value text = builder.done();
      if (c.precision >= 0) {
        const Value most(c.precision);
        text = slice_of(meter_, text, nullptr, &most, nullptr);
      }
      return pad(text, c, ' ');
    }
    if (c.type == 'c') {
      if (!value.is(Kind::kString) || string_of(value).points != 1) refuse("one character", value);
      return pad(value, c, ' ');
    }
    const bool whole = std::string_view("diuxXo").find(c.type) != std::string_view::npos;
    if (!whole && std::string_view("eEfFgG").find(c.type) == std::string_view::npos) {
      fail(Code::kFormat, "a conversion", Text("'%", c.type, "'"));
    }
    if (!is_number(value)) refuse("a number to format", value);
    std::string digits = whole ? whole_digits(value, c) : real_digits(real_of(value), c);
    const bool minus = digits[0] == '-';
    if (minus) digits.erase(0, 1);
    const std::string sign = minus ? "-" : c.plus ? "+" : c.space ? " " : "";
    const bool finite = whole || std::isfinite(real_of(value));
    if (c.zero && !c.left && finite) {
      const auto missing = c.width - static_cast<std::int64_t>(sign.size() + digits.size());
      if (missing > 0) digits.insert(0, static_cast<std::size_t>(missing), '0');
    }
    pad(make_text(meter_, sign + digits, value.origin()), c, ' ');
  }

  std::string whole_digits(const Value& value, const Conversion& c) {
    const bool decimal = c.type == 'd' || c.type == 'i' || c.type == 'u';
    std::int64_t whole = 0;
    if (value.is(Kind::kReal)) {
      if (!decimal || !(std::abs(value.as_real()) < 9.2e18)) refuse("a whole number to format", value);
      whole = static_cast<std::int64_t>(value.as_real());
    } else {
      whole = whole_of(value);
    }
    char buffer[72];
    const int base = decimal ? 10 : c.type == 'o' ? 8 : 16;
    const char* end = std::to_chars(buffer, buffer + sizeof(buffer), whole, base).ptr;
    std::string out(buffer, static_cast<std::size_t>(end - buffer));
    if (c.type == 'X') upper(out);
    if (c.precision >= 0) {
      const std::size_t sign = out[0] == '-' ? 1 : 0;
      const auto missing = c.precision - static_cast<std::int64_t>(out.size() - sign);
      if (missing > 0) out.insert(sign, static_cast<std::size_t>(missing), '0');
    }
    return out;
  }

  static std::string real_digits(double real, const Conversion& c) {
    if (!std::isfinite(real)) {
      std::string out = std::isnan(real) ? "nan" : real < 0 ? "-inf" : "inf";
      if (c.type < 'a') upper(out);
      return out;
    }
    if (c.precision > 300) fail(Code::kUnsupported, "a precision of at most 300 digits", Text(c.precision));
    const char kind = static_cast<char>(c.type | 0x20);
    char buffer[700];
    int precision = c.precision < 0 ? 6 : static_cast<int>(c.precision);
    if (kind == 'g' && precision == 0) precision = 1;
    const auto form = kind == 'f'   ? std::chars_format::fixed
                      : kind == 'e' ? std::chars_format::scientific
                                    : std::chars_format::general;
    const char* end = std::to_chars(buffer, buffer + sizeof(buffer), real, form, precision).ptr;
    std::string out(buffer, static_cast<std::size_t>(end - buffer));
    if (c.type < 'a') upper(out);
    return out;
  }

  static void upper(std::string& text) {
    for (char& ch : text) {
      if (ch >= 'a' && ch <= 'z') ch = static_cast<char>(ch - 32);
    }
  }

  void pad(const Value& text, const Conversion& c, char fill) {
    out_.add(pad_text(meter_, text, c.width, make_text(meter_, {&fill, 1}, Origin::kTemplate),
                      c.left ? Side::kLeft : Side::kRight));
  }

  Meter& meter_;
  const Value& format_;
  std::string_view text_;
  const Value& values_;
  Builder out_;
  std::size_t at_ = 0;
  std::size_t used_ = 0;
  bool is_tuple_ = false;
  bool named_ = false;
};

}  // namespace

Value format_percent(Meter& meter, const Value& format, const Value& values) {
  return Percent(meter, format, values).run();
}

Value format_braces(Meter& meter, const Value& format, const Arguments& arguments) {
  const std::string_view text = string_of(format).text;
  Builder out(meter);
  std::size_t next = 0;
  bool counted = false;
  bool numbered = false;
  for (std::size_t at = 0; at < text.size();) {
    meter.step();
    const std::size_t brace = std::min(text.find_first_of("{}", at), text.size());
    out.add(format, at, brace);
    if (brace == text.size()) break;
    at = brace + 1;
    if (at < text.size() && text[at] == text[brace]) {
      out.add(format, at, at + 1);
      ++at;
      continue;
    }
    const std::size_t close = text[brace] == '{' ? text.find('}', at) : std::string_view::npos;
    if (close == std::string_view::npos) fail(Code::kFormat, "braces in pairs", "a single one");
    const std::string_view field = text.substr(at, close - at);
    if (field.find_first_of(".[!:{") != std::string_view::npos) {
      fail(Code::kUnsupported, "fields of a name or number", Text("'{", field.substr(0, 60), "}'"));
    }
    at = close + 1;
    const bool digits = !field.empty() && field.find_first_not_of("0123456789") == std::string_view::npos;
    if (digits || field.empty()) {
      (digits ? numbered : counted) = true;
      if (numbered && counted) fail(Code::kFormat, "fields with numbers or without", "both");
      std::size_t index = next++;
      if (digits) std::from_chars(field.data(), field.data() + field.size(), index);
      if (field.size() > 9 || index >= arguments.positional.size()) {
        fail(Code::kFormat, "a value for each field", Text(arguments.positional.size()));
      }
      write_text(meter, out, arguments.positional[index]);
      continue;
    }
    const Value* value = nullptr;
    for (const Arguments::Named& each : arguments.named) {
      if (each.name == field) value = &each.value;
    }
    if (value == nullptr) fail(Code::kFormat, "a value for each field", Text("none for '", field.substr(0, 60), "'"));
    write_text(meter, out, *value);
  }
  return out.done();
}

}  // namespace moxie::text
