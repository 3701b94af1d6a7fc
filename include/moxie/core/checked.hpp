// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <utility>

namespace moxie::inline abi1::checked {

// The only place where sizes that come from a file are added or multiplied. Everything is in
// std::uint64_t, whatever the machine's size_t; narrow<To> is the one way back.

/// a + b + ..., or nothing where it does not fit.
template <std::same_as<std::uint64_t>... Rest>
constexpr std::optional<std::uint64_t> add(std::uint64_t first, Rest... rest) noexcept {
  std::optional<std::uint64_t> sum = first;
  [[maybe_unused]] const auto step = [&sum](std::uint64_t term) {
    if (sum && *sum > std::numeric_limits<std::uint64_t>::max() - term) sum.reset();
    if (sum) *sum += term;
  };
  (step(rest), ...);
  return sum;
}

/// a * b * ..., or nothing where any partial product does not fit.
template <std::same_as<std::uint64_t>... Rest>
constexpr std::optional<std::uint64_t> multiply(std::uint64_t first, Rest... rest) noexcept {
  std::optional<std::uint64_t> product = first;
  [[maybe_unused]] const auto step = [&product](std::uint64_t factor) {
    if (product && factor != 0 && *product > std::numeric_limits<std::uint64_t>::max() / factor) product.reset();
    if (product) *product *= factor;
  };
  (step(rest), ...);
  return product;
}

/// The product of all dimensions; 1 for none. Overflow counts even where a later factor is 0.
constexpr std::optional<std::uint64_t> product(std::span<const std::uint64_t> dims) noexcept {
  std::optional<std::uint64_t> total = 1;
  for (const std::uint64_t dim : dims) {
    if (total) total = multiply(*total, dim);
  }
  return total;
}

/// value rounded up to a multiple of `alignment`, a power of two; nothing where it does not fit.
constexpr std::optional<std::uint64_t> align_up(std::uint64_t value, std::uint64_t alignment) noexcept {
  if (alignment == 0 || (alignment & (alignment - 1)) != 0) return std::nullopt;
  const auto sum = add(value, alignment - 1);
  if (!sum) return std::nullopt;
  return *sum & ~(alignment - 1);
}

/// value as a To, or nothing where To cannot hold it.
template <std::integral To, std::integral From>
constexpr std::optional<To> narrow(From value) noexcept {
  if (!std::in_range<To>(value)) return std::nullopt;
  return static_cast<To>(value);
}

/// Whether [offset, offset + size) lies inside [0, limit), also where offset + size would overflow.
constexpr bool inside(std::uint64_t offset, std::uint64_t size, std::uint64_t limit) noexcept {
  return offset <= limit && size <= limit - offset;
}

}  // namespace moxie::checked
