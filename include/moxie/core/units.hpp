// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

/// Sizes in bytes, as one reads them: `using namespace moxie::units;  24_GiB`.
namespace moxie::inline abi1::units {

constexpr std::uint64_t operator""_KiB(unsigned long long n) noexcept { return n << 10; }
constexpr std::uint64_t operator""_MiB(unsigned long long n) noexcept { return n << 20; }
constexpr std::uint64_t operator""_GiB(unsigned long long n) noexcept { return n << 30; }

}  // namespace moxie::units
