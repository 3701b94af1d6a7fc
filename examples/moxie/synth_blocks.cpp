// SPDX-License-Identifier: Apache-2.0
#include "synth_blocks.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include <moxie/backend/quant.hpp>

namespace moxie::program {

namespace {

constexpr std::size_t kDrawBytes = sizeof(Philox::Block);
// Floats have no blocks of their own: these are as many as a draw gives.
constexpr std::size_t kFloatsAtOnce = 4;

/// The spread of a block's elements where its scale is 1.
double unit_spread(ElementType type) {
  const auto uniform = [](double values) { return std::sqrt((values * values - 1) / 12); };  // of 0, 1, ... values - 1
  switch (type) {
    case ElementType::kQ4_K: return uniform(16) * std::sqrt(63 * 127 / 6.0);  // under scales of 0 to 63
    case ElementType::kQ5_K: return uniform(32) * std::sqrt(63 * 127 / 6.0);
    case ElementType::kQ6_K: return uniform(64) * uniform(64);  // under scales of -32 to 31
    case ElementType::kQ8_0: return uniform(256);
    case ElementType::kQ5_0:
    case ElementType::kQ5_1: return uniform(32);
    case ElementType::kQ4_0: return uniform(16);
    default: return 1;
  }
}

/// What a block's offset must be, in steps of its scale, for codes from zero on to have a mean of zero.
double middle_code(ElementType type) {
  switch (type) {
    case ElementType::kQ4_K: return 7.5;    // taken off
    case ElementType::kQ5_K: return 15.5;   // taken off
    case ElementType::kQ5_1: return -15.5;  // added
    default: return 0;
  }
}

std::uint16_t to_f16(double value) {
  const float number = static_cast<float>(value);
  std::uint16_t bits = 0;
  // Finite and small, so that it cannot fail.
  static_cast<void>(quantize(ElementType::kF16, {&number, 1}, std::as_writable_bytes(std::span(&bits, 1))));
  return bits;
}

void put(std::span<std::byte> block, std::size_t at, std::uint16_t bits) {
  std::memcpy(block.data() + at, &bits, sizeof(bits));
}

}  // namespace

RandomBlocks::RandomBlocks(std::uint64_t seed, std::uint64_t stream, ElementType type, std::uint64_t width,
                           double spread)
    : random_(seed, stream), type_(type), spread_(spread) {
  const bool blocks = is_quantized(type);
  block_elements_ = blocks ? traits(type).block_elements : width % kFloatsAtOnce == 0 ? kFloatsAtOnce : 1;
  block_bytes_ = size_of(type) * (blocks ? 1 : block_elements_);
  blocks_per_row_ = width / block_elements_;
  // Scales between half and one and a half of their mean add a twelfth to the mean square.
  const double scale = spread / unit_spread(type) / std::sqrt(13.0 / 12);
  for (std::size_t i = 0; i < scales_.size(); ++i) {
    scales_[i] = to_f16(scale * (0.5 + static_cast<double>(i) / 255));
    mins_[i] = to_f16(middle_code(type) * static_cast<double>(widen_f16(scales_[i])));
  }
}

Status RandomBlocks::fill(std::uint64_t first_row, std::span<std::byte> rows) const {
  std::uint64_t place = first_row * blocks_per_row_;
  for (std::size_t at = 0; at + block_bytes_ <= rows.size(); at += block_bytes_) {
    if (Status made = make(place++, rows.subspan(at, block_bytes_)); !made.ok()) return made;
  }
  return {};
}

void RandomBlocks::draw(std::uint64_t place, std::span<std::byte> into) const noexcept {
  const std::uint64_t draws = (into.size() + kDrawBytes - 1) / kDrawBytes;
  for (std::uint64_t i = 0; i < draws; ++i) {
    const Philox::Block words = random_.block(place * draws + i);
    const std::size_t at = static_cast<std::size_t>(i) * kDrawBytes;
    std::memcpy(into.data() + at, words.data(), std::min(kDrawBytes, into.size() - at));
  }
}

// Layouts: docs/quantized-types.md
Status RandomBlocks::make(std::uint64_t place, std::span<std::byte> block) const {
  if (!is_quantized(type_)) return make_floats(place, block);
  draw(place, block);
  const auto chosen = [&](std::size_t at) { return std::to_integer<std::size_t>(block[at]); };
  // Codes of whole numbers lean half a step below zero: a scale of either sign evens that out.
  const auto either_sign = [&](std::size_t at) {
    const auto sign = static_cast<std::uint16_t>((chosen(at + 1) & 1) << 15);
    put(block, at, static_cast<std::uint16_t>(scales_[chosen(at)] | sign));
  };
  switch (type_) {
    case ElementType::kQ4_K:
    case ElementType::kQ5_K: {
      const std::size_t scale = chosen(0);
      put(block, 0, scales_[scale]);
      put(block, 2, mins_[scale]);
      // Six bits each for 8 scales and 8 minimums, in the format's weave; each minimum is made its scale.
      std::copy_n(block.begin() + 4, 4, block.begin() + 8);
      for (std::size_t i = 12; i < 16; ++i) {
        block[i] = (block[i] & std::byte{15}) | (block[i] & std::byte{15}) << 4;
      }
      return {};
    }
    case ElementType::kQ6_K:
      for (std::size_t i = 192; i < 208; ++i) block[i] = static_cast<std::byte>((chosen(i) & 63) - 32);
      put(block, 208, scales_[chosen(208)]);
      return {};
    case ElementType::kQ8_0:
      either_sign(0);
      for (std::size_t i = 2; i < block.size(); ++i) {
        if (block[i] == std::byte{0x80}) block[i] = std::byte{0x81};  // quantizers do not make -128
      }
      return {};
    case ElementType::kQ5_1: {
      const std::size_t scale = chosen(0);
      put(block, 0, scales_[scale]);
      put(block, 2, mins_[scale]);
      return {};
    }
    case ElementType::kQ5_0:
    case ElementType::kQ4_0: either_sign(0); return {};
    default:
      return Status(Code::kUnsupported, "synth", "Q4_K, Q5_K, Q6_K, Q8_0, Q5_0, Q5_1, Q4_0, F32, F16 or BF16",
                    name(type_));
  }
}

Status RandomBlocks::make_floats(std::uint64_t place, std::span<std::byte> block) const {
  std::array<float, kFloatsAtOnce> values{};
  const Philox::Block words = random_.block(place);
  const auto reach = static_cast<float>(spread_ * std::sqrt(3.0));  // uniform in [-reach, reach)
  for (std::size_t i = 0; i < block_elements_; ++i) values[i] = (2 * Philox::uniform(words[i]) - 1) * reach;
  return quantize(type_, std::span(values).first(block_elements_), block);
}

}  // namespace moxie::program
