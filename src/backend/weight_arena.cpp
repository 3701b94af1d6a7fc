// SPDX-License-Identifier: Apache-2.0
#include "backend/weight_arena.hpp"

#include <algorithm>

#include <moxie/core/checked.hpp>
#include <moxie/core/text.hpp>

namespace moxie::inline abi1::backend {

namespace {

// Blocks grow with what was taken, so that a small model has small ones.
constexpr std::size_t kMaxBlock = std::size_t{64} << 20;

}  // namespace

Result<WeightMemory> WeightArena::take(std::size_t bytes, Budget* budget) {
  WeightMemory piece;
  if (budget != nullptr) {
    MOXIE_TRY_LET(piece.charge_, budget->charge(bytes));
  }
  const auto size = checked::align_up(bytes, LargeMemory::kAlignment);
  if (!size) return Status(Code::kNoMemory, "weights", Text(bytes, " bytes of memory"), "none");
  if (block_ == nullptr || *size > block_->bytes().size() - used_) {
    const bool alone = *size >= kMaxBlock / 2;  // what is left of the block serves those that follow
    const std::size_t block = alone ? *size : std::max(*size, std::min(taken_, kMaxBlock));
    MOXIE_TRY_LET(LargeMemory memory, LargeMemory::create(block, "weights"));
    auto shared = std::make_shared<const LargeMemory>(std::move(memory));
    if (alone) {
      piece.bytes_ = shared->bytes().first(bytes);
      piece.block_ = std::move(shared);
      return piece;
    }
    block_ = std::move(shared);
    used_ = 0;
  }
  piece.bytes_ = block_->bytes().subspan(used_, bytes);
  piece.block_ = block_;
  used_ += *size;
  taken_ += *size;
  return piece;
}

}  // namespace moxie::backend
