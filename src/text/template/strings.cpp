// SPDX-License-Identifier: Apache-2.0
#include "text/template/strings.hpp"

#include <algorithm>
#include <limits>

#include "text/template/format.hpp"
#include "text/template/objects.hpp"
#include "text/template/unicode.hpp"

namespace moxie::inline abi1::text {

namespace {

bool has_point(std::string_view set, std::uint32_t code) noexcept {
  while (!set.empty()) {
    const Point point = first_point(set);
    if (point.code == code) return true;
    set.remove_prefix(point.size);
  }
  return false;
}

// Characters one by one into others; `change(out, code, at, size)`.
template <class Change>
Value mapped(Meter& meter, const Value& value, Change&& change) {
  const std::string_view text = string_of(value).text;
  Builder builder(meter);
  std::string piece;
  Origin origin = value.origin();
  for (std::size_t at = 0; at < text.size();) {
    const Point point = first_point(text.substr(at));
    const Origin here = origin_at(value, at);
    if (here != origin || piece.size() > 256) {
      builder.add(piece, origin);
      piece.clear();
    }
    origin = here;
    change(piece, point.code, at, point.size);
    at += point.size;
  }
  builder.add(piece, origin);
  return builder.done();
}

void append_lower_at(std::string& out, std::string_view text, std::uint32_t code, std::size_t at, std::size_t size) {
  append_lower(out, code, text.substr(0, at), text.substr(at + size));
}

const Value& one_character(const Value& fill) {
  if (string_of(fill).points != 1) fail(Code::kFormat, "one character to fill with", "none or several");
  return fill;
}

Value split_space(Meter& meter, const Value& value, std::int64_t limit, Side from) {
  const std::string_view text = string_of(value).text;
  MeteredVector<Value> parts = new_items(meter);
  meter.touch(text.size());
  std::size_t begin = 0;
  std::size_t end = text.size();
  const auto trim = [&] { begin = end - strip_left(text.substr(begin, end - begin)).size(); };
  const auto trim_end = [&] { end = begin + strip_right(text.substr(begin, end - begin)).size(); };
  if (from == Side::kLeft) {
    for (trim(); begin < end; trim()) {
      if (limit-- == 0) {
        parts.push_back(slice(meter, value, begin, end));  // with the blanks at its end
        break;
      }
      std::size_t stop = begin;
      while (stop < end) {
        const Point point = first_point(text.substr(stop));
        if (is_space(point.code)) break;
        stop += point.size;
      }
      parts.push_back(slice(meter, value, begin, stop));
      begin = stop;
    }
  } else {
    for (trim_end(); begin < end; trim_end()) {
      if (limit-- == 0) {
        parts.push_back(slice(meter, value, begin, end));
        break;
      }
      std::size_t start = end;
      while (start > begin) {
        const std::size_t before = previous_point(text, start);
        if (is_space(first_point(text.substr(before)).code)) break;
        start = before;
      }
      parts.push_back(slice(meter, value, start, end));
      end = start;
    }
    std::reverse(parts.begin(), parts.end());
  }
  return make_sequence(meter, Shape::kList, std::move(parts));
}

}  // namespace

Value strip_text(Meter& meter, const Value& value, const Value* characters, Side side) {
  const std::string_view text = string_of(value).text;
  std::size_t begin = 0;
  std::size_t end = text.size();
  const auto goes = [&](std::uint32_t code) {
    return characters == nullptr ? is_space(code) : has_point(string_of(*characters).text, code);
  };
  if (characters != nullptr) meter.step(string_of(*characters).text.size());
  while (side != Side::kRight && begin < end) {
    const Point point = first_point(text.substr(begin));
    if (!goes(point.code)) break;
    meter.step(characters == nullptr ? 0 : 1 + string_of(*characters).text.size() / 32);
    begin += point.size;
  }
  while (side != Side::kLeft && begin < end) {
    const std::size_t before = previous_point(text, end);
    if (!goes(first_point(text.substr(before)).code)) break;
    meter.step(characters == nullptr ? 0 : 1 + string_of(*characters).text.size() / 32);
    end = before;
  }
  meter.touch(text.size());
  return slice(meter, value, begin, end);
}

Value split_text(Meter& meter, const Value& value, const Value* separator, std::int64_t limit, Side from) {
  if (separator == nullptr) return split_space(meter, value, limit, from);
  const std::string_view text = string_of(value).text;
  const std::string_view needle = string_of(*separator).text;
  if (needle.empty()) fail(Code::kFormat, "a separator of one character or more", "an empty one");
  MeteredVector<Value> parts = new_items(meter);
  std::size_t begin = 0;
  std::size_t end = text.size();
  for (; limit != 0; --limit) {
    meter.step();
    if (from == Side::kLeft) {
      const std::size_t at = find_text(meter, text, needle, begin);
      if (at == std::string_view::npos) break;
      parts.push_back(slice(meter, value, begin, at));
      begin = at + needle.size();
    } else {
      const std::size_t at = find_last_text(meter, text.substr(0, end), needle);
      if (at == std::string_view::npos) break;
      parts.push_back(slice(meter, value, at + needle.size(), end));
      end = at;
    }
  }
  parts.push_back(slice(meter, value, begin, end));
  if (from == Side::kRight) std::reverse(parts.begin(), parts.end());
  return make_sequence(meter, Shape::kList, std::move(parts));
}

Value split_lines(Meter& meter, const Value& value, bool keep_ends) {
  const std::string_view text = string_of(value).text;
  MeteredVector<Value> lines = new_items(meter);
  meter.touch(text.size());
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size();) {
    const Point point = first_point(text.substr(at));
    if (!is_line_break(point.code)) {
      at += point.size;
      continue;
    }
    std::size_t next = at + point.size;
    if (point.code == '\r' && next < text.size() && text[next] == '\n') ++next;
    lines.push_back(slice(meter, value, begin, keep_ends ? next : at));
    begin = at = next;
  }
  if (begin < text.size()) lines.push_back(slice(meter, value, begin, text.size()));
  return make_sequence(meter, Shape::kList, std::move(lines));
}

