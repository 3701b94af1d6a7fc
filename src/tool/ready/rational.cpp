// SPDX-License-Identifier: Apache-2.0
#include "tool/ready/rational.hpp"

#include <algorithm>
#include <optional>

#include <moxie/core/text.hpp>

namespace moxie::inline abi1::tools {
namespace {

constexpr std::string_view kWhere = "calculate";
constexpr std::size_t kMaxDigits = 1000;

Status too_large() {
  return Status(Code::kBudget, kWhere, Text("numbers and fractions of some ", kMaxDigits, " digits"), "a longer one");
}

// How often `factor` goes into `value`, which is left without it.
std::size_t take_out(Natural& value, std::uint64_t factor) {
  const Natural divisor(factor);
  for (std::size_t count = 0;; ++count) {
    auto [quotient, rest] = divide(value, divisor);
    if (!rest.is_zero()) return count;
    value = std::move(quotient);
  }
}

}  // namespace

Result<Rational> Rational::make(bool negative, Natural numerator, Natural denominator) {
  if (denominator.is_zero()) return Status(Code::kInvalidArgument, kWhere, "no division by zero", "one");
  if (!denominator.is_one()) {
    const Natural divisor = greatest_common_divisor(numerator, denominator);
    if (!divisor.is_one()) {
      numerator = tools::divide(numerator, divisor).first;
      denominator = tools::divide(denominator, divisor).first;
    }
  }
  if (numerator.bits() > kMaxBits || denominator.bits() > kMaxBits) return too_large();
  Rational result;
  result.negative_ = negative && !numerator.is_zero();
  result.numerator_ = std::move(numerator);
  result.denominator_ = std::move(denominator);
  return result;
}

Result<Rational> Rational::parse(std::string_view text) {
  std::string digits;
  std::size_t decimals = 0;
  bool point = false;
  std::size_t i = 0;
  for (; i < text.size() && text[i] != 'e' && text[i] != 'E'; ++i) {
    const char c = text[i];
    if (c == '.' && !point) {
      point = true;
    } else if (c >= '0' && c <= '9') {
      if (c != '0' || !digits.empty() || point) digits.push_back(c);
      decimals += point ? 1 : 0;
    } else {
      return Status(Code::kInvalidArgument, kWhere, "a number", text.substr(0, 40));
    }
  }
  const bool some = std::any_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(i),
                                [](char c) { return c >= '0' && c <= '9'; });
  if (!some) return Status(Code::kInvalidArgument, kWhere, "a number", text.substr(0, 40));
  std::size_t exponent = 0;
  bool shrinks = false;
  if (i < text.size()) {
    std::string_view rest = text.substr(i + 1);
    if (!rest.empty() && (rest[0] == '-' || rest[0] == '+')) {
      shrinks = rest[0] == '-';
      rest.remove_prefix(1);
    }
    if (rest.empty()) return Status(Code::kInvalidArgument, kWhere, "digits of an exponent", text.substr(0, 40));
    for (const char c : rest) {
      if (c < '0' || c > '9') return Status(Code::kInvalidArgument, kWhere, "a number", text.substr(0, 40));
      // Far beyond every limit it is enough to know that it is.
      exponent = std::min<std::size_t>(exponent * 10 + static_cast<std::size_t>(c - '0'), 1U << 20U);
    }
  }
  if (digits.size() > 2 * kMaxDigits || decimals > 2 * kMaxDigits) return too_large();
  Natural numerator = Natural::from_digits(digits);
  if (numerator.is_zero()) return Rational();
  if (exponent > 2 * kMaxDigits) return too_large();
  const std::size_t up = shrinks ? 0 : exponent;
  const std::size_t down = decimals + (shrinks ? exponent : 0);
  if (up > down) return make(false, numerator * Natural::power_of_ten(up - down), Natural(1));
  return make(false, std::move(numerator), Natural::power_of_ten(down - up));
}

Rational Rational::negated() const {
  Rational result = *this;
  result.negative_ = !negative_ && !is_zero();
  return result;
}

Result<Rational> Rational::add(const Rational& a, const Rational& b) {
  const bool whole = a.is_whole() && b.is_whole();
  const Natural left = whole ? a.numerator_ : a.numerator_ * b.denominator_;
  const Natural right = whole ? b.numerator_ : b.numerator_ * a.denominator_;
  Natural denominator = whole ? Natural(1) : a.denominator_ * b.denominator_;
  if (a.negative_ == b.negative_) return make(a.negative_, left + right, std::move(denominator));
  if (left >= right) return make(a.negative_, left - right, std::move(denominator));
  return make(b.negative_, right - left, std::move(denominator));
}

Result<Rational> Rational::multiply(const Rational& a, const Rational& b) {
  return make(a.negative_ != b.negative_, a.numerator_ * b.numerator_, a.denominator_ * b.denominator_);
}

Result<Rational> Rational::divide(const Rational& a, const Rational& b) {
  return make(a.negative_ != b.negative_, a.numerator_ * b.denominator_, a.denominator_ * b.numerator_);
}

