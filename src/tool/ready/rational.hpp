// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <moxie/core/result.hpp>

#include "tool/ready/natural.hpp"

namespace moxie::inline abi1::tools {

/// An exact fraction in lowest terms. Numerator and denominator have at most kMaxBits bits, which is some 1000 digits:
/// one operation then takes less than a millisecond, a whole expression less than some seconds.
///
/// Errors   kBudget: a result beyond kMaxBits, told before it is made where that could be much beyond.
///          kInvalidArgument: a division by zero; an exponent that is no whole number.
///          They let std::bad_alloc through.
class Rational {
 public:
  static constexpr std::size_t kMaxBits = 3322;

  Rational() : denominator_(1) {}
  static Result<Rational> make(bool negative, Natural numerator, Natural denominator);
  /// Of a number as people write it: digits, perhaps with a point, perhaps with an exponent (1.5e-3). Not empty, no
  /// sign.
  static Result<Rational> parse(std::string_view text);

  [[nodiscard]] bool is_zero() const noexcept { return numerator_.is_zero(); }
  [[nodiscard]] bool is_whole() const noexcept { return denominator_.is_one(); }
  [[nodiscard]] Rational negated() const;

  static Result<Rational> add(const Rational& a, const Rational& b);
  static Result<Rational> subtract(const Rational& a, const Rational& b) { return add(a, b.negated()); }
  static Result<Rational> multiply(const Rational& a, const Rational& b);
  static Result<Rational> divide(const Rational& a, const Rational& b);
  /// a - b * floor(a / b): its sign is b's, as in Python.
  static Result<Rational> remainder(const Rational& a, const Rational& b);
  static Result<Rational> power(const Rational& base, const Rational& exponent);

  /// The number as a decimal. Exact where it ends within kMaxDecimals decimals, else with `digits` significant ones, a
  /// tie to the even one; `rounded` says whether that is another number.
  static constexpr std::size_t kMaxDecimals = 1000;
  [[nodiscard]] std::string text(std::size_t digits, bool& rounded) const;

 private:
  [[nodiscard]] std::string exact_text(std::size_t decimals) const;
  [[nodiscard]] std::string rounded_text(std::size_t digits, bool& rounded) const;

  bool negative_ = false;  // never of 0
  Natural numerator_;
  Natural denominator_;
};

}  // namespace moxie::tools