Value partition_text(Meter& meter, const Value& value, const Value& separator, Side from) {
  const std::string_view text = string_of(value).text;
  const std::string_view needle = string_of(separator).text;
  if (needle.empty()) fail(Code::kFormat, "a separator of one character or more", "an empty one");
  const std::size_t at = from == Side::kLeft ? find_text(meter, text, needle) : find_last_text(meter, text, needle);
  MeteredVector<Value> parts = new_items(meter);
  const Value nothing = make_text(meter, {}, Origin::kTemplate);
  if (at != std::string_view::npos) {
    parts.push_back(slice(meter, value, 0, at));
    parts.push_back(slice(meter, value, at, at + needle.size()));
    parts.push_back(slice(meter, value, at + needle.size(), text.size()));
  } else {
    parts.assign(3, nothing);
    parts[from == Side::kLeft ? 0 : 2] = value;
  }
  return make_sequence(meter, Shape::kTuple, std::move(parts));
}

Value replace_text(Meter& meter, const Value& value, const Value& old, const Value& fresh, std::int64_t limit) {
  const std::string_view text = string_of(value).text;
  const std::string_view needle = string_of(old).text;
  Builder builder(meter);
  std::size_t begin = 0;
  if (needle.empty()) {
    // In front of each character and behind the last.
    for (; limit != 0; --limit) {
      meter.step();
      builder.add(fresh);
      if (begin == text.size()) break;
      const std::size_t size = first_point(text.substr(begin)).size;
      builder.add(value, begin, begin + size);
      begin += size;
    }
  } else {
    for (; limit != 0; --limit) {
      meter.step();
      const std::size_t at = find_text(meter, text, needle, begin);
      if (at == std::string_view::npos) break;
      builder.add(value, begin, at);
      builder.add(fresh);
      begin = at + needle.size();
    }
    if (begin == 0 && builder.text().empty()) return value;
  }
  builder.add(value, begin, text.size());
  return builder.done();
}

Value upper_text(Meter& meter, const Value& value) {
  return mapped(meter, value,
                [](std::string& out, std::uint32_t code, std::size_t, std::size_t) { append_upper(out, code); });
}

