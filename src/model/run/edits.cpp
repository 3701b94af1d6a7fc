// SPDX-License-Identifier: Apache-2.0
#include "model/run/edits.hpp"

#include <moxie/moe/moe_layer.hpp>

namespace moxie::inline abi1::model {

void EditNeeds::add(const Edits& edits, std::size_t rows) noexcept {
  for (const BlockEdits& block : edits.blocks) {
    if (block.router != nullptr) {
      slots = std::max(slots, block.router->slots);
      router = std::max(router, route_scratch_bytes(block.router->by, rows));
      gathers = gathers || !block.router->row_local;
    }
    host_experts = host_experts || !block.experts.empty();
    for (const HostExpert& host : block.experts) {
      expert = std::max(expert, host.by.scratch_bytes(std::min(rows, Assignment::kBlockRows)));
    }
  }
}

}  // namespace moxie
