// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <moxie/expert/any_expert.hpp>

namespace moxie::inline abi1::model {

/// A host's expert that stands in for one of a checkpoint's.
struct HostExpert {
  std::size_t expert = 0;
  AnyExpert by;
};

/// The edits of one mixture block: a router and its experts. A layer may have several blocks, and an expert's width is
/// the block's.
struct BlockEdits {
  std::vector<HostExpert> experts;  ///< by ascending expert, each once

  /// Null where the checkpoint's own expert stays.
  [[nodiscard]] const AnyExpert* replacement_of(std::size_t expert) const noexcept {
    const auto found = std::ranges::lower_bound(experts, expert, {}, &HostExpert::expert);
    return found != experts.end() && found->expert == expert ? &found->by : nullptr;
  }
};

/// What a pathway lays over a model. Immutable once it is shared: contexts and steps point to it.
struct Edits {
  std::vector<BlockEdits> blocks;  ///< of each mixture block of the model, in its order
  std::uint64_t hash = 0;          ///< of the model and every edit
};

}  // namespace moxie
