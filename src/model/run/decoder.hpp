// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <span>

#include <moxie/backend/linear.hpp>
#include <moxie/core/workers.hpp>

#include "model/run/batch.hpp"
#include "moe/fused_bank.hpp"

namespace moxie::inline abi1::model {

/// Workspace that a batch needs: on the calling thread, and on each worker besides.
struct DecoderScratch {
  std::size_t own = 0;
  std::size_t worker = 0;
};

/// A router and its experts in one layer.
struct MixtureBlock {
  std::size_t layer = 0;
  const moe::FusedBank* bank = nullptr;
};

/// A model as the kernel sees it: a batch goes in, keys and values go to the pages, logits come out.
///
/// Errors   forward: kNoSpace; kCancelled where `stop` said so; those of routers and experts; kUnsupported: a key
///          or value that the pages' type does not have.
///          The pages' new positions and the logits are unspecified then.
/// Threads  immutable; forward() may run on several workers at once, for different contexts.
class Decoder {
 public:
  virtual ~Decoder() = default;
  /// With the type left as it is: whoever makes the pool chooses.
  [[nodiscard]] virtual KvShape kv_shape() const noexcept = 0;
  /// `edits`: what contexts in the batch may carry; null: nothing.
  [[nodiscard]] virtual DecoderScratch scratch_bytes(std::size_t rows, const Edits* edits) const noexcept = 0;
  /// Where experts are chosen, in order: what edits are numbered by.
  [[nodiscard]] virtual std::span<const MixtureBlock> mixture_blocks() const noexcept = 0;
  virtual Status forward(const Batch& batch, Workers& workers) const noexcept = 0;
  /// Every matrix, for reports.
  virtual void each_linear(const std::function<void(const Linear&)>& visit) const = 0;
};

}  // namespace moxie::model
