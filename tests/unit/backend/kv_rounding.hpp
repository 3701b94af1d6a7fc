// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include <moxie/backend/kv_view.hpp>

// The types of KV pages by the words of kv_view.hpp, in double and with offsets of their own: nothing of the library is
// used but the names of the types.

namespace moxie::test {

inline constexpr KvType kKvTypes[] = {KvType::kF32, KvType::kF16, KvType::kBF16, KvType::kQ8_0};

/// x to nearest even in a binary format of `bits` significant bits, whose smallest number is 2^least.
inline double round_binary(double x, int bits, int least) {
  if (x == 0.0) return x;
  int exponent = 0;
  std::frexp(x, &exponent);
  const double step = std::ldexp(1.0, std::max(exponent - bits, least));
  return std::nearbyint(x / step) * step;
}
inline double round_f16(double x) { return round_binary(x, 11, -24); }
inline double round_bf16(double x) { return round_binary(x, 8, -133); }

/// The bits of a number that f16 has.
inline std::uint16_t f16_bits(double x) {
  int exponent = -14;  // and below: subnormal
  const double mantissa = x == 0.0 ? 0.0 : std::frexp(std::abs(x), &exponent);
  const double whole =
      exponent > -14 ? std::ldexp(mantissa, 11) + 1024.0 * (exponent + 13) : std::ldexp(std::abs(x), 24);
  return static_cast<std::uint16_t>(static_cast<int>(whole) | (std::signbit(x) ? 0x8000 : 0));
}
inline std::uint16_t bf16_bits(double x) {
  return static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(static_cast<float>(x)) >> 16);
}

/// The scale of one span: the largest magnitude / 127, rounded up to an f16.
inline double q8_scale(std::span<const float> span) {
  float largest = 0.0f;
  for (const float x : span) largest = std::max(largest, std::abs(x));
  const auto wanted = static_cast<double>(largest / 127.0f);
  double scale = round_f16(wanted);
  if (scale < wanted) {  // up by what f16 steps by there
    int exponent = 0;
    std::frexp(wanted, &exponent);
    scale = round_f16(scale + std::ldexp(1.0, std::max(exponent - 11, -24)));
  }
  return scale;
}

/// What a page keeps of `width` keys or values of a position, and what that reads as.
struct KvRow {
  std::vector<double> value;
  std::vector<std::vector<std::byte>> elements;
  std::vector<std::uint16_t> scales;

  KvRow(KvType type, std::span<const float> row) {
    const auto add = [&](double x, const auto& bits) {
      value.push_back(x);
      elements.emplace_back(sizeof(bits));
      std::memcpy(elements.back().data(), &bits, sizeof(bits));
    };
    for (std::size_t c = 0; c < row.size(); ++c) {
      const auto x = static_cast<double>(row[c]);
      switch (type) {
        case KvType::kF32: add(x, row[c]); break;
        case KvType::kF16: add(round_f16(x), f16_bits(round_f16(x))); break;
        case KvType::kBF16: add(round_bf16(x), bf16_bits(round_bf16(x))); break;
        case KvType::kQ8_0: {
          const double scale = q8_scale(row.subspan(c / 32 * 32, std::min<std::size_t>(32, row.size() - c / 32 * 32)));
          const double code = scale == 0.0 ? 0.0 : std::nearbyint(x / scale);
          add(code * scale, static_cast<std::int8_t>(code));
          if (c % 32 == 0) scales.push_back(f16_bits(scale));
          break;
        }
      }
    }
  }
};

/// Pages as KvView draws them. All bits are set where nothing was put: NaN in every type.
class KvBytes {
 public:
  KvBytes(const KvShape& shape, std::size_t n_pages)
      : shape_(shape), memory_(n_pages, std::vector<std::byte>(page_bytes() + 64, std::byte{0xff})) {
    for (std::vector<std::byte>& page : memory_) {
      const auto at = reinterpret_cast<std::uintptr_t>(page.data());
      pages_.push_back(page.data() + (64 - at % 64) % 64);
    }
  }

  KvBytes(const KvBytes&) = delete;  // pages_ points into memory_
  KvBytes& operator=(const KvBytes&) = delete;
  KvBytes(KvBytes&&) = default;
  KvBytes& operator=(KvBytes&&) = default;

  void put(std::size_t layer, std::size_t head, std::size_t position, const KvRow& key, const KvRow& value) {
    const std::size_t lane = position % 32;
    const std::size_t bytes = key.elements[0].size();
    std::byte* at = pages_[position / 32] + (layer * shape_.kv_heads + head) * block_bytes();
    for (std::size_t c = 0; c < shape_.key_width; ++c) copy(key.elements[c], at + (c * 32 + lane) * bytes);
    at += 32 * shape_.key_width * bytes;
    put_scales(key, lane, at);
    for (std::size_t c = 0; c < shape_.value_width; ++c) {
      copy(value.elements[c], at + (lane * shape_.value_width + c) * bytes);
    }
    at += 32 * shape_.value_width * bytes;
    put_scales(value, lane, at);
  }

  [[nodiscard]] std::size_t page_bytes() const { return shape_.layers * shape_.kv_heads * block_bytes(); }
  [[nodiscard]] std::size_t block_bytes() const {
    const std::size_t width = shape_.key_width + shape_.value_width;
    switch (shape_.type) {
      case KvType::kF32: return 128 * width;
      case KvType::kF16:
      case KvType::kBF16: return 64 * width;
      case KvType::kQ8_0: break;
    }
    const std::size_t scales = (shape_.key_width + 31) / 32 + (shape_.value_width + 31) / 32;
    return (32 * width + 64 * scales + 63) / 64 * 64;
  }
  [[nodiscard]] const std::vector<std::byte*>& pages() const { return pages_; }

 private:
  static void copy(const std::vector<std::byte>& from, std::byte* to) { std::memcpy(to, from.data(), from.size()); }
  static void put_scales(const KvRow& row, std::size_t lane, std::byte*& at) {
    for (std::size_t s = 0; s < row.scales.size(); ++s) std::memcpy(at + (s * 32 + lane) * 2, &row.scales[s], 2);
    at += 64 * row.scales.size();
  }

  KvShape shape_;
  std::vector<std::vector<std::byte>> memory_;
  std::vector<std::byte*> pages_;
};

}  // namespace moxie::test
