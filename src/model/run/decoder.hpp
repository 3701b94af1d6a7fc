// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>

#include <moxie/backend/linear.hpp>
#include <moxie/core/workers.hpp>

#include "model/run/batch.hpp"

namespace moxie::inline abi1::model {

/// Workspace that a batch needs: on the calling thread, and on each worker besides.
struct DecoderScratch {
  std::size_t own = 0;
  std::size_t worker = 0;
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
  [[nodiscard]] virtual DecoderScratch scratch_bytes(std::size_t rows) const noexcept = 0;
  virtual Status forward(const Batch& batch, Workers& workers) const noexcept = 0;
  /// Every matrix, for reports.
  virtual void each_linear(const std::function<void(const Linear&)>& visit) const = 0;
};

}  // namespace moxie::model
