// SPDX-License-Identifier: Apache-2.0
#include "tool/ready/natural.hpp"

#include <algorithm>
#include <bit>

namespace moxie::inline abi1::tools {
namespace {

constexpr std::uint32_t kChunk = 1'000'000'000;  // the largest power of ten in a limb
constexpr std::size_t kChunkDigits = 9;

constexpr std::uint32_t low(std::uint64_t value) noexcept { return static_cast<std::uint32_t>(value); }

}  // namespace

Natural::Natural(std::uint64_t value) {
  for (; value != 0; value >>= 32U) limbs_.push_back(low(value));
}

void Natural::trim() noexcept {
  while (!limbs_.empty() && limbs_.back() == 0) limbs_.pop_back();
}

void Natural::multiply_add(std::uint32_t factor, std::uint32_t addend) {
  std::uint64_t carry = addend;
  for (std::uint32_t& limb : limbs_) {
    carry += std::uint64_t{limb} * factor;
    limb = low(carry);
    carry >>= 32U;
  }
  if (carry != 0) limbs_.push_back(low(carry));
}

std::uint32_t Natural::divide_by(std::uint32_t divisor) noexcept {
  std::uint64_t rest = 0;
  for (std::size_t i = limbs_.size(); i-- > 0;) {
    rest = rest << 32U | limbs_[i];
    limbs_[i] = low(rest / divisor);
    rest %= divisor;
  }
  trim();
  return low(rest);
}

Natural Natural::from_digits(std::string_view digits) {
  Natural result;
  while (!digits.empty()) {
    const std::size_t n = (digits.size() - 1) % kChunkDigits + 1;
    std::uint32_t chunk = 0;
    for (const char c : digits.substr(0, n)) chunk = chunk * 10 + static_cast<std::uint32_t>(c - '0');
    result.multiply_add(kChunk, chunk);
    digits.remove_prefix(n);
  }
  result.trim();
  return result;
}

Natural Natural::power_of_ten(std::size_t exponent) {
  Natural result(1);
  for (; exponent >= kChunkDigits; exponent -= kChunkDigits) result.multiply_add(kChunk, 0);
  for (; exponent > 0; --exponent) result.multiply_add(10, 0);
  return result;
}

std::size_t Natural::bits() const noexcept {
  return limbs_.empty() ? 0 : limbs_.size() * 32 - static_cast<std::size_t>(std::countl_zero(limbs_.back()));
}

std::uint64_t Natural::up_to(std::uint64_t most) const noexcept {
  if (limbs_.size() > 2) return most;
  std::uint64_t value = 0;
  for (std::size_t i = limbs_.size(); i-- > 0;) value = value << 32U | limbs_[i];
  return std::min(value, most);
}

std::string Natural::digits() const {
  if (limbs_.empty()) return "0";
  std::string reversed;
  for (Natural rest = *this; !rest.is_zero();) {
    std::uint32_t chunk = rest.divide_by(kChunk);
    for (std::size_t i = 0; i < kChunkDigits; ++i, chunk /= 10) reversed.push_back(static_cast<char>('0' + chunk % 10));
  }
  while (reversed.back() == '0') reversed.pop_back();
  std::reverse(reversed.begin(), reversed.end());
  return reversed;
}

std::strong_ordering operator<=>(const Natural& a, const Natural& b) noexcept {
  if (a.limbs_.size() != b.limbs_.size()) return a.limbs_.size() <=> b.limbs_.size();
  for (std::size_t i = a.limbs_.size(); i-- > 0;) {
    if (a.limbs_[i] != b.limbs_[i]) return a.limbs_[i] <=> b.limbs_[i];
  }
  return std::strong_ordering::equal;
}

Natural operator+(const Natural& a, const Natural& b) {
  const Natural& longer = a.limbs_.size() < b.limbs_.size() ? b : a;
  const Natural& shorter = &longer == &a ? b : a;
  Natural sum;
  sum.limbs_.reserve(longer.limbs_.size() + 1);
  std::uint64_t carry = 0;
  for (std::size_t i = 0; i < longer.limbs_.size(); ++i) {
    carry += std::uint64_t{longer.limbs_[i]} + (i < shorter.limbs_.size() ? shorter.limbs_[i] : 0U);
    sum.limbs_.push_back(low(carry));
    carry >>= 32U;
  }
  if (carry != 0) sum.limbs_.push_back(low(carry));
  return sum;
}

Natural operator-(const Natural& a, const Natural& b) {
  Natural difference = a;
  std::uint64_t borrow = 0;
  for (std::size_t i = 0; i < a.limbs_.size(); ++i) {
    const std::uint64_t taken = borrow + (i < b.limbs_.size() ? b.limbs_[i] : 0U);
    borrow = a.limbs_[i] < taken ? 1 : 0;
    difference.limbs_[i] = low(a.limbs_[i] + (borrow << 32U) - taken);
  }
  difference.trim();
  return difference;
}

Natural operator*(const Natural& a, const Natural& b) {
  Natural product;
  product.limbs_.assign(a.limbs_.size() + b.limbs_.size(), 0);
  for (std::size_t i = 0; i < a.limbs_.size(); ++i) {
    std::uint64_t carry = 0;
    for (std::size_t j = 0; j < b.limbs_.size(); ++j) {
      carry += std::uint64_t{a.limbs_[i]} * b.limbs_[j] + product.limbs_[i + j];
      product.limbs_[i + j] = low(carry);
      carry >>= 32U;
    }
    product.limbs_[i + b.limbs_.size()] = low(carry);
  }
  product.trim();
  return product;
}

// Knuth, The Art of Computer Programming, volume 2, 4.3.1, algorithm D.
std::pair<Natural, Natural> divide(const Natural& a, const Natural& b) {
  if (a < b) return {Natural(), a};
  const std::size_t n = b.limbs_.size();
  if (n == 1) {
    Natural quotient = a;
    const std::uint32_t rest = quotient.divide_by(b.limbs_[0]);
    return {std::move(quotient), Natural(rest)};
  }
  // Scaled so that the divisor's highest bit is set: then a digit is guessed at most two too high.
  const auto shift = static_cast<unsigned>(std::countl_zero(b.limbs_.back()));
  const auto scaled = [shift](const std::vector<std::uint32_t>& limbs) {
    std::vector<std::uint32_t> result;
    result.reserve(limbs.size() + 1);
    std::uint64_t carry = 0;
    for (const std::uint32_t limb : limbs) {
      carry |= std::uint64_t{limb} << shift;
      result.push_back(low(carry));
      carry >>= 32U;
    }
    result.push_back(low(carry));
    return result;
  };
  std::vector<std::uint32_t> u = scaled(a.limbs_);
  std::vector<std::uint32_t> v = scaled(b.limbs_);
  v.pop_back();  // 0
  const std::size_t m = a.limbs_.size() - n;
  Natural quotient;
  quotient.limbs_.assign(m + 1, 0);
  for (std::size_t j = m + 1; j-- > 0;) {
    const std::uint64_t top = std::uint64_t{u[j + n]} << 32U | u[j + n - 1];
    std::uint64_t guess = top / v[n - 1];
    std::uint64_t rest = top % v[n - 1];
    while (guess >> 32U != 0 || guess * v[n - 2] > (rest << 32U | u[j + n - 2])) {
      --guess;
      rest += v[n - 1];
      if (rest >> 32U != 0) break;
    }
    std::uint64_t carry = 0;
    std::uint64_t borrow = 0;
    for (std::size_t i = 0; i <= n; ++i) {
      carry += i < n ? guess * v[i] : 0;
      const std::uint64_t taken = low(carry) + borrow;
      borrow = u[i + j] < taken ? 1 : 0;
      u[i + j] = low(u[i + j] + (borrow << 32U) - taken);
      carry >>= 32U;
    }
    if (borrow != 0) {  // one too high: add the divisor back
      --guess;
      std::uint64_t sum = 0;
      for (std::size_t i = 0; i < n; ++i) {
        sum += std::uint64_t{u[i + j]} + v[i];
        u[i + j] = low(sum);
        sum >>= 32U;
      }
      u[j + n] = low(u[j + n] + sum);
    }
    quotient.limbs_[j] = low(guess);
  }
  Natural remainder;
  u.resize(n + 1);
  for (std::size_t i = 0; i < n; ++i) {
    remainder.limbs_.push_back(low((std::uint64_t{u[i + 1]} << 32U | u[i]) >> shift));
  }
  quotient.trim();
  remainder.trim();
  return {std::move(quotient), std::move(remainder)};
}

Natural greatest_common_divisor(Natural a, Natural b) {
  while (!b.is_zero()) a = std::exchange(b, divide(a, b).second);
  return a;
}

Natural power(Natural base, std::uint64_t exponent) {
  Natural result(1);
  for (; exponent != 0; exponent >>= 1U) {
    if ((exponent & 1U) != 0) result = result * base;
    if (exponent > 1) base = base * base;
  }
  return result;
}

}  // namespace moxie::tools
