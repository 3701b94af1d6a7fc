// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "encode.hpp"
#include "search.hpp"

namespace moxie::inline abi1::backend::quant {
namespace {

/// The nearest of kIq4Values, the upper one at a tie: a step for each halfway point that is reached.
MOXIE_INLINE_BODY inline float nearest_iq4(float value) noexcept {
  auto nearest_value = static_cast<float>(kIq4Values[0]);
  for (std::size_t code = 1; code < kIq4Values.size(); ++code) {
    const auto below = static_cast<float>(kIq4Values[code - 1]);
    const auto above = static_cast<float>(kIq4Values[code]);
    nearest_value += value >= 0.5f * (below + above) ? above - below : 0.0f;
  }
  return nearest_value;
}

/// The scale of 32 values. The extreme value is tried near both ends of kIq4Values: +127, then -134 to -120.
MOXIE_INLINE_BODY inline float fit_iq4(const float* x) noexcept {
  constexpr std::size_t kCount = 16;
  const float extreme = extreme_of<32>(x);
  if (std::fabs(extreme) < kSmallestGroup) return 0.0f;
  std::array<float, kCount> trials;
  trials[0] = 127.0f / extreme;
  for (std::size_t t = 1; t < kCount; ++t) trials[t] = (static_cast<float>(t) - 8.0f - 127.0f) / extreme;
  return fit_scale<32, Product::kCodeFirst>(x, trials, kCount,
                                            [](float value) MOXIE_INLINE_BODY { return nearest_iq4(value); });
}

MOXIE_INLINE_BODY inline void encode_group(const float* x, float scale, std::int8_t* q) noexcept {
  const float inverse = scale == 0.0f ? 0.0f : 1.0f / scale;
  for (std::size_t j = 0; j < 32; ++j) q[j] = to_i8(static_cast<int>(nearest_iq4(inverse * x[j])));
}

}  // namespace

void encode(IQ4_NL, const float* values, IQ4_NL::Codes& codes) noexcept {
  float scale = 0.0f;
  run_vectorised([&]() MOXIE_INLINE_BODY {
    scale = fit_iq4(values);
    encode_group(values, scale, codes.q.data());
  });
  codes.d = narrow_f16(scale);
  codes.m = 0;
  codes.s.fill(1);
  codes.n.fill(0);
}

void encode(IQ4_XS, const float* values, IQ4_XS::Codes& codes) noexcept {
  std::array<float, IQ4_XS::kGroups> scales;
  run_vectorised([&]() MOXIE_INLINE_BODY {
    for (std::size_t g = 0; g < IQ4_XS::kGroups; ++g) scales[g] = fit_iq4(values + g * 32);
  });
  const float d = extreme_of<IQ4_XS::kGroups>(scales.data()) / static_cast<float>(IQ4_XS::kScaleLow);
  codes.d = narrow_f16(d);
  codes.m = 0;
  codes.n.fill(0);
  if (!is_finite_f16(codes.d)) return;
  const float inverse = std::fabs(d) < kSmallestGroup ? 0.0f : 1.0f / d;
  run_vectorised([&]() MOXIE_INLINE_BODY {
    for (std::size_t g = 0; g < IQ4_XS::kGroups; ++g) {
      const float s = nearest_within(inverse * scales[g], IQ4_XS::kScaleLow, IQ4_XS::kScaleHigh);
      codes.s[g] = to_i8(static_cast<int>(s));
      encode_group(values + g * 32, d * s, codes.q.data() + g * 32);
    }
  });
}

}  // namespace moxie::backend::quant
