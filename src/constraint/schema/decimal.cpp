// SPDX-License-Identifier: Apache-2.0
#include "constraint/schema/decimal.hpp"

#include <algorithm>
#include <charconv>

namespace moxie::inline abi1::constraint {
namespace {

constexpr std::int64_t kMostDigits = 400;

/// The order of two magnitudes.
int compare(const Decimal& a, const Decimal& b) {
  if (a.zero() || b.zero()) return static_cast<int>(b.zero()) - static_cast<int>(a.zero());
  const std::int64_t a_size = static_cast<std::int64_t>(a.digits.size()) + a.exponent;
  const std::int64_t b_size = static_cast<std::int64_t>(b.digits.size()) + b.exponent;
  if (a_size != b_size) return a_size < b_size ? -1 : 1;
  const int order = a.digits.compare(b.digits);  // where one begins the other, the longer one is greater
  return order < 0 ? -1 : order > 0 ? 1 : 0;
}

}  // namespace

Decimal Decimal::of(std::string_view text) {
  Decimal result;
  std::size_t i = 0;
  result.negative = text.starts_with('-');
  if (result.negative) ++i;
  bool point = false;
  for (; i < text.size() && text[i] != 'e' && text[i] != 'E'; ++i) {
    if (text[i] == '.') {
      point = true;
    } else {
      result.digits += text[i];
      if (point) --result.exponent;
    }
  }
  if (i < text.size()) {
    ++i;
    if (i < text.size() && text[i] == '+') ++i;
    std::int64_t exponent = 0;
    std::from_chars(text.data() + i, text.data() + text.size(), exponent);
    result.exponent += std::clamp<std::int64_t>(exponent, -1000000, 1000000);
  }
  result.digits.erase(0, std::min(result.digits.find_first_not_of('0'), result.digits.size()));
  const std::size_t last = result.digits.find_last_not_of('0');
  if (last == std::string::npos) return {};
  result.exponent += static_cast<std::int64_t>(result.digits.size() - 1 - last);
  result.digits.resize(last + 1);
  return result;
}

std::string Decimal::text() const {
  if (zero()) return "0";
  const auto size = static_cast<std::int64_t>(digits.size());
  std::string result = negative ? "-" : "";
  if (exponent > kMostDigits || exponent < -kMostDigits) {
    result += digits.substr(0, 1);
    if (size > 1) result.append(".").append(digits.substr(1));
    return result.append("e").append(std::to_string(exponent + size - 1));
  }
  if (exponent >= 0) return result.append(digits).append(static_cast<std::size_t>(exponent), '0');
  if (size + exponent > 0) {
    const auto whole = static_cast<std::size_t>(size + exponent);
    return result.append(digits.substr(0, whole)).append(".").append(digits.substr(whole));
  }
  return result.append("0.").append(static_cast<std::size_t>(-(size + exponent)), '0').append(digits);
}

std::strong_ordering operator<=>(const Decimal& a, const Decimal& b) {
  if (a.negative != b.negative) return a.negative ? std::strong_ordering::less : std::strong_ordering::greater;
  const int order = a.negative ? compare(b, a) : compare(a, b);
  return order <=> 0;
}

bool is_multiple(const Decimal& a, const Decimal& b) {
  if (a.zero()) return true;
  // The last digit of a is no 0, so what is a multiple of ten times b's unit has an exponent at least as great.
  if (a.exponent < b.exponent) return false;
  std::uint64_t divisor = 0;
  std::from_chars(b.digits.data(), b.digits.data() + b.digits.size(), divisor);
  std::uint64_t rest = 0;
  for (const char digit : a.digits) rest = (rest * 10 + static_cast<std::uint64_t>(digit - '0')) % divisor;
  for (std::int64_t i = a.exponent; i > b.exponent && rest != 0; --i) rest = rest * 10 % divisor;
  return rest == 0;
}

}  // namespace moxie::constraint
