// SPDX-License-Identifier: Apache-2.0
#include "model/run/feed_forward.hpp"

#include <algorithm>

#include "backend/access.hpp"
#include "backend/linear_parallel.hpp"
#include "model/run/matrix_changes.hpp"
#include "model/run/parts.hpp"

namespace moxie::inline abi1::model {

namespace {

class Dense final : public FeedForward {
 public:
  Dense(GatedMlp<Linear> mlp, bool shared) noexcept
      : mlp_(std::move(mlp)),
        gate_(shared ? Matrix::kSharedGate : Matrix::kGate),
        up_(shared ? Matrix::kSharedUp : Matrix::kUp),
        down_(shared ? Matrix::kSharedDown : Matrix::kDown) {}

  Status run(const FeedForwardIn& in, Rows y, Workers& workers) const noexcept override {
    const ConstRows x = in.x;
    const Workspace::Frame frame(workers.own());
    MOXIE_TRY_LET(const Rows gated, workers.own().rows(x.rows, mlp_.inner_width()));
    MOXIE_TRY_LET(const Rows up, workers.own().rows(x.rows, mlp_.inner_width()));
    const backend::Product products[] = {{&BackendAccess::body(mlp_.gate()), gated},
                                         {&BackendAccess::body(mlp_.up()), up}};
    in.batch.enter(Phase::kMlp, x.rows, [&] {
      PhaseWork work = backend::work_of(products, x.rows);
      return work += BackendAccess::body(mlp_.down()).work(x.rows);
    });
    MOXIE_TRY(backend::run_products(x, products, workers));
    MOXIE_TRY(add_changes(in.batch, in.rows, in.layer, gate_, x, gated, workers));
    MOXIE_TRY(add_changes(in.batch, in.rows, in.layer, up_, x, up, workers));
    MOXIE_TRY(each_row(workers, x.rows, [&](std::size_t row) {
      gate_times(mlp_.activation(), gated.row(row), up.row(row), gated.row(row), gated.width);
    }));
    MOXIE_TRY(mlp_.down().apply(gated, y, workers));
    return add_changes(in.batch, in.rows, in.layer, down_, gated, y, workers);
  }

  [[nodiscard]] DecoderScratch scratch_bytes(std::size_t rows, const EditNeeds&) const noexcept override {
    const std::size_t inner = mlp_.inner_width();
    ScratchSize own;
    own.rows(rows, inner).rows(rows, inner);
    std::size_t worker = 0;
    each_linear([&](const Linear& linear) {
      own.bytes(backend::operand_bytes(BackendAccess::body(linear), rows));
      worker = std::max(worker, BackendAccess::body(linear).scratch_bytes(rows));
    });
    return {.own = own.total(), .worker = worker};
  }

  [[nodiscard]] const Linear* matrix(Matrix matrix) const noexcept override {
    return matrix == gate_ ? &mlp_.gate() : matrix == up_ ? &mlp_.up() : matrix == down_ ? &mlp_.down() : nullptr;
  }
  void each_linear(const std::function<void(const Linear&)>& visit) const override {
    for (const Linear* linear : {&mlp_.gate(), &mlp_.up(), &mlp_.down()}) visit(*linear);
  }

 private:
  GatedMlp<Linear> mlp_;
  Matrix gate_, up_, down_;
};

class SharedBeside final : public FeedForward {
 public:
  SharedBeside(std::unique_ptr<const FeedForward> experts, GatedMlp<Linear> shared, std::optional<Linear> scale,
               std::optional<BranchNorms> norms, float sum_scale)
      : experts_(std::move(experts)),
        width_(shared.width()),
        shared_(make_dense(std::move(shared), true)),
        scale_(std::move(scale)),
        norms_(std::move(norms)),
        sum_scale_(sum_scale) {}

  Status run(const FeedForwardIn& in, Rows y, Workers& workers) const noexcept override {
    const ConstRows x = in.x;
    const Workspace::Frame frame(workers.own());
    MOXIE_TRY_LET(const Rows shared, workers.own().rows(x.rows, y.width));
    MOXIE_TRY_LET(const Rows scale, workers.own().rows(x.rows, 1));
    MOXIE_TRY(run_experts(in, y, workers));
    MOXIE_TRY(shared_->run(in, shared, workers));
    if (norms_) {
      MOXIE_TRY(each_row(workers, x.rows, [&](std::size_t row) {
        norms_->behind_experts.apply(y.row(row), y.row(row));
        norms_->behind_shared.apply(shared.row(row), shared.row(row));
      }));
    }
    if (scale_) MOXIE_TRY(scale_->apply(x, scale, workers));
    return each_row(workers, x.rows, [&](std::size_t row) {
      float* const sum = y.row(row);
      const float* const own = shared.row(row);
      if (scale_) {
        const float factor = sigmoid(scale.row(row)[0]);
        for (std::size_t i = 0; i < y.width; ++i) sum[i] += factor * own[i];
      } else {
        add(own, sum, y.width);
      }
      for (std::size_t i = 0; i < y.width && sum_scale_ != 1; ++i) sum[i] *= sum_scale_;
    });
  }

