// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <moxie/core/result.hpp>

#include "constraint/regex/byte_set.hpp"
#include "constraint/regex/number_language.hpp"

namespace moxie::inline abi1::constraint {

/// A regular language in a Regexes.
using RegexId = std::uint32_t;

inline constexpr std::uint32_t kNoLimit = UINT32_MAX;

/// Regular languages of bytes, closed under intersection and complement. Equal expressions are one object, and what
/// follows a byte (the derivative) is made when it is first asked for and kept; so the expressions that were met are
/// the states of a deterministic automaton, of which only the part exists that somebody walked.
///
/// Everything that follows a grammar counts its work here, in steps of some ten nanoseconds each, so that no schema or
/// grammar can hold a thread for long.
///
/// Errors   none by themselves: with more than `limit` expressions, or more steps than allow() gave, it is exhausted
///          from then on, and every answer is to be thrown away.  std::bad_alloc is let through.
/// Threads  one at a time.
/// Source   J. Brzozowski, Derivatives of regular expressions, 1964; S. Owens and others, Regular-expression
///          derivatives re-examined, 2009.
class Regexes {
 public:
  static constexpr RegexId kNever = 0;     ///< no text
  static constexpr RegexId kEmpty = 1;     ///< the empty text alone
  static constexpr RegexId kAnything = 2;  ///< every text

  /// Steps that a Regexes has from the beginning: enough to compile a grammar.
  static constexpr std::uint64_t kCompileSteps = 50'000'000;

  explicit Regexes(std::size_t limit = std::size_t{1} << 20U);

  RegexId bytes(const ByteSet& set);
  RegexId literal(std::string_view text);
  RegexId cat(RegexId first, RegexId second);
  RegexId alt(std::span<const RegexId> choices);
  RegexId alt(RegexId a, RegexId b) { return alt(std::array{a, b}); }
  RegexId both(std::span<const RegexId> parts);
  RegexId both(RegexId a, RegexId b) { return both(std::array{a, b}); }
  RegexId except(RegexId what);  ///< every text that is not in it
  /// `what`, from `least` to `most` times.
  RegexId repeat(RegexId what, std::uint32_t least, std::uint32_t most = kNoLimit);
  RegexId optional(RegexId what) { return repeat(what, 0, 1); }
  /// Decimal numbers of a kind (number_language.hpp).
  RegexId number(const NumberLanguage& kind);
  /// Any of these texts, in a tree that shares beginnings. Sorts them.
  RegexId any_of(std::vector<std::string_view> texts);
  /// The texts to which `last`, a byte, may be added: { w : w last in what }.
  RegexId before(RegexId what, unsigned last);
  /// The texts in which this byte does not come; `what` without complements.
  RegexId without(RegexId what, unsigned byte);
  /// The same with repetitions of more than `length` elements replaced by ones without a limit: what can be told apart
  /// by texts of at most `length` bytes stays as it is.
  RegexId clamped(RegexId what, std::uint32_t length);

  /// What may follow the byte.
  RegexId after(RegexId what, unsigned byte) { return table(what)[byte]; }
  RegexId after(RegexId what, std::string_view text);
  [[nodiscard]] bool nullable(RegexId what) const noexcept { return nodes_[what].nullable; }
  /// Whether there is any text in it.
  bool possible(RegexId what);
  /// How many texts there are, counted up to `most`.
  std::size_t count(RegexId what, std::size_t most);
  [[nodiscard]] bool accepts(RegexId what, std::string_view text) { return nullable(after(what, text)); }

  /// Allows that many steps from here on, instead of what was left; does nothing where it is exhausted.
  void allow(std::uint64_t steps) noexcept {
    if (exhausted_) return;
    allowed_ = steps;
    left_ = steps;
  }
  void spend(std::uint64_t steps) noexcept {
    if (steps > left_) exhausted_ = true;
    left_ -= std::min(steps, left_);
  }
  [[nodiscard]] bool exhausted() const noexcept { return exhausted_; }
  /// kBudget, with what was needed, where it is exhausted.
  [[nodiscard]] Status check(std::string_view where) const;
  [[nodiscard]] std::size_t size() const noexcept { return nodes_.size(); }

 private:
  enum class Kind : std::uint8_t { kNever, kEmpty, kBytes, kCat, kAlt, kBoth, kExcept, kRepeat, kNumber };
  struct Node {
    Kind kind = Kind::kNever;
    bool nullable = false;
    bool plain = true;    // neither intersection nor complement nor number: then it is possible unless it is kNever
    std::uint32_t a = 0;  // children; of a list its first place in lists_; of bytes and numbers their place
    std::uint32_t b = 0;  // of a list its length
    std::uint32_t least = 0;
    std::uint32_t most = 0;
  };
  using Table = std::array<RegexId, 256>;

  RegexId intern(const Node& node, std::span<const RegexId> list = {});
  [[nodiscard]] std::span<const RegexId> list(const Node& node) const noexcept {
    return std::span(lists_).subspan(node.a, node.b);
  }
  const Table& table(RegexId what);
  RegexId derive(RegexId what, unsigned byte);
  void mix_front(RegexId what, std::array<std::uint64_t, 256>& classes);
  RegexId tree(std::span<const std::string_view> texts, std::size_t at, std::size_t depth);
  std::uint32_t place_of(const NumberState& state);

  std::size_t limit_;
  std::uint64_t allowed_ = kCompileSteps;
  std::uint64_t left_ = kCompileSteps;
  bool exhausted_ = false;
  std::vector<Node> nodes_;
  std::vector<RegexId> lists_;
  std::vector<ByteSet> sets_;
  std::vector<NumberState> numbers_;
  std::unordered_multimap<std::uint64_t, std::uint32_t> number_index_;
  std::vector<NumberLanguage> languages_;
  std::unordered_multimap<std::uint64_t, RegexId> index_;
  std::vector<std::unique_ptr<Table>> tables_;
  std::vector<std::int8_t> possible_;  // -1: not known
  std::unordered_map<std::uint64_t, RegexId> clamped_;
};

}  // namespace moxie::constraint
