// SPDX-License-Identifier: Apache-2.0
#include "kernel/plan.hpp"

#include <algorithm>

namespace moxie::inline abi1::kernel {

void plan(std::span<const Demand> demands, std::size_t room, std::span<std::size_t> rows) noexcept {
  std::ranges::fill(rows, std::size_t{0});
  for (const bool single : {true, false}) {
    for (std::size_t i = 0; i < demands.size(); ++i) {
      if ((demands[i].left == 1) != single) continue;
      rows[i] = std::min({demands[i].left, demands[i].max_rows, room});
      room -= rows[i];
    }
  }
}

}  // namespace moxie
