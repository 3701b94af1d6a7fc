// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <moxie/core/math.hpp>
#include <moxie/core/scratch.hpp>
#include <moxie/expert/linear_op.hpp>

namespace moxie::inline abi1 {

/// A change of a matrix by two narrow ones: y += sum over r of factor[r] * (a[r] . x) * b[r].
///
/// Sums run over x and then over r, ascending, by fused multiply-adds, for each row by itself: the row law holds.
///
/// Shapes   a: [R, in], b: [out, R], as adapters are stored; R at least 1.
/// Errors   create: kShape; kInvalidArgument: a number that is not finite; it lets std::bad_alloc through.
/// Threads  immutable; add() from any, each with its own y and memory.
/// Source   Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", 2021.
class LowRank {
 public:
  static Result<LowRank> create(ConstRows a, ConstRows b, float factor) {
    const std::size_t R = a.rows;
    if (R == 0 || b.width != R || a.width == 0 || b.rows == 0) {
      return Status(Code::kShape, "LowRank::create", "a of [R, in] and b of [out, R]",
                    Text("[", a.rows, ", ", a.width, "] and [", b.rows, ", ", b.width, "]"));
    }
    LowRank made(a.width, b.rows);
    made.a_.resize(R * a.width);
    made.b_.resize(R * b.rows);
    made.factors_.assign(R, factor);
    bool finite = std::isfinite(factor);
    for (std::size_t r = 0; r < R; ++r) {
      for (std::size_t i = 0; i < a.width; ++i) finite = finite && std::isfinite(made.a_[i * R + r] = a[r][i]);
      for (std::size_t o = 0; o < b.rows; ++o) finite = finite && std::isfinite(made.b_[r * b.rows + o] = b[o][r]);
    }
    if (!finite) return Status(Code::kInvalidArgument, "LowRank::create", "finite numbers", "others");
    return made;
  }

  /// A change that changes nothing, of rank 0.
  static LowRank none(std::size_t in, std::size_t out) noexcept { return {in, out}; }

  /// Both changes, this one first.
  ///
  /// Errors   kShape: of another matrix.
  [[nodiscard]] Result<LowRank> and_then(const LowRank& more, float weight) const {
    if (more.in_ != in_ || more.out_ != out_) {
      return Status(Code::kShape, "LowRank::and_then", Text("a change of [", out_, ", ", in_, "]"),
                    Text("[", more.out_, ", ", more.in_, "]"));
    }
    LowRank both(in_, out_);
    const std::size_t R = rank() + more.rank();
    both.a_.resize(R * in_);
    for (std::size_t i = 0; i < in_; ++i) {
      std::copy_n(a_.begin() + offset(i * rank()), rank(), both.a_.begin() + offset(i * R));
      std::copy_n(more.a_.begin() + offset(i * more.rank()), more.rank(), both.a_.begin() + offset(i * R + rank()));
    }
    both.b_ = b_;
    both.b_.insert(both.b_.end(), more.b_.begin(), more.b_.end());
    both.factors_ = factors_;
    for (const float factor : more.factors_) both.factors_.push_back(factor * weight);
    return both;
  }

  [[nodiscard]] std::size_t rank() const noexcept { return factors_.size(); }
  [[nodiscard]] std::size_t in_width() const noexcept { return in_; }
  [[nodiscard]] std::size_t out_width() const noexcept { return out_; }
  [[nodiscard]] static std::size_t scratch_bytes(std::size_t rank) noexcept {
    return ScratchSize().take<float>(rank).total();
  }

  /// One row. `narrow`: [rank()], memory of the caller.
  void add(const float* x, float* y, std::span<float> narrow) const noexcept {
    const std::size_t R = rank();
    std::fill_n(narrow.begin(), R, 0.0f);
    for (std::size_t i = 0; i < in_; ++i) fma_into(x[i], a_.data() + i * R, narrow.data(), R);
    for (std::size_t r = 0; r < R; ++r) fma_into(factors_[r] * narrow[r], b_.data() + r * out_, y, out_);
  }

 private:
  LowRank(std::size_t in, std::size_t out) noexcept : in_(in), out_(out) {}
  static std::ptrdiff_t offset(std::size_t at) noexcept { return static_cast<std::ptrdiff_t>(at); }

  std::size_t in_;
  std::size_t out_;
  std::vector<float> a_;  // [in, R]
  std::vector<float> b_;  // [R, out]
  std::vector<float> factors_;
};

/// A matrix and what an adapter adds to it.
///
/// Errors   as the matrix.
template <LinearOp L>
class Adapted {
 public:
  /// `change` may be null: none. Its widths are the matrix's.
  Adapted(L base, std::shared_ptr<const LowRank> change) noexcept(std::is_nothrow_move_constructible_v<L>)
      : base_(std::move(base)), change_(std::move(change)) {}

  [[nodiscard]] std::size_t in_width() const noexcept { return base_.in_width(); }
  [[nodiscard]] std::size_t out_width() const noexcept { return base_.out_width(); }
  [[nodiscard]] std::size_t scratch_bytes(std::size_t T) const noexcept {
    const std::size_t own = change_ == nullptr ? 0 : LowRank::scratch_bytes(change_->rank());
    return std::max(base_.scratch_bytes(T), own);
  }
  Status apply(ConstRows x, Rows y, Workspace& ws) const {
    MOXIE_TRY(base_.apply(x, y, ws));
    if (change_ == nullptr || x.rows == 0) return {};
    const Workspace::Frame frame(ws);
    MOXIE_TRY_LET(const std::span<float> narrow, ws.take<float>(change_->rank()));
    for (std::size_t t = 0; t < x.rows; ++t) change_->add(x.row(t), y.row(t), narrow);
    return {};
  }

 private:
  L base_;
  std::shared_ptr<const LowRank> change_;
};

}  // namespace moxie
