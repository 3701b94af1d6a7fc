// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstddef>

#include <moxie/core/workers.hpp>
#include <moxie/moe/assignment.hpp>
#include <moxie/moe/bank.hpp>

namespace moxie::inline abi1 {

/// What a call takes from the workers' workspaces: workspace 0 (Workers::own) needs `own + worker` bytes, each
/// other one `worker`.
struct MoeScratch {
  std::size_t own = 0;
  std::size_t worker = 0;
};

/// A Bank that can run all experts of a batch by itself: it shares work between experts, or spreads one
/// expert over several threads. MoeLayer takes that way where takes_batches() says so; run() stays for those who
/// want one expert, such as a bank that replaces some of another's.
///
///     y[t] = sum over the pairs p of row t, ascending: weight(p) * expert(p)(x[t]),    from 0,
///
/// each output made in f32 and added by one fused multiply-add: the bits that run() and fma_into() give. A pair that
/// has an output from elsewhere (Assignment::output_of) is added as it is there.
///
/// Shapes   x, y: [T, D], not overlapping; T at least 1; assignment: of T rows over size() experts.
/// Units    batch_scratch_bytes(T, P) for T rows and at most P pairs, in bytes; it falls with neither.
/// Errors   run_batch: kNoSpace; what an expert says. After an error y is unspecified.
/// Threads  run_batch() may be called at once from many threads, each with its own Workers and y.
template <class B>
concept BatchBank = Bank<B> &&
    requires(const B& bank, ConstRows x, const Assignment& assignment, Rows y, Workers& workers, std::size_t T) {
  { bank.takes_batches() }
  noexcept->std::same_as<bool>;
  { bank.batch_scratch_bytes(T, T) }
  noexcept->std::same_as<MoeScratch>;
  { bank.run_batch(x, assignment, y, workers) }
  noexcept->std::same_as<Status>;
};

}  // namespace moxie
