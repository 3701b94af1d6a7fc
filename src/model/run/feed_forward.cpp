// SPDX-License-Identifier: Apache-2.0
#include "model/run/feed_forward.hpp"

#include <algorithm>

#include "backend/linear_parallel.hpp"
#include "model/run/parts.hpp"

namespace moxie::inline abi1::model {

namespace {

class Dense final : public FeedForward {
 public:
  explicit Dense(GatedMlp<Linear> mlp) noexcept : mlp_(std::move(mlp)) {}

  Status run(ConstRows x, std::span<const Position>, Rows y, Workers& workers) const noexcept override {
    const Workspace::Frame frame(workers.own());
    MOXIE_TRY_LET(const Rows gated, workers.own().rows(x.rows, mlp_.inner_width()));
    MOXIE_TRY_LET(const Rows up, workers.own().rows(x.rows, mlp_.inner_width()));
    const backend::Product products[] = {{&mlp_.gate().body(), gated}, {&mlp_.up().body(), up}};
    MOXIE_TRY(backend::run_products(x, products, workers));
    MOXIE_TRY(each_row(workers, x.rows, [&](std::size_t row) {
      gate_times(mlp_.activation(), gated.row(row), up.row(row), gated.row(row), gated.width);
    }));
    return mlp_.down().apply(gated, y, workers);
  }

  [[nodiscard]] DecoderScratch scratch_bytes(std::size_t rows) const noexcept override {
    const std::size_t inner = mlp_.inner_width();
    ScratchSize own;
    own.rows(rows, inner).rows(rows, inner);
    std::size_t worker = 0;
    each_linear([&](const Linear& linear) {
      own.bytes(backend::operand_bytes(linear.body(), rows));
      worker = std::max(worker, linear.body().scratch_bytes(rows));
    });
    return {.own = own.total(), .worker = worker};
  }

  void each_linear(const std::function<void(const Linear&)>& visit) const override {
    for (const Linear* linear : {&mlp_.gate(), &mlp_.up(), &mlp_.down()}) visit(*linear);
  }

 private:
  GatedMlp<Linear> mlp_;
};

class Experts final : public FeedForward {
 public:
  Experts(std::size_t layer, Linear gate, ExpertLayer experts) noexcept
      : layer_(layer), gate_(std::move(gate)), experts_(std::move(experts)) {}

  Status run(ConstRows x, std::span<const Position> positions, Rows y, Workers& workers) const noexcept override {
    const Workspace::Frame frame(workers.own());
    MOXIE_TRY_LET(const Rows logits, workers.own().rows(x.rows, gate_.out_width()));
    MOXIE_TRY(gate_.apply(x, logits, workers));
    return experts_.run({.logits = logits, .hidden = x, .layer = layer_, .positions = positions, .resident = {}}, y,
                        workers);
  }

  [[nodiscard]] DecoderScratch scratch_bytes(std::size_t rows) const noexcept override {
    const MoeScratch experts = experts_.scratch_bytes(rows);
    const std::size_t gate = backend::operand_bytes(gate_.body(), rows);
    return {.own = ScratchSize().rows(rows, gate_.out_width()).bytes(std::max(experts.own, gate)).total(),
            .worker = std::max(experts.worker, gate_.body().scratch_bytes(rows))};
  }

  void each_linear(const std::function<void(const Linear&)>& visit) const override {
    visit(gate_);
    for (std::size_t e = 0; e < experts_.bank().size(); ++e) {
      const GatedMlp<Linear>& expert = experts_.bank()[e];
      for (const Linear* linear : {&expert.gate(), &expert.up(), &expert.down()}) visit(*linear);
    }
  }

 private:
  std::size_t layer_;
  Linear gate_;
  ExpertLayer experts_;
};

class SharedBeside final : public FeedForward {
 public:
  SharedBeside(std::unique_ptr<const FeedForward> experts, GatedMlp<Linear> shared, std::optional<Linear> scale)
      : experts_(std::move(experts)),
        width_(shared.width()),
        shared_(make_dense(std::move(shared))),
        scale_(std::move(scale)) {}

  Status run(ConstRows x, std::span<const Position> positions, Rows y, Workers& workers) const noexcept override {
    const Workspace::Frame frame(workers.own());
    MOXIE_TRY_LET(const Rows shared, workers.own().rows(x.rows, y.width));
    MOXIE_TRY_LET(const Rows scale, workers.own().rows(x.rows, 1));
    MOXIE_TRY(experts_->run(x, positions, y, workers));
    MOXIE_TRY(shared_->run(x, positions, shared, workers));
    if (!scale_) return each_row(workers, x.rows, [&](std::size_t row) { add(shared.row(row), y.row(row), y.width); });
    MOXIE_TRY(scale_->apply(x, scale, workers));
    return each_row(workers, x.rows, [&](std::size_t row) {
      const float factor = sigmoid(scale.row(row)[0]);
      float* const sum = y.row(row);
      const float* const own = shared.row(row);
      for (std::size_t i = 0; i < y.width; ++i) sum[i] += factor * own[i];
    });
  }

  [[nodiscard]] DecoderScratch scratch_bytes(std::size_t rows) const noexcept override {
    const DecoderScratch experts = experts_->scratch_bytes(rows);
    const DecoderScratch shared = shared_->scratch_bytes(rows);
    const std::size_t operand = scale_ ? backend::operand_bytes(scale_->body(), rows) : 0;
    const std::size_t scale = scale_ ? scale_->body().scratch_bytes(rows) : 0;
    return {
        .own =
            ScratchSize().rows(rows, width_).rows(rows, 1).bytes(std::max({experts.own, shared.own, operand})).total(),
        .worker = std::max({experts.worker, shared.worker, scale})};
  }

  void each_linear(const std::function<void(const Linear&)>& visit) const override {
    experts_->each_linear(visit);
    shared_->each_linear(visit);
    if (scale_) visit(*scale_);
  }

 private:
  std::unique_ptr<const FeedForward> experts_;
  std::size_t width_;  // D
  std::unique_ptr<const FeedForward> shared_;
  std::optional<Linear> scale_;
};

}  // namespace

std::unique_ptr<const FeedForward> make_dense(GatedMlp<Linear> mlp) { return std::make_unique<Dense>(std::move(mlp)); }

std::unique_ptr<const FeedForward> make_experts(std::size_t layer, Linear gate, ExpertLayer experts) {
  return std::make_unique<Experts>(layer, std::move(gate), std::move(experts));
}

std::unique_ptr<const FeedForward> make_shared_beside(std::unique_ptr<const FeedForward> experts,
                                                      GatedMlp<Linear> shared, std::optional<Linear> scale) {
  return std::make_unique<SharedBeside>(std::move(experts), std::move(shared), std::move(scale));
}

}  // namespace moxie::model
