// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

// Plain structs alone: files with instruction-set flags include them.

namespace moxie::inline abi1 {

/// How the pages of a context store keys and values. Attention computes in f32 with what is stored.
enum class KvType : std::uint8_t {
  kF32,   ///< as they are computed
  kF16,   ///< rounded to nearest even
  kBF16,  ///< rounded to nearest even
  /// Whole numbers of -127 to 127 times an f16 scale, for each position and each 32 channels of a head, as GGUF's Q8_0.
  kQ8_0,
};

/// Where a page holds one layer and head: bytes from the page's begin. KvView draws it.
struct KvBlock {
  std::size_t keys = 0;
  std::size_t key_scales = 0;  ///< of q8_0, as value_scales
  std::size_t values = 0;
  std::size_t value_scales = 0;
};

}  // namespace moxie
