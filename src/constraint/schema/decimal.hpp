// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace moxie::inline abi1::constraint {

/// A decimal number, exactly: digits times 10^exponent. Zero has no digits; otherwise neither the first nor the last
/// digit is 0, so equal numbers are equal objects.
struct Decimal {
  bool negative = false;
  std::string digits{};
  std::int64_t exponent = 0;

  /// Of a number as JSON writes it.
  static Decimal of(std::string_view text);
  [[nodiscard]] bool zero() const noexcept { return digits.empty(); }
  [[nodiscard]] bool whole() const noexcept { return exponent >= 0; }
  /// As JSON writes it without exponent; what would take more than 400 digits with one.
  [[nodiscard]] std::string text() const;
  friend bool operator==(const Decimal&, const Decimal&) = default;
};

std::strong_ordering operator<=>(const Decimal& a, const Decimal& b);
/// Whether a / b is a whole number; b has at most nine digits and is above zero.
bool is_multiple(const Decimal& a, const Decimal& b);

}  // namespace moxie::constraint
