// SPDX-License-Identifier: Apache-2.0
#include "constraint/regex/char_set.hpp"

#include <algorithm>
#include <string>

#include <moxie/core/json_string.hpp>
#include <moxie/core/text.hpp>
#include <moxie/core/utf8.hpp>

#include "text/tokenizer/unicode.hpp"

namespace moxie::inline abi1::constraint {
namespace {

constexpr char32_t kLast = 0x10ffff;

struct PropertyName {
  std::string_view name;
  std::string_view category;
};
constexpr PropertyName kCategories[] = {
    {"Letter", "L"},
    {"Cased_Letter", "LC"},
    {"Uppercase_Letter", "Lu"},
    {"Lowercase_Letter", "Ll"},
    {"Titlecase_Letter", "Lt"},
    {"Modifier_Letter", "Lm"},
    {"Other_Letter", "Lo"},
    {"Mark", "M"},
    {"Nonspacing_Mark", "Mn"},
    {"Spacing_Mark", "Mc"},
    {"Enclosing_Mark", "Me"},
    {"Number", "N"},
    {"Decimal_Number", "Nd"},
    {"digit", "Nd"},
    {"Letter_Number", "Nl"},
    {"Other_Number", "No"},
    {"Punctuation", "P"},
    {"punct", "P"},
    {"Connector_Punctuation", "Pc"},
    {"Dash_Punctuation", "Pd"},
    {"Open_Punctuation", "Ps"},
    {"Close_Punctuation", "Pe"},
    {"Initial_Punctuation", "Pi"},
    {"Final_Punctuation", "Pf"},
    {"Other_Punctuation", "Po"},
    {"Symbol", "S"},
    {"Math_Symbol", "Sm"},
    {"Currency_Symbol", "Sc"},
    {"Modifier_Symbol", "Sk"},
    {"Other_Symbol", "So"},
    {"Separator", "Z"},
    {"Space_Separator", "Zs"},
    {"Line_Separator", "Zl"},
    {"Paragraph_Separator", "Zp"},
    {"Other", "C"},
    {"Control", "Cc"},
    {"Format", "Cf"},
    {"Private_Use", "Co"},
    {"Unassigned", "Cn"},
};

// The sequences of bytes of one length whose characters are from `first` to `last`.
void add_sequences(Regexes& regexes, char32_t first, char32_t last, std::vector<RegexId>& out) {
  std::string a;
  std::string b;
  utf8::append(a, first);
  utf8::append(b, last);
  // Where all but the last bytes are alike it is one sequence; otherwise the range is cut where the bytes that follow
  // the first difference run through all their values.
  const std::size_t size = a.size();
  for (std::size_t i = 1; i < size; ++i) {
    const char32_t mask = (char32_t{1} << 6 * i) - 1;  // what the last i bytes hold
    if ((first & ~mask) == (last & ~mask)) continue;
    if ((first & mask) != 0) {
      add_sequences(regexes, first, first | mask, out);
      add_sequences(regexes, (first | mask) + 1, last, out);
      return;
    }
    if ((last & mask) != mask) {
      add_sequences(regexes, first, (last & ~mask) - 1, out);
      add_sequences(regexes, last & ~mask, last, out);
      return;
    }
  }
  RegexId sequence = Regexes::kEmpty;
  for (std::size_t i = size; i-- > 0;) {
    sequence = regexes.cat(
        regexes.bytes(ByteSet::range(static_cast<unsigned char>(a[i]), static_cast<unsigned char>(b[i]))), sequence);
  }
  out.push_back(sequence);
}

}  // namespace

CharSet CharSet::of(std::initializer_list<Range> ranges) {
  CharSet set;
  set.ranges_.assign(ranges.begin(), ranges.end());
  set.settle();
  return set;
}

void CharSet::add(char32_t first, char32_t last) {
  ranges_.emplace_back(first, last);
  settle();
}

void CharSet::add(const CharSet& other) {
  ranges_.insert(ranges_.end(), other.ranges_.begin(), other.ranges_.end());
  settle();
}

void CharSet::settle() {
  std::vector<Range> cut;
  for (const auto& [first, last] : ranges_) {
    if (first < 0xd800) cut.emplace_back(first, std::min(last, char32_t{0xd7ff}));
    if (last > 0xdfff) cut.emplace_back(std::max(first, char32_t{0xe000}), std::min(last, kLast));
  }
  std::ranges::sort(cut);
  ranges_.clear();
  for (const auto& [first, last] : cut) {
    if (!ranges_.empty() && first <= ranges_.back().second + 1) {
      ranges_.back().second = std::max(ranges_.back().second, last);
    } else {
      ranges_.emplace_back(first, last);
    }
  }
}

CharSet CharSet::complement() const {
  CharSet set;
  char32_t next = 0;
  for (const auto& [first, last] : ranges_) {
    if (first > next) set.ranges_.emplace_back(next, first - 1);
    next = last + 1;
  }
  if (next <= kLast) set.ranges_.emplace_back(next, kLast);
  set.settle();
  return set;
}

CharSet CharSet::without(const CharSet& other) const {
  CharSet either = complement();
  either.add(other);
  return either.complement();
}

RegexId one_of(Regexes& regexes, const CharSet& set, Writing writing) {
  std::vector<RegexId> choices;
  constexpr char32_t kEnds[] = {0x7f, 0x7ff, 0xffff, kLast};
  const auto add = [&](char32_t first, char32_t last) {
    for (const char32_t end : kEnds) {
      if (first <= last && first <= end) {
        add_sequences(regexes, first, std::min(last, end), choices);
        first = end + 1;
      }
    }
  };
  const CharSet escaped = CharSet::of({{0, 0x1f}, {'"', '"'}, {'\\', '\\'}});
  const CharSet plain = writing == Writing::kPlain ? set : set.without(escaped);
  for (const auto& [first, last] : plain.ranges()) add(first, last);
  if (writing == Writing::kJsonString) {
    const CharSet these = escaped.without(set.complement());
    for (const auto& [first, last] : these.ranges()) {
      for (char32_t c = first; c <= last; ++c) choices.push_back(regexes.literal(json::Escape(c).view()));
    }
  }
  return regexes.alt(choices);
}

std::string written(std::string_view text, Writing writing) {
  if (writing == Writing::kPlain) return std::string(text);
  std::string quoted;
  json::write_string(text, [&](std::string_view part) { quoted += part; });
  return quoted.substr(1, quoted.size() - 2);
}

Result<CharSet> unicode_property(std::string_view name) {
  if (const std::size_t equals = name.find('='); equals != std::string_view::npos) {
    const std::string_view key = name.substr(0, equals);
    if (key == "General_Category" || key == "gc") name = name.substr(equals + 1);
  }
  if (name == "Any") return CharSet::all();
  if (name == "ASCII") return CharSet::of({{0, 0x7f}});
  std::string_view category = name;
  for (const PropertyName& known : kCategories) {
    if (known.name == name || known.category == name) {
      category = known.category;
      CharSet set;
      std::vector<CharSet::Range> ranges;
      bool inside = false;
      for (char32_t c = 0; c <= kLast; ++c) {
        const std::string_view of = text::category_name(c);
        const bool is = category == "LC" ? of == "Lu" || of == "Ll" || of == "Lt" : of.starts_with(category);
        if (is && inside) {
          ranges.back().second = c;
        } else if (is) {
          ranges.emplace_back(c, c);
        }
        inside = is;
      }
      for (const auto& [first, last] : ranges) set.ranges_.emplace_back(first, last);
      set.settle();
      return set;
    }
  }
  return Status(Code::kUnsupported, "pattern", "a general category of Unicode in \\p{...}", name);
}

}  // namespace moxie::constraint
