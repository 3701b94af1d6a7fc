// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

#include <moxie/backend/linear.hpp>
#include <moxie/expert/gated_mlp.hpp>
#include <moxie/moe/batch_bank.hpp>

namespace moxie::inline abi1::moe {

/// The experts of a checkpoint: gated MLPs of one shape, whose tiles are shared out over the workers together. Rows are
/// quantized once for gate and up; a range of an expert's inner columns goes through gate, up and activation, and is
/// quantized for down, in one task; then a task takes a range of y's columns through all experts, by ascending id, and
/// adds what they give. Outputs of experts are never gathered, and threads meet twice in a layer, for one row as for
/// many.
///
/// Experts are kept one by one: run() computes a single one with the same bits, so that others may stand in for it.
///
/// Errors   create: kInvalidArgument for no expert, kShape for experts of different widths.
class FusedBank {
 public:
  using Mlp = GatedMlp<Linear>;

  static Result<FusedBank> create(std::vector<Mlp> experts);

  [[nodiscard]] std::size_t size() const noexcept { return experts_.size(); }
  [[nodiscard]] std::size_t width() const noexcept { return experts_[0].width(); }
  [[nodiscard]] std::size_t scratch_bytes(std::size_t T) const noexcept;
  Status run(std::size_t expert, ConstRows x, Rows y, Workspace& ws) const { return experts_[expert].run(x, y, ws); }
  [[nodiscard]] const Mlp& operator[](std::size_t expert) const noexcept { return experts_[expert]; }

  /// False where experts were packed in different ways; they then run one by one.
  [[nodiscard]] bool takes_batches() const noexcept { return uniform_; }
  [[nodiscard]] MoeScratch batch_scratch_bytes(std::size_t T, std::size_t pairs) const noexcept;
  Status run_batch(ConstRows x, const Assignment& assignment, Rows y, Workers& workers) const noexcept;

 private:
  struct Batch;

  FusedBank(std::vector<Mlp> experts, bool uniform) noexcept : experts_(std::move(experts)), uniform_(uniform) {}

  Status run_inner(const Batch& batch, Workers& workers) const noexcept;
  Status run_inner_range(const Batch& batch, const Assignment::Block& block, std::size_t column,
                         Workspace& ws) const noexcept;
  Status run_down(const Batch& batch, Rows y, Workers& workers) const noexcept;

  std::vector<Mlp> experts_;
  bool uniform_;
};

static_assert(BatchBank<FusedBank>);

}  // namespace moxie::moe
