// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <moxie/backend/linear.hpp>
#include <moxie/backend/quant.hpp>
#include <moxie/core/philox.hpp>

#include "backend/quant/formats/formats.hpp"
#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/kernels.hpp"

// Products with block-quantized weights, and what they should be in double.

namespace moxie::test {

inline constexpr ElementType kQuantTypes[] = {
    ElementType::kQ4_0,   ElementType::kQ4_1,   ElementType::kQ5_0, ElementType::kQ5_1, ElementType::kQ8_0,
    ElementType::kQ2_K,   ElementType::kQ3_K,   ElementType::kQ4_K, ElementType::kQ5_K, ElementType::kQ6_K,
    ElementType::kIQ4_NL, ElementType::kIQ4_XS, ElementType::kMXFP4};

inline bool is_flat(ElementType type) { return traits(type).block_elements == 32; }

inline std::vector<float> noise(std::size_t count, std::uint64_t stream) {
  const Philox random(99, stream);
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto words = random.block(i);
    // Heavy tails now and then, as activations have.
    const float scale = words[1] % 97 == 0 ? 20.0f : 1.0f;
    values[i] = scale * (Philox::uniform(words[0]) * 2.0f - 1.0f);
  }
  return values;
}

/// Rows as a model has them, and between them rows of zeros, of denormals, very large and very small ones, some with
/// one value alone and some with one block of zeros.
inline std::vector<float> activation_rows(std::size_t rows, std::size_t width) {
  std::vector<float> x = noise(rows * width, 3);
  for (std::size_t r = 0; r < rows; ++r) {
    const std::span<float> row = std::span(x).subspan(r * width, width);
    const auto scale_by = [&](float factor) {
      std::ranges::transform(row, row.begin(), [=](float v) { return v * factor; });
    };
    switch (r % 9) {
      case 2: std::ranges::fill(row, 0.0f); break;
      case 3: std::ranges::fill(row, 1e-40f); break;
      case 4: scale_by(1e24f); break;
      case 5: scale_by(1e-33f); break;
      case 6: scale_by(0x1p-118f); break;
      case 7:
        std::ranges::fill(row, 0.0f);
        row[r % width] = -3.0f;
        break;
      case 8: std::ranges::fill(row.first(32), 0.0f); break;
      default: break;
    }
  }
  return x;
}

/// A matrix of blocks.
struct QuantProblem {
  ElementType type;
  std::size_t in, out;
  std::vector<std::byte> blocks;

  /// Quantized noise.
  QuantProblem(ElementType type_in, std::size_t in_width, std::size_t out_width)
      : type(type_in), in(in_width), out(out_width), blocks(in * out / traits(type).block_elements * block_bytes()) {
    REQUIRE(quantize(type, noise(in * out, 7), blocks).ok());
  }
  [[nodiscard]] std::size_t block_bytes() const { return traits(type).block_bytes; }
  [[nodiscard]] std::size_t row_blocks() const { return in / traits(type).block_elements; }
  [[nodiscard]] Weights view() const { return {.data = blocks.data(), .type = type, .out_width = out, .in_width = in}; }
  [[nodiscard]] std::vector<float> weights() const {
    std::vector<float> values(in * out);
    REQUIRE(dequantize(type, blocks, values).ok());
    return values;
  }
  [[nodiscard]] std::span<std::byte> block(std::size_t row, std::size_t index) {
    return std::span(blocks).subspan((row * row_blocks() + index) * block_bytes(), block_bytes());
  }

  /// |d s q| + |m n| of each element: what a sum of products and a sum of offsets are made of, though they may cancel
  /// within one weight.
  [[nodiscard]] std::vector<double> magnitudes() const {
    std::vector<double> values;
    values.reserve(in * out);
    REQUIRE(backend::quant::visit_format(type, [&](auto format) {
      using F = decltype(format);
      typename F::Codes codes;
      for (std::size_t at = 0; at < blocks.size(); at += F::kBytes) {
        F::unpack(reinterpret_cast<const std::uint8_t*>(blocks.data() + at), codes);
        const auto d = static_cast<double>(F::scale_of(codes.d));
        const auto m = static_cast<double>(widen_f16(codes.m));
        for (std::size_t i = 0; i < F::kElements; ++i) {
          const std::size_t g = i / F::kGroupWidth;
          const double offset = F::kForm == backend::quant::Form::kScaleAdd ? m : m * codes.n[g];
          values.push_back(std::fabs(d * codes.s[g] * codes.q[i]) + std::fabs(offset));
        }
      }
    }));
    return values;
  }
};

/// Activations by the rule of docs/design/009: what each stands for.
inline std::vector<double> quantized_activations(ElementType type, std::span<const float> x) {
  const std::size_t block = traits(type).block_elements;
  std::vector<double> values(x.size());
  for (std::size_t begin = 0; begin < x.size(); begin += block) {
    float largest = 0;
    for (std::size_t i = begin; i < begin + block; ++i) largest = std::max(largest, std::fabs(x[i]));
    if (largest < 0x1p-119f) continue;
    for (std::size_t i = begin; i < begin + block; ++i) {
      values[i] =
          static_cast<double>(std::nearbyint(x[i] * (127.0f / largest))) * static_cast<double>(largest / 127.0f);
    }
  }
  return values;
}

/// The product in double, of weights as the format defines them and activations by the rule.
inline Reference quant_reference(const QuantProblem& p, std::span<const float> x, std::size_t rows) {
  const std::vector<float> weights = p.weights();
  const std::vector<double> magnitudes = p.magnitudes();
  const std::vector<double> activations = quantized_activations(p.type, x.first(rows * p.in));
  Reference reference(rows, p.out);
  for (std::size_t r = 0; r < rows; ++r) {
    const double* a = activations.data() + r * p.in;
    for (std::size_t n = 0; n < p.out; ++n) {
      double value = 0;
      double magnitude = 0;
      for (std::size_t i = 0; i < p.in; ++i) {
        value += a[i] * static_cast<double>(weights[n * p.in + i]);
        magnitude += std::fabs(a[i]) * magnitudes[n * p.in + i];
      }
      reference.set(r, n, value, std::max(magnitude, std::fabs(value)));
    }
  }
  return reference;
}

/// Roundings on the way to one output. An element of the reference has three. A flat type adds, for each group of 32:
/// its sum times the activations' scale, its place in the chain, its offset twice. A super-block adds four: its sum,
/// that times d, the offsets, its place in the chain.
inline double quant_roundings(ElementType type, std::size_t in) {
  return 3 + 4 * static_cast<double>(is_flat(type) ? in / 32 : in / 256);
}

inline Backend quant_backend(Isa isa) { return Backend::create({.isa = isa, .matmul = MatmulPath::kNative}).value(); }

/// Those of this CPU that have kernels of their own.
inline std::vector<Isa> quant_isas() {
  std::vector<Isa> found;
  for (const Isa isa : kIsas) {
    if (quant_kernels(isa) != name(isa)) continue;
    if (Backend::create({.isa = isa, .matmul = MatmulPath::kNative}).ok()) found.push_back(isa);
  }
  return found;
}

inline std::vector<float> apply(const Linear& linear, std::span<const float> x, std::size_t rows) {
  std::vector<float> y(rows * linear.out_width(), NAN);
  auto scratch = AlignedBuffer::create(linear.scratch_bytes(rows)).value();
  Workspace workspace(scratch.bytes());
  const Status status =
      linear.apply(ConstRows(x.data(), rows, linear.in_width()), Rows(y.data(), rows, linear.out_width()), workspace);
  REQUIRE(status.ok());
  return y;
}

}  // namespace moxie::test
