// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include <moxie/core/json_string.hpp>

#include "text/template/format.hpp"
#include "text/template/objects.hpp"
#include "text/template/operators.hpp"
#include "text/template/unicode.hpp"

namespace moxie::inline abi1::text {

namespace {

class Writer {
 public:
  Writer(Meter& meter, Builder& out, const JsonStyle& style) noexcept : meter_(meter), out_(out), style_(style) {}

  void value(const Value& value) {
    meter_.step();
    switch (value.kind()) {
      case Kind::kNull: return out_.add("null", value.origin());
      case Kind::kBool: return out_.add(value.as_bool() ? "true" : "false", value.origin());
      case Kind::kInt: return out_.add(std::to_string(value.as_int()), value.origin());
      case Kind::kReal: return out_.add(real(value.as_real()), value.origin());
      case Kind::kString: return string(value, value.origin());
      case Kind::kMap: return map(value);
      case Kind::kSequence:
        if (sequence_of(value).shape <= Shape::kGroup) return list(value);
        break;
      case Kind::kObject:
        if (is_long_number(value)) return out_.add(digits_of(value), value.origin());
        break;
      default: break;
    }
    refuse("a value that JSON has", value);
  }

 private:
  static std::string real(double value) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
    return repr_of_real(value);
  }

  void string(const Value& value, Origin origin) {
    const std::string_view text = string_of(value).text;
    out_.add("\"", origin);
    std::size_t plain = 0;
    for (std::size_t at = 0; at < text.size();) {
      const Point point = first_point(text.substr(at));
      if (const json::Escape escape(point.code, style_.ascii); !escape.view().empty()) {
        out_.add(value, plain, at);
        out_.add(escape.view(), origin_at(value, at));
        plain = at + point.size;
      }
      at += point.size;
    }
    out_.add(value, plain, text.size());
    out_.add("\"", origin);
  }

  void line(Origin origin) {
    if (!style_.indented) return;
    out_.add("\n", origin);
    for (std::size_t i = 0; i < level_; ++i) {
      meter_.step();
      if (style_.indent.is(Kind::kString)) {
        out_.add(style_.indent);
        continue;
      }
      for (std::int64_t k = 0; k < style_.indent_width; ++k) out_.add(" ", origin);
    }
  }

  void separator(const Value& given, std::string_view usual, Origin origin) {
    given.is(Kind::kString) ? out_.add(given) : out_.add(usual, origin);
  }
  void next_item(Origin origin) { separator(style_.between_items, style_.indented ? "," : ", ", origin); }

  void list(const Value& value) {
    const auto& items = sequence_of(value).items;
    const Origin origin = value.origin();
    if (items.empty()) return out_.add("[]", origin);
    out_.add("[", origin);
    ++level_;
    bool first = true;
    for (const Value& item : items) {
      if (!std::exchange(first, false)) next_item(origin);
      line(origin);
      this->value(item);
    }
    --level_;
    line(origin);
    out_.add("]", origin);
  }

  void map(const Value& value) {
    const auto& entries = map_of(value).entries;
    const Origin origin = value.origin();
    if (entries.empty()) return out_.add("{}", origin);
    MeteredVector<std::uint32_t> order{MeterAllocator<std::uint32_t>(&meter_)};
    order.reserve(entries.size());
    for (std::uint32_t i = 0; i < entries.size(); ++i) order.push_back(i);
    if (style_.sort_keys) {
      std::stable_sort(order.begin(), order.end(),
                       [&](std::uint32_t a, std::uint32_t b) { return less(meter_, entries[a].key, entries[b].key); });
    }
    out_.add("{", origin);
    ++level_;
    bool first = true;
    for (const std::uint32_t i : order) {
      if (!std::exchange(first, false)) next_item(origin);
      line(origin);
      const Value key = json_key(meter_, entries[i].key);
      string(key, key.origin());
      separator(style_.between_key_and_value, ": ", origin);
      this->value(entries[i].value);
    }
    --level_;
    line(origin);
    out_.add("}", origin);
  }

  Meter& meter_;
  Builder& out_;
  const JsonStyle& style_;
  std::size_t level_ = 0;
};

}  // namespace

Value json_key(Meter& meter, const Value& key) {
  switch (key.kind()) {
    case Kind::kString: return key;
    case Kind::kInt: return make_text(meter, std::to_string(key.as_int()), key.origin());
    case Kind::kBool: return make_text(meter, key.as_bool() ? "true" : "false", key.origin());
    case Kind::kNull: return make_text(meter, "null", key.origin());
    case Kind::kReal: {
      const double real = key.as_real();
      const std::string text = std::isnan(real)   ? "NaN"
                               : std::isinf(real) ? (real < 0 ? "-Infinity" : "Infinity")
                                                  : repr_of_real(real);
      return make_text(meter, text, key.origin());
    }
    default: refuse("a key that JSON has", key);
  }
}

void write_json(Meter& meter, Builder& out, const Value& value, const JsonStyle& style) {
  Writer(meter, out, style).value(value);
}

}  // namespace moxie::text
