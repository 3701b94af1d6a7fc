// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace moxie::inline abi1::tools {

/// A whole number from 0 on, of any size. Sizes are bounded by whoever calculates (rational.hpp).
///
/// Errors   lets std::bad_alloc through.
class Natural {
 public:
  Natural() noexcept = default;
  explicit Natural(std::uint64_t value);
  /// Of decimal digits and nothing else.
  static Natural from_digits(std::string_view digits);
  static Natural power_of_ten(std::size_t exponent);

  [[nodiscard]] bool is_zero() const noexcept { return limbs_.empty(); }
  [[nodiscard]] bool is_one() const noexcept { return limbs_.size() == 1 && limbs_[0] == 1; }
  [[nodiscard]] bool is_odd() const noexcept { return !limbs_.empty() && (limbs_[0] & 1U) != 0; }
  /// 0 for 0.
  [[nodiscard]] std::size_t bits() const noexcept;
  /// The value, or `most` where it is larger.
  [[nodiscard]] std::uint64_t up_to(std::uint64_t most) const noexcept;
  [[nodiscard]] std::string digits() const;

  friend std::strong_ordering operator<=>(const Natural& a, const Natural& b) noexcept;
  friend bool operator==(const Natural& a, const Natural& b) noexcept { return a.limbs_ == b.limbs_; }
  friend Natural operator+(const Natural& a, const Natural& b);
  /// b must not be larger than a.
  friend Natural operator-(const Natural& a, const Natural& b);
  friend Natural operator*(const Natural& a, const Natural& b);

 private:
  friend std::pair<Natural, Natural> divide(const Natural& a, const Natural& b);

  void trim() noexcept;
  void multiply_add(std::uint32_t factor, std::uint32_t addend);
  std::uint32_t divide_by(std::uint32_t divisor) noexcept;  // leaves the quotient, returns the remainder

  std::vector<std::uint32_t> limbs_;  // least first; the last is not 0
};

/// Quotient and remainder; b must not be 0.
std::pair<Natural, Natural> divide(const Natural& a, const Natural& b);
Natural greatest_common_divisor(Natural a, Natural b);
Natural power(Natural base, std::uint64_t exponent);

}  // namespace moxie::tools
