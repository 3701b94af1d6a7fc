// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <span>
#include <string_view>

namespace moxie::inline abi1::text {

/// What a name in `tokenizer.ggml.pre` means.
struct PreNamed {
  std::string_view name;
  std::span<const std::string_view> patterns;  ///< each cuts the pieces of the one before
  bool nfc = false;                            ///< text is normalized first
  bool ignore_merges = false;                  ///< a piece that is a token is that token
  bool add_bos = false;                        ///< where add_bos_token does not say otherwise
  /// These cut what the others left once more, as written in the alphabet of bytes.
  std::span<const std::string_view> byte_patterns = {};
};

/// Null for a name that is not known.
const PreNamed* find_pre(std::string_view name) noexcept;

}  // namespace moxie::text
