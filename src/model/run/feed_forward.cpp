// SPDX-License-Identifier: Apache-2.0
#include "model/run/feed_forward.hpp"

#include <algorithm>

#include "backend/access.hpp"
#include "backend/linear_parallel.hpp"
#include "model/run/edits.hpp"
#include "model/run/parts.hpp"

namespace moxie::inline abi1::model {

namespace {

class Dense final : public FeedForward {
 public:
  explicit Dense(GatedMlp<Linear> mlp) noexcept : mlp_(std::move(mlp)) {}

  Status run(const FeedForwardIn& in, Rows y, Workers& workers) const noexcept override {
    const ConstRows x = in.x;
    const Workspace::Frame frame(workers.own());
    MOXIE_TRY_LET(const Rows gated, workers.own().rows(x.rows, mlp_.inner_width()));
    MOXIE_TRY_LET(const Rows up, workers.own().rows(x.rows, mlp_.inner_width()));
    const backend::Product products[] = {{&BackendAccess::body(mlp_.gate()), gated},
                                         {&BackendAccess::body(mlp_.up()), up}};
    MOXIE_TRY(backend::run_products(x, products, workers));
    MOXIE_TRY(each_row(workers, x.rows, [&](std::size_t row) {
      gate_times(mlp_.activation(), gated.row(row), up.row(row), gated.row(row), gated.width);
    }));
    return mlp_.down().apply(gated, y, workers);
  }

  [[nodiscard]] DecoderScratch scratch_bytes(std::size_t rows, const Edits*) const noexcept override {
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

  void each_linear(const std::function<void(const Linear&)>& visit) const override {
    for (const Linear* linear : {&mlp_.gate(), &mlp_.up(), &mlp_.down()}) visit(*linear);
  }

 private:
  GatedMlp<Linear> mlp_;
};

class Experts final : public FeedForward {
 public:
  Experts(std::size_t layer, std::size_t block, Linear gate, ExpertLayer experts) noexcept
      : layer_(layer), block_(block), gate_(std::move(gate)), experts_(std::move(experts)) {}

  Status run(const FeedForwardIn& in, Rows y, Workers& workers) const noexcept override {
    const Workspace::Frame frame(workers.own());
    MOXIE_TRY_LET(const Rows logits, workers.own().rows(in.x.rows, gate_.out_width()));
    MOXIE_TRY(gate_.apply(in.x, logits, workers));
    const RouteIn route{.logits = logits, .hidden = in.x, .layer = layer_, .positions = in.positions, .resident = {}};
    const bool edited = std::ranges::any_of(in.batch.segments, [&](const Segment& s) { return edits_of(s.edits); });
    if (!edited) return experts_.run(route, y, workers);
    return experts_.run(route, y, workers, nullptr, [&](ConstRows, Assignment& assignment, Workers& all) {
      return run_host_experts(in, assignment, all);
    });
  }

  [[nodiscard]] DecoderScratch scratch_bytes(std::size_t rows, const Edits* edits) const noexcept override {
    const MoeScratch experts = experts_.scratch_bytes(rows);
    const DecoderScratch host = host_scratch_bytes(rows, edits);
    const std::size_t gate = backend::operand_bytes(BackendAccess::body(gate_), rows);
    return {.own = ScratchSize()
                       .rows(rows, gate_.out_width())
                       .bytes(std::max(ScratchSize().bytes(experts.own).bytes(host.own).total(), gate))
                       .total(),
            .worker = std::max({experts.worker, host.worker, BackendAccess::body(gate_).scratch_bytes(rows)})};
  }

  [[nodiscard]] const moe::FusedBank* bank() const noexcept override { return &experts_.bank(); }

  void each_linear(const std::function<void(const Linear&)>& visit) const override {
    visit(gate_);
    for (std::size_t e = 0; e < experts_.bank().size(); ++e) {
      const GatedMlp<Linear>& expert = experts_.bank()[e];
      for (const Linear* linear : {&expert.gate(), &expert.up(), &expert.down()}) visit(*linear);
    }
  }

 private:
  /// A row that a host's expert computes.
  struct HostPair {
    const AnyExpert* by;
    std::size_t pair;
    std::size_t row;
  };
  static constexpr std::size_t kHostRows = 64;  // as MoeLayer gives an expert at most

  [[nodiscard]] const BlockEdits* edits_of(const Edits* edits) const noexcept {
    if (edits == nullptr || edits->blocks[block_].experts.empty()) return nullptr;
    return &edits->blocks[block_];
  }

  /// What run_host_experts() takes.
  [[nodiscard]] DecoderScratch host_scratch_bytes(std::size_t rows, const Edits* edits) const noexcept {
    const BlockEdits* block = edits_of(edits);
    if (block == nullptr) return {};
    const std::size_t pairs = ScratchSize::product(rows, experts_.experts_per_token());
    std::size_t most = 0;
    for (const HostExpert& host : block->experts) {
      most = std::max(most, host.by.scratch_bytes(std::min(rows, kHostRows)));
    }
    return {.own = ScratchSize()
                       .take<const float*>(pairs)
                       .take<HostPair>(pairs)
                       .take<Range>(pairs)
                       .rows(pairs, experts_.width())
                       .total(),
            .worker = ScratchSize().rows(std::min(rows, kHostRows), experts_.width()).bytes(most).total()};
  }

