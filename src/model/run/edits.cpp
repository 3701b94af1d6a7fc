// SPDX-License-Identifier: Apache-2.0
#include "model/run/edits.hpp"

#include <moxie/moe/moe_layer.hpp>

namespace moxie::inline abi1::model {

void EditNeeds::add(const Edits& edits, std::size_t rows) noexcept {
  for (const MatrixChange& change : edits.changes) change_rank = std::max(change_rank, change.by->rank());
  for (const BlockEdits& block : edits.blocks) {
    if (block.router != nullptr) {
      slots = std::max(slots, block.router->slots);
      router = std::max(router, route_scratch_bytes(block.router->by, rows));
      gathers = gathers || !block.router->row_local;
    }
    added = std::max(added, block.num_added());
    host_experts = host_experts || !block.experts.empty();
    for (const HostExpert& host : block.experts) {
      expert = std::max(expert, host.by.scratch_bytes(std::min(rows, Assignment::kBlockRows)));
    }
  }
}

}  // namespace moxie