Value lower_text(Meter& meter, const Value& value) {
  const std::string_view text = string_of(value).text;
  return mapped(meter, value, [text](std::string& out, std::uint32_t code, std::size_t at, std::size_t size) {
    append_lower_at(out, text, code, at, size);
  });
}

Value capitalize_text(Meter& meter, const Value& value) {
  const std::string_view text = string_of(value).text;
  return mapped(meter, value, [text](std::string& out, std::uint32_t code, std::size_t at, std::size_t size) {
    if (at == 0) return append_title(out, code);
    append_lower_at(out, text, code, at, size);
  });
}

Value title_text(Meter& meter, const Value& value) {
  const std::string_view text = string_of(value).text;
  bool inside = false;
  return mapped(meter, value, [&, text](std::string& out, std::uint32_t code, std::size_t at, std::size_t size) {
    if (inside) {
      append_lower_at(out, text, code, at, size);
    } else {
      append_title(out, code);
    }
    inside = is_cased(code);
  });
}

Value title_words(Meter& meter, const Value& value) {
  const std::string_view text = string_of(value).text;
  bool inside = false;
  std::size_t word = 0;
  return mapped(meter, value, [&, text](std::string& out, std::uint32_t code, std::size_t at, std::size_t size) {
    const bool between = is_space(code) || code == '-' || code == '(' || code == '{' || code == '[' || code == '<';
    if (between) {
      append_point(out, code);
    } else if (!inside) {
      word = at;
      append_upper(out, code);
    } else {
      // The rest of a word is made small on its own, without its first letter.
      const std::size_t rest = word + first_point(text.substr(word)).size;
      std::size_t end = at + size;
      while (code == 0x3a3 && end < text.size()) {
        const Point next = first_point(text.substr(end));
        if (is_space(next.code) ||
            std::string_view("-({[<").find(static_cast<char>(next.code)) != std::string_view::npos) {
          break;
        }
        end += next.size;
      }
      append_lower(out, code, text.substr(rest, at - rest), text.substr(at + size, end - at - size));
    }
    inside = !between;
  });
}

Value swap_case(Meter& meter, const Value& value) {
  const std::string_view text = string_of(value).text;
  return mapped(meter, value, [text](std::string& out, std::uint32_t code, std::size_t at, std::size_t size) {
    std::string upper;
    append_upper(upper, code);
    if (upper != text.substr(at, size)) {
      out += upper;
    } else {
      append_lower_at(out, text, code, at, size);
    }
  });
}

Value join_text(Meter& meter, const Value& separator, Iteration& items, bool convert) {
  Builder builder(meter);
  bool first = true;
  for (Value item; items.next(item);) {
    if (!convert && !item.is(Kind::kString)) refuse("strings to join", item);
    if (!std::exchange(first, false)) builder.add(separator);
    write_text(meter, builder, item);
  }
  return builder.done();
}

Value pad_text(Meter& meter, const Value& value, std::int64_t width, const Value& fill, Side where) {
  one_character(fill);
  const auto length = static_cast<std::int64_t>(string_of(value).points);
  if (width <= length) return value;
  meter.check_text(static_cast<std::uint64_t>(width));
  const std::int64_t missing = width - length;
  // Python's choice where the two sides cannot be equal.
  const std::int64_t left = where == Side::kBoth    ? missing / 2 + (missing & width & 1)
                            : where == Side::kRight ? missing
                                                    : 0;
  Builder builder(meter);
  for (std::int64_t i = 0; i < left; ++i) builder.add(fill);
  builder.add(value);
  for (std::int64_t i = left; i < missing; ++i) builder.add(fill);
  return builder.done();
}

Value indent_text(Meter& meter, const Value& value, const Value& indent, bool first, bool blank) {
  Builder with_end(meter);
  with_end.add(value);
  with_end.add("\n", Origin::kTemplate);
  const Value lines = split_lines(meter, with_end.done(), false);
  Builder builder(meter);
  if (first) builder.add(indent);
  bool begun = false;
  for (const Value& line : sequence_of(lines).items) {
    if (std::exchange(begun, true)) {
      builder.add("\n", Origin::kTemplate);
      if (blank || !string_of(line).text.empty()) builder.add(indent);
    }
    builder.add(line);
  }
  return builder.done();
}

}  // namespace moxie::text
