// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <moxie/core/status.hpp>

#include "model/run/batch.hpp"

namespace moxie::inline abi1::model {

/// A decoder made ready on one executor, with all that a step needs besides pages: memory, threads' warm objects. What
/// these are is the device's business. The decoder, the executor and the budget that it charges outlive it.
///
/// Errors   forward: kNoSpace: more rows than it was made for, or edits that were not reserved for; kCancelled where
///          `stop` said so; those of routers and experts; kUnsupported: a key or value that the pages' type does not
///          have. The pages' new positions and the logits are unspecified then.
///          reserve: kBudget, kNoMemory; then it has the room that it had. It lets std::bad_alloc through.
/// Threads  one call at a time.
class Runner {
 public:
  virtual ~Runner() = default;
  /// So that batches may hold contexts with these edits.
  virtual Status reserve(const Edits& edits) = 0;
  virtual Status forward(const Batch& batch) noexcept = 0;
};

}  // namespace moxie