Result<Rational> Rational::remainder(const Rational& a, const Rational& b) {
  if (b.is_zero()) return Status(Code::kInvalidArgument, kWhere, "no remainder of a division by zero", "one");
  // Over one denominator both are whole; the remainder of whole numbers is never larger than they are.
  const Natural left = a.numerator_ * b.denominator_;
  const Natural right = b.numerator_ * a.denominator_;
  Natural rest = tools::divide(left, right).second;
  if (!rest.is_zero() && a.negative_ != b.negative_) rest = right - rest;
  return make(b.negative_, std::move(rest), a.denominator_ * b.denominator_);
}

Result<Rational> Rational::power(const Rational& base, const Rational& exponent) {
  if (!exponent.is_whole()) {
    return Status(Code::kInvalidArgument, kWhere, "a whole number as exponent", "a fraction");
  }
  const bool trivial = base.is_zero() || (base.numerator_.is_one() && base.denominator_.is_one());
  const std::uint64_t odd = exponent.numerator_.is_odd() ? 1 : 0;
  const std::uint64_t n = exponent.numerator_.up_to(1U << 20U);
  if (base.is_zero() && exponent.negative_) {
    return Status(Code::kInvalidArgument, kWhere, "no division by zero", "a negative power of 0");
  }
  if (trivial) {
    if (base.is_zero() && n != 0) return base;
    return make(base.negative_ && odd != 0, Natural(1), Natural(1));
  }
  // A number of b bits is at least 2^(b - 1), so its power has more than (b - 1) * n bits.
  const std::size_t bits = std::max(base.numerator_.bits(), base.denominator_.bits());
  if ((bits - 1) * n > kMaxBits) return too_large();
  Natural numerator = tools::power(base.numerator_, n);
  Natural denominator = tools::power(base.denominator_, n);
  if (exponent.negative_) std::swap(numerator, denominator);
  return make(base.negative_ && odd != 0, std::move(numerator), std::move(denominator));
}

std::string Rational::exact_text(std::size_t decimals) const {
  const Natural scaled =
      decimals == 0 ? numerator_ : tools::divide(numerator_ * Natural::power_of_ten(decimals), denominator_).first;
  std::string digits = scaled.digits();
  if (decimals != 0) {
    if (digits.size() <= decimals) digits.insert(0, decimals + 1 - digits.size(), '0');
    digits.insert(digits.size() - decimals, 1, '.');
  }
  return digits;
}

std::string Rational::rounded_text(std::size_t digits, bool& rounded) const {
  // value * 10^scale shall lie in [10^(digits - 1), 10^digits); 0.30103 digits to a bit gives a first guess.
  const auto digits_of = [](const Natural& n) { return static_cast<std::ptrdiff_t>(n.bits() * 30103 / 100000); };
  std::ptrdiff_t scale = static_cast<std::ptrdiff_t>(digits) - digits_of(numerator_) + digits_of(denominator_);
  const Natural most = Natural::power_of_ten(digits);
  const Natural least = Natural::power_of_ten(digits - 1);
  Natural above;
  Natural below;
  std::pair<Natural, Natural> parts;
  for (;;) {
    const auto shift = static_cast<std::size_t>(scale < 0 ? -scale : scale);
    above = scale > 0 ? numerator_ * Natural::power_of_ten(shift) : numerator_;
    below = scale < 0 ? denominator_ * Natural::power_of_ten(shift) : denominator_;
    parts = tools::divide(above, below);
    if (parts.first >= most) {
      --scale;
    } else if (parts.first < least) {
      ++scale;
    } else {
      break;
    }
  }
  rounded = !parts.second.is_zero();
  const auto half = (parts.second + parts.second) <=> below;
  if (half > 0 || (half == 0 && parts.first.is_odd())) parts.first = parts.first + Natural(1);
  if (parts.first == most) {
    parts.first = least;
    --scale;
  }
  std::string text = parts.first.digits();
  const auto point = static_cast<std::ptrdiff_t>(digits) - scale;  // of the digits, those before the point
  constexpr std::ptrdiff_t kPlainZeros = 10;
  if (point > 0 && point <= static_cast<std::ptrdiff_t>(digits)) {
    if (point < static_cast<std::ptrdiff_t>(digits)) text.insert(static_cast<std::size_t>(point), 1, '.');
  } else if (point <= 0 && point > -kPlainZeros) {
    text.insert(0, "0." + std::string(static_cast<std::size_t>(-point), '0'));
  } else {
    if (digits > 1) text.insert(1, 1, '.');
    text.append(Text("e", point - 1 < 0 ? "" : "+", point - 1));
  }
  return text;
}

std::string Rational::text(std::size_t digits, bool& rounded) const {
  Natural rest = denominator_;
  const std::size_t twos = take_out(rest, 2);
  const std::size_t fives = take_out(rest, 5);
  const std::size_t decimals = std::max(twos, fives);
  rounded = false;
  const bool ends = rest.is_one() && decimals <= kMaxDecimals;
  return (negative_ ? "-" : "") + (ends ? exact_text(decimals) : rounded_text(digits, rounded));
}

}  // namespace moxie::tools
