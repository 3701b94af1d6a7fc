// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace moxie::model {

/// Sizes of a model stay below this; with it no product of three of them leaves 64 bits.
inline constexpr std::uint64_t kMostSize = 1u << 20;
/// Vocabularies are larger, layers fewer.
inline constexpr std::uint64_t kMostVocabulary = 1u << 24;
inline constexpr std::uint64_t kMostLayers = 4096;
inline constexpr std::uint64_t kMostPositions = (std::uint64_t{1} << 31) - 1;
/// Of all heads together.
inline constexpr std::uint64_t kMostAttentionWidth = kMostSize * 16;

/// rope_theta. Below 1, frequencies would rise without bound.
inline constexpr double kLeastTheta = 1;
inline constexpr double kMostTheta = 1e30;
/// By what a frequency is divided, and other numbers of a stretched rotary embedding.
inline constexpr double kLeastRopeFactor = 1e-6;
inline constexpr double kMostRopeFactor = 1e6;
/// routed_scaling_factor.
inline constexpr double kLeastRoutedScale = 1e-6;
inline constexpr double kMostRoutedScale = 1e6;
/// rms_norm_eps. It is added in f32, where less would be 0 and a row of zeros NaN.
inline constexpr double kLeastEpsilon = 1e-30;
inline constexpr double kMostEpsilon = 1;

}  // namespace moxie::model
