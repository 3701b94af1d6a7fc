// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <vector>

#include <moxie/backend/linear.hpp>
#include <moxie/core/philox.hpp>

#include "support/compare.hpp"

namespace moxie::test {

/// A number that an element type holds exactly, and the bits that it is stored as.
struct Element {
  float value;
  std::uint32_t bits;
};

/// An element from random words: its value is put together by arithmetic, never read back from its bits.
inline Element element(ElementType type, std::uint32_t word) {
  const std::uint32_t sign = word >> 31;
  const auto exponent = static_cast<int>(word >> 29 & 3u);  // values in +-[1/4, 4)
  const int digits = type == ElementType::kF32 ? 23 : type == ElementType::kBF16 ? 7 : 10;
  const int bias = type == ElementType::kF16 ? 15 : 127;
  const std::uint32_t mantissa = (word & 0x1fffffffu) >> (29 - digits);
  const auto whole = static_cast<float>(mantissa + (1u << digits));
  return {.value = std::ldexp(sign != 0 ? -whole : whole, exponent - 2 - digits),
          .bits = sign << (type == ElementType::kF32 ? 31 : 15) |
                  static_cast<std::uint32_t>(exponent - 2 + bias) << digits | mantissa};
}

/// Weights [out, in] as a checkpoint would hold them, beginning on an odd byte, and what they mean.
class StoredWeights {
 public:
  StoredWeights(ElementType type, std::size_t out_width, std::size_t in_width)
      : type_(type),
        out_(out_width),
        in_(in_width),
        bytes_(out_width * in_width * size_of(type) + 1),
        values_(out_width * in_width) {}

  static StoredWeights random(ElementType type, std::size_t out_width, std::size_t in_width, std::uint64_t seed) {
    StoredWeights weights(type, out_width, in_width);
    const Philox draw(seed, 1);
    for (std::size_t i = 0; i < weights.values_.size(); ++i) weights.set(i, element(type, draw.block(i)[0]));
    return weights;
  }

  void set(std::size_t i, Element element) {
    values_[i] = element.value;
    std::memcpy(bytes_.data() + 1 + i * size_of(type_), &element.bits, size_of(type_));  // little endian
  }

  [[nodiscard]] Weights view() const { return {bytes_.data() + 1, type_, out_, in_}; }
  [[nodiscard]] std::span<const std::byte> bytes() const { return std::span(bytes_).subspan(1); }
  [[nodiscard]] float value(std::size_t out, std::size_t in) const { return values_[out * in_ + in]; }
  [[nodiscard]] ConstRows values() const { return {values_.data(), out_, in_}; }
  [[nodiscard]] std::size_t out_width() const { return out_; }
  [[nodiscard]] std::size_t in_width() const { return in_; }

 private:
  ElementType type_;
  std::size_t out_;
  std::size_t in_;
  std::vector<std::byte> bytes_;
  std::vector<float> values_;
};

/// Dense rows with an owner.
struct Table {
  Table(std::size_t rows, std::size_t width_in, float value = 0.0f) : width(width_in), data(rows * width_in, value) {}

  /// Numbers in [-1, 1).
  static Table random(std::size_t rows, std::size_t width, std::uint64_t seed) {
    Table table(rows, width);
    const Philox draw(seed, 2);
    for (std::size_t i = 0; i < table.data.size(); ++i) {
      table.data[i] = 2.0f * Philox::uniform(draw.block(i / 4)[i % 4]) - 1.0f;
    }
    return table;
  }

  // Without rows the width is kept, so that a shape of [0, width] can be asked for.
  [[nodiscard]] std::size_t rows() const { return width == 0 ? 0 : data.size() / width; }
  [[nodiscard]] Rows view() { return {data.data(), rows(), width}; }
  [[nodiscard]] ConstRows view() const { return {data.data(), rows(), width}; }
  [[nodiscard]] Rows first(std::size_t count) { return {data.data(), count, width}; }
  [[nodiscard]] ConstRows first(std::size_t count) const { return {data.data(), count, width}; }

  std::size_t width;
  std::vector<float> data;
};

/// Rows with room between them that nobody may read (NaN) or write (a pattern that no result has).
class Strided {
 public:
  static constexpr std::uint32_t kPattern = 0x7fc0dead;  // a NaN: what is read by mistake shows in the result

  Strided(std::size_t rows, std::size_t width, std::size_t gap)
      : rows_(rows), width_(width), stride_(width + gap), data_(rows * stride_ + gap, std::bit_cast<float>(kPattern)) {}
  Strided(ConstRows from, std::size_t gap) : Strided(from.rows, from.width, gap) {
    for (std::size_t t = 0; t < rows_; ++t) std::copy_n(from.row(t), width_, view().row(t));
  }

  [[nodiscard]] Rows view() { return {data_.data() + (stride_ - width_), rows_, width_, stride_}; }
  [[nodiscard]] bool gaps_are_untouched() const {
    for (std::size_t i = 0; i < data_.size(); ++i) {
      const bool gap = i % stride_ < stride_ - width_;
      if (gap && std::bit_cast<std::uint32_t>(data_[i]) != kPattern) return false;
    }
    return true;
  }

 private:
  std::size_t rows_;
  std::size_t width_;
  std::size_t stride_;
  std::vector<float> data_;
};

/// x w^T + b in double. The magnitude of each is the sum of |x w| and |b|.
///
/// However a machine orders K products and their sum, with fused multiply-adds or without, each term
/// passes at most K + 1 roundings and the bias one more, so the error is at most (K + 2) u / (1 - (K + 2) u)
/// times the magnitude; K + 3 roundings cover that for K < 4,000.
inline Reference exact_linear(ConstRows x, ConstRows w, std::span<const float> bias) {
  Reference reference(x.rows, w.rows);
  for (std::size_t t = 0; t < x.rows; ++t) {
    for (std::size_t n = 0; n < w.rows; ++n) {
      double sum = bias.empty() ? 0.0 : static_cast<double>(bias[n]);
      double magnitude = std::abs(sum);
      for (std::size_t k = 0; k < x.width; ++k) {
        const double term = static_cast<double>(x.row(t)[k]) * static_cast<double>(w.row(n)[k]);
        sum += term;
        magnitude += std::abs(term);
      }
      reference.set(t, n, sum, magnitude);
    }
  }
  return reference;
}
inline double linear_roundings(std::size_t in_width) { return static_cast<double>(in_width) + 3.0; }

/// One fused multiply-add after another over k, from 0, then the bias: what moxie's own kernels promise
/// of every output, bit for bit.
inline Table chain_linear(ConstRows x, ConstRows w, std::span<const float> bias) {
  Table y(x.rows, w.rows);
  for (std::size_t t = 0; t < x.rows; ++t) {
    for (std::size_t n = 0; n < w.rows; ++n) {
      float sum = 0.0f;
      for (std::size_t k = 0; k < x.width; ++k) sum = std::fma(x.row(t)[k], w.row(n)[k], sum);
      y.view().row(t)[n] = bias.empty() ? sum : sum + bias[n];
    }
  }
  return y;
}

/// NaNs made one: which of two NaN operands an instruction hands on is no promise of anybody.
inline void unify_nans(Rows rows) {
  for (std::size_t t = 0; t < rows.rows; ++t) {
    for (float& y : rows[t]) y = std::isnan(y) ? std::numeric_limits<float>::quiet_NaN() : y;
  }
}

}  // namespace moxie::test
