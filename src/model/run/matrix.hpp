// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace moxie::inline abi1::model {

/// The matrices of a layer that all rows pass, by what they do.
enum class Matrix : std::uint8_t {
  kQuery,
  kKey,
  kValue,
  kOutput,
  kGate,  ///< of a dense block
  kUp,
  kDown,
  kSharedGate,  ///< of the expert that every row passes
  kSharedUp,
  kSharedDown,
};

}  // namespace moxie::model