  [[nodiscard]] DecoderScratch scratch_bytes(std::size_t rows, const EditNeeds& needs) const noexcept override {
    const DecoderScratch experts = experts_->scratch_bytes(rows, needs);
    const DecoderScratch shared = shared_->scratch_bytes(rows, needs);
    const std::size_t operand = scale_ ? backend::operand_bytes(BackendAccess::body(*scale_), rows) : 0;
    const std::size_t scale = scale_ ? BackendAccess::body(*scale_).scratch_bytes(rows) : 0;
    const std::size_t normed = norms_ ? ScratchSize().rows(rows, width_).bytes(experts.own).total() : experts.own;
    return {
        .own = ScratchSize().rows(rows, width_).rows(rows, 1).bytes(std::max({normed, shared.own, operand})).total(),
        .worker = std::max({experts.worker, shared.worker, scale})};
  }

  [[nodiscard]] std::optional<MixtureBlock> mixture_block() const noexcept override {
    return experts_->mixture_block();
  }

  [[nodiscard]] const Linear* matrix(Matrix matrix) const noexcept override { return shared_->matrix(matrix); }
  void each_linear(const std::function<void(const Linear&)>& visit) const override {
    experts_->each_linear(visit);
    shared_->each_linear(visit);
    if (scale_) visit(*scale_);
  }

 private:
  Status run_experts(const FeedForwardIn& in, Rows y, Workers& workers) const noexcept {
    if (!norms_) return experts_->run(in, y, workers);
    const Workspace::Frame frame(workers.own());
    MOXIE_TRY_LET(const Rows normed, workers.own().rows(in.x.rows, y.width));
    MOXIE_TRY(each_row(workers, in.x.rows,
                       [&](std::size_t row) { norms_->before_experts.apply(in.stream.row(row), normed.row(row)); }));
    FeedForwardIn within = in;
    within.x = normed;
    return experts_->run(within, y, workers);
  }

  std::unique_ptr<const FeedForward> experts_;
  std::size_t width_;  // D
  std::unique_ptr<const FeedForward> shared_;
  std::optional<Linear> scale_;
  std::optional<BranchNorms> norms_;
  float sum_scale_;
};

class LayerInput final : public FeedForward {
 public:
  LayerInput(Linear gate, Linear up, GatedActivation activation, std::size_t first) noexcept
      : gate_(std::move(gate)), up_(std::move(up)), activation_(activation), first_(first) {}

  Status run(const FeedForwardIn& in, Rows y, Workers& workers) const noexcept override {
    const Workspace::Frame frame(workers.own());
    MOXIE_TRY_LET(const Rows gated, workers.own().rows(in.x.rows, gate_.out_width()));
    in.batch.enter(Phase::kMlp, in.x.rows, [&] {
      PhaseWork work = BackendAccess::body(gate_).work(in.x.rows);
      return work += BackendAccess::body(up_).work(in.x.rows);
    });
    MOXIE_TRY(gate_.apply(in.x, gated, workers));
    MOXIE_TRY(each_row(workers, in.x.rows, [&](std::size_t row) {
      const float* const input = in.layer_inputs.row(in.rows[row]) + first_;
      gate_times(activation_, gated.row(row), input, gated.row(row), gated.width);
    }));
    return up_.apply(gated, y, workers);
  }

  [[nodiscard]] DecoderScratch scratch_bytes(std::size_t rows, const EditNeeds&) const noexcept override {
    const backend::LinearBody& gate = BackendAccess::body(gate_);
    const backend::LinearBody& up = BackendAccess::body(up_);
    const std::size_t operand = std::max(backend::operand_bytes(gate, rows), backend::operand_bytes(up, rows));
    return {.own = ScratchSize().rows(rows, gate_.out_width()).bytes(operand).total(),
            .worker = std::max(gate.scratch_bytes(rows), up.scratch_bytes(rows))};
  }

  void each_linear(const std::function<void(const Linear&)>& visit) const override {
    visit(gate_);
    visit(up_);
  }

 private:
  Linear gate_, up_;
  GatedActivation activation_;
  std::size_t first_;
};

}  // namespace

std::unique_ptr<const FeedForward> make_dense(GatedMlp<Linear> mlp, bool shared) {
  return std::make_unique<Dense>(std::move(mlp), shared);
}

std::unique_ptr<const FeedForward> make_shared_beside(std::unique_ptr<const FeedForward> experts,
                                                      GatedMlp<Linear> shared, std::optional<Linear> scale,
                                                      std::optional<BranchNorms> norms, float sum_scale) {
  return std::make_unique<SharedBeside>(std::move(experts), std::move(shared), std::move(scale), std::move(norms),
                                        sum_scale);
}

std::unique_ptr<const FeedForward> make_layer_input(Linear gate, Linear up, GatedActivation activation,
                                                    std::size_t first) {
  return std::make_unique<LayerInput>(std::move(gate), std::move(up), activation, first);
}

}  // namespace moxie::model
