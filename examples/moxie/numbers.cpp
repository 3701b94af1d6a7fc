// SPDX-License-Identifier: Apache-2.0
#include "numbers.hpp"

#include <charconv>
#include <cmath>
#include <optional>
#include <system_error>

#include <moxie/core/checked.hpp>
#include <moxie/core/text.hpp>

namespace moxie::program {

namespace {

Status refused(std::string_view option, std::string_view needed, std::string_view text) {
  return Status(Code::kInvalidArgument, option, needed, text.empty() ? "nothing" : text);
}

/// The whole text as a number, or nothing.
template <class Number>
std::optional<Number> read(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// By how many bits a suffix such as K, KB or KiB shifts; nothing where it is none.
std::optional<unsigned> shift_of(std::string_view suffix) {
  constexpr std::string_view kLetters = "KMGT";
  const auto upper = [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; };
  const std::size_t letter = suffix.empty() ? kLetters.npos : kLetters.find(upper(suffix[0]));
  if (letter == kLetters.npos) return std::nullopt;
  suffix.remove_prefix(1);
  if (suffix.starts_with('i')) suffix.remove_prefix(1);
  if (!suffix.empty() && (suffix.size() > 1 || upper(suffix[0]) != 'B')) return std::nullopt;
  return static_cast<unsigned>(10 * (letter + 1));
}

}  // namespace

Result<std::uint64_t> parse_whole(std::string_view option, std::string_view text, Whole range) {
  const auto number = read<std::uint64_t>(text);
  if (number && *number >= range.least && *number <= range.most) return *number;
  return refused(option, Text("a whole number from ", range.least, " to ", range.most), text);
}

Result<double> parse_real(std::string_view option, std::string_view text, Real range) {
  const auto number = read<double>(text);
  const bool fine = number && std::isfinite(*number) && *number <= range.most &&
                    (range.above ? *number > range.least : *number >= range.least);
  if (fine) return *number;
  const bool bounded = range.most < std::numeric_limits<double>::max();
  const Text most(" and at most ", range.most);
  return refused(option,
                 Text("a number ", range.above ? "above " : "of at least ", range.least,
                      bounded ? most.view() : std::string_view()),
                 text);
}

Result<std::uint64_t> parse_size(std::string_view option, std::string_view text, std::uint64_t unit) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto number = read<std::uint64_t>(text.substr(0, digits));
  std::optional<std::uint64_t> bytes;
  if (number && digits == text.size()) {
    bytes = checked::multiply(*number, unit);
  } else if (const auto shift = shift_of(text.substr(digits)); number && shift) {
    bytes = checked::multiply(*number, std::uint64_t{1} << *shift);
  }
  if (bytes && *bytes != 0) return *bytes;
  return refused(option, "a size such as 512M or 8G, below 2^64 bytes", text);
}

Result<std::vector<TokenId>> parse_ids(std::string_view option, std::string_view text) {
  std::vector<TokenId> ids;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const auto id = read<TokenId>(text.substr(begin, end - begin));
    if (!id || *id < 0) return refused(option, "token ids, separated by commas", text);
    ids.push_back(*id);
    begin = end + 1;
  }
  return ids;
}

}  // namespace moxie::program
