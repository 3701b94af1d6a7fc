// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

namespace moxie::inline abi1::kernel {

/// What a request asks of a step.
struct Demand {
  std::size_t left = 0;      ///< tokens that are not computed yet; 0: nothing is wanted
  std::size_t max_rows = 0;  ///< of them in one step
};

/// Which rows run in a step of at most `room` rows: rows[i] for demands[i], whatever models they are for. Requests with
/// one token left come first, since they are answers that are being generated; then pieces of prompts. Both in order.
void plan(std::span<const Demand> demands, std::size_t room, std::span<std::size_t> rows) noexcept;

}  // namespace moxie