  /// Computes the rows whose pathways replaced the expert that was chosen for them. The bank's other work stays as it
  /// is, and each output is added where the checkpoint's would be, so the order of a row's sum does not change.
  Status run_host_experts(const FeedForwardIn& in, Assignment& assignment, Workers& workers) const noexcept {
    Workspace& own = workers.own();
    const std::size_t pairs = assignment.num_pairs();
    MOXIE_TRY_LET(const std::span<const float*> outputs, own.take<const float*>(pairs));
    MOXIE_TRY_LET(const std::span<HostPair> found, own.take<HostPair>(pairs));
    MOXIE_TRY_LET(const std::span<Range> tasks, own.take<Range>(pairs));
    std::ranges::fill(outputs, nullptr);
    std::size_t n = 0;
    for (std::size_t b = 0; b < assignment.num_tasks(); ++b) {
      const Assignment::Block block = assignment.block(b);
      for (std::size_t i = 0; i < block.count; ++i) {
        const std::size_t row = assignment.rows_of(block)[i];
        const BlockEdits* edits = edits_of(in.batch.segment_of(in.rows[row]).edits);
        const AnyExpert* by = edits == nullptr ? nullptr : edits->replacement_of(block.expert);
        if (by != nullptr) found[n++] = {by, block.begin + i, row};
      }
    }
    if (n == 0) return {};
    const std::span<HostPair> host = found.first(n);
    // Rows of one expert side by side. Their order shows in no result, so it may depend on addresses.
    std::ranges::sort(host, {}, [](const HostPair& p) { return std::pair(p.by, p.pair); });
    std::size_t n_tasks = 0;
    for (std::size_t begin = 0; begin < n; begin = tasks[n_tasks++].end) {
      std::size_t end = begin + 1;
      while (end < n && end - begin < kHostRows && host[end].by == host[begin].by) ++end;
      tasks[n_tasks] = {begin, end};
    }
    MOXIE_TRY_LET(const Rows made, own.rows(n, experts_.width()));
    MOXIE_TRY(workers.each(n_tasks, [&](std::size_t task, Workspace& ws) -> Status {
      const Range range = tasks[task];
      MOXIE_TRY_LET(const Rows input, ws.rows(range.size(), experts_.width()));
      for (std::size_t i = 0; i < range.size(); ++i) {
        std::copy_n(in.x.row(host[range.begin + i].row), input.width, input.row(i));
      }
      return host[range.begin].by->run(input, made.slice(range.begin, range.size()), ws);
    }));
    for (std::size_t i = 0; i < n; ++i) outputs[host[i].pair] = made.row(i);
    assignment.set_outputs(outputs);
    return {};
  }

  std::size_t layer_;
  std::size_t block_;
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

  Status run(const FeedForwardIn& in, Rows y, Workers& workers) const noexcept override {
    const ConstRows x = in.x;
    const Workspace::Frame frame(workers.own());
    MOXIE_TRY_LET(const Rows shared, workers.own().rows(x.rows, y.width));
    MOXIE_TRY_LET(const Rows scale, workers.own().rows(x.rows, 1));
    MOXIE_TRY(experts_->run(in, y, workers));
    MOXIE_TRY(shared_->run(in, shared, workers));
    if (!scale_) return each_row(workers, x.rows, [&](std::size_t row) { add(shared.row(row), y.row(row), y.width); });
    MOXIE_TRY(scale_->apply(x, scale, workers));
    return each_row(workers, x.rows, [&](std::size_t row) {
      const float factor = sigmoid(scale.row(row)[0]);
      float* const sum = y.row(row);
      const float* const own = shared.row(row);
      for (std::size_t i = 0; i < y.width; ++i) sum[i] += factor * own[i];
    });
  }

  [[nodiscard]] DecoderScratch scratch_bytes(std::size_t rows, const Edits* edits) const noexcept override {
    const DecoderScratch experts = experts_->scratch_bytes(rows, edits);
    const DecoderScratch shared = shared_->scratch_bytes(rows, edits);
    const std::size_t operand = scale_ ? backend::operand_bytes(BackendAccess::body(*scale_), rows) : 0;
    const std::size_t scale = scale_ ? BackendAccess::body(*scale_).scratch_bytes(rows) : 0;
    return {
        .own =
            ScratchSize().rows(rows, width_).rows(rows, 1).bytes(std::max({experts.own, shared.own, operand})).total(),
        .worker = std::max({experts.worker, shared.worker, scale})};
  }

  [[nodiscard]] const moe::FusedBank* bank() const noexcept override { return experts_->bank(); }

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

std::unique_ptr<const FeedForward> make_experts(std::size_t layer, std::size_t block, Linear gate,
                                                ExpertLayer experts) {
  return std::make_unique<Experts>(layer, block, std::move(gate), std::move(experts));
}

std::unique_ptr<const FeedForward> make_shared_beside(std::unique_ptr<const FeedForward> experts,
                                                      GatedMlp<Linear> shared, std::optional<Linear> scale) {
  return std::make_unique<SharedBeside>(std::move(experts), std::move(shared), std::move(scale));
}

}  // namespace moxie::model
