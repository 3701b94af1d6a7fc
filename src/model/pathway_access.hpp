// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include <moxie/model/pathway.hpp>

#include "model/run/decoder.hpp"
#include "model/run/edits.hpp"

namespace moxie::inline abi1::model {

/// What the kernel needs of a Pathway and a host does not.
struct PathwayAccess {
  /// Null: none.
  static const std::shared_ptr<const Edits>& edits(const Pathway& pathway) noexcept { return pathway.edits_; }
};

/// The first mixture block of the layer. kNotFound: it has none.
Result<std::size_t> find_block(std::string_view where, const Decoder& decoder, std::size_t layer) noexcept;
/// The mixture block that has the expert.
///
/// Errors   kNotFound: the layer has no experts, or not so many.
Result<std::size_t> find_expert(std::string_view where, const Decoder& decoder, ExpertSlot slot) noexcept;

}  // namespace moxie
