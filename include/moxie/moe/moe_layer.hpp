// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <utility>

#include <moxie/core/math.hpp>
#include <moxie/core/ranges.hpp>
#include <moxie/core/scratch.hpp>
#include <moxie/moe/assignment.hpp>
#include <moxie/moe/bank.hpp>
#include <moxie/moe/batch_bank.hpp>
#include <moxie/router/router.hpp>

namespace moxie::inline abi1 {

/// Lets a router choose for all rows: in blocks that are spread over the workers where it is row-local, else in one
/// call.
///
/// Shapes   as Router, unchecked.
/// Errors   what the router says; kHostException where it throws. Slots that it forgets are no decision, and Assignment
///          refuses them.
template <Router R>
MOXIE_OPTION_TAG Status route_rows(const R& router, const RouteIn& in, const RouteOut& out, Workers& workers) noexcept {
  const std::size_t per_call = is_row_local(router) ? Assignment::kBlockRows : in.rows();
  return each_range(workers, Cut::of_at_most(in.rows(), per_call), [&](Range rows, Workspace& ws) {
    const RouteOut part = out.slice(rows.begin, rows.size());
    for (std::size_t t = 0; t < part.experts.rows; ++t) {  // marked, so that a slot which it forgets is found
      std::ranges::fill(part.experts[t], std::numeric_limits<std::int32_t>::min());
      std::ranges::fill(part.weights[t], std::numeric_limits<float>::quiet_NaN());
    }
    return router.route(in.slice(rows.begin, rows.size()), part, ws);
  });
}

/// What route_rows() takes from each worker's workspace.
template <Router R>
std::size_t route_scratch_bytes(const R& router, std::size_t T) noexcept {
  return ScratchSize()
      .bytes(router.scratch_bytes(is_row_local(router) ? std::min(T, Assignment::kBlockRows) : T))
      .total();
}

/// A Mixture-of-Experts layer: each row goes to the experts that the router chose for it, and their
/// outputs are added under its weights.
///
///     auto layer = MoeLayer<TopK, ExpertBank<Mlp>>::create(std::move(router), std::move(bank)).value();
///     MOXIE_TRY(layer.run({.logits = logits, .hidden = x}, y, workers));
///
///     y[t] = sum over chosen e, ascending: weight[t, e] * expert_e(x[t])
///
/// Every expert's output is made in f32 and added by one fused multiply-add, from 0. So with a row-local
/// router a row of y has the same bits for any T, any rows beside it and any number of threads. A row for
/// which the router chose nobody gets 0. An expert without rows is not called.
///
/// Shapes   logits: [T, N], or of the router's num_logits(); hidden: [T, D], the rows that are routed; y: [T, D], not
///          overlapping hidden. T may be 0 and at most kMaxRows.
/// Errors   create: kShape where router and bank do not fit together.
///          run: kShape; kNoSpace: a workspace is smaller than scratch_bytes(T) says;
///          kInvalidArgument: what the router wrote is no decision (its ids and weights are checked);
///          kHostException: a router or expert threw; otherwise what a router or expert returned, the
///          same one at any number of threads. After an error y and record are unspecified and the
///          layer is as before.
/// Threads  run() may be called at once from many threads, each with its own Workers and y.
template <Router R, Bank B>
class MoeLayer {
 public:
  /// More rows than any step has; it keeps every count of (row, expert) pairs within range.
  static constexpr std::size_t kMaxRows = std::size_t{1} << 24;
  static constexpr std::size_t kBlockRows = Assignment::kBlockRows;

  static Result<MoeLayer> create(R router, B bank) {
    const std::size_t N = router.num_experts();
    const std::size_t K = router.experts_per_token();
    if (N != bank.size()) {
      return Status(Code::kShape, "MoeLayer::create", Text("a router over ", bank.size(), " experts, as the bank has"),
                    Text("over ", N));
    }
    if (N > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()) || K == 0 || K > N) {
      return Status(Code::kShape, "MoeLayer::create", Text("experts_per_token in [1, ", N, "], below 2^31 experts"),
                    Text(K, " of ", N));
    }
    return MoeLayer(std::move(router), std::move(bank));
  }

  [[nodiscard]] std::size_t width() const noexcept { return D_; }
  [[nodiscard]] std::size_t num_experts() const noexcept { return N_; }
  [[nodiscard]] std::size_t experts_per_token() const noexcept { return K_; }
  [[nodiscard]] bool row_local() const noexcept { return is_row_local(router_); }
  [[nodiscard]] const R& router() const noexcept { return router_; }
  [[nodiscard]] const B& bank() const noexcept { return bank_; }

  /// Never falls as T grows.
  [[nodiscard]] MoeScratch scratch_bytes(std::size_t T) const noexcept {
    const MoeScratch chosen = chosen_scratch_bytes(T, K_, N_);
    return {.own = ScratchSize().table<std::int32_t>(T, K_).rows(T, K_).bytes(chosen.own).total(),
            .worker = std::max(chosen.worker, route_scratch_bytes(router_, T))};
  }
  /// Of run_chosen(), for decisions of K slots a row among N experts. Falls with none of them.
  [[nodiscard]] MoeScratch chosen_scratch_bytes(std::size_t T, std::size_t K, std::size_t N) const noexcept {
    const std::size_t block = std::min(T, kBlockRows);
    const std::size_t pairs = ScratchSize::product(T, K);
    std::size_t inner = bank_.scratch_bytes(block);
    ScratchSize own;
    own.bytes(Assignment::scratch_bytes(T, N, K));
    if (const auto batch = batch_scratch(T, pairs)) {
      own.bytes(batch->own);
      inner = batch->worker;
    } else {
      own.rows(pairs, D_);
    }
    return {.own = own.total(), .worker = ScratchSize().rows(block, D_).bytes(inner).total()};
  }

  /// What computes no output instead of the bank.
  struct BankAlone {
    Status operator()(Assignment&, Workers&) const noexcept { return {}; }
  };

  /// `record`, where given, is memory of the caller for the decision: experts and weights of [T, K].
  MOXIE_OPTION_TAG Status run(const RouteIn& in, Rows y, Workers& workers,
                              const RouteOut* record = nullptr) const noexcept {
    const std::size_t T = in.rows();
    MOXIE_TRY(check(T, in.hidden, y, workers));
    if (T == 0) return {};
    Workspace& own = workers.own();
    const Workspace::Frame frame(own);
    RouteOut routes;
    if (record != nullptr) {
      routes = *record;
    } else {
      MOXIE_TRY_LET(const std::span<std::int32_t> ids, own.take<std::int32_t>(T * K_));
      routes.experts = IdRows(ids.data(), T, K_);
      MOXIE_TRY_LET(routes.weights, own.rows(T, K_));
    }
    MOXIE_TRY(check_route_shapes("MoeLayer::run", L_, N_, K_, in, routes));
    MOXIE_TRY(route_rows(router_, in, routes, workers));
    return run_chosen(in.hidden, routes, N_, y, workers);
  }

  /// The second half of run(): what others decided for rows x, in any number of slots, among N experts.
  /// `elsewhere(assignment, workers)` sees the decision once it is checked. It may compute outputs instead of the bank
  /// and name them by Assignment::set_outputs(); what it takes from the calling thread's workspace stays until y is
  /// made. Experts beyond the bank's, from num_experts() on, are its alone: it names the outputs of all their pairs.
  template <class Elsewhere = BankAlone>
  MOXIE_OPTION_TAG Status run_chosen(ConstRows x, const RouteOut& routes, std::size_t N, Rows y, Workers& workers,
                                     const Elsewhere& elsewhere = {}) const noexcept {
    MOXIE_TRY(check(routes.experts.rows, x, y, workers));
    if (x.rows == 0) return {};
    Workspace& own = workers.own();
    const Workspace::Frame frame(own);
    MOXIE_TRY_LET(Assignment assignment, Assignment::create("MoeLayer::run", routes, N, kBlockRows, own));
    MOXIE_TRY(elsewhere(assignment, workers));
    if constexpr (BatchBank<B>) {
      if (bank_.takes_batches()) return bank_.run_batch(x, assignment, y, workers);
    }
    MOXIE_TRY_LET(const Rows outputs, own.rows(assignment.num_pairs(), D_));
    MOXIE_TRY(run_experts(x, assignment, outputs, workers));
    return combine(assignment, outputs, y, workers);
  }

 private:
  // 16: a row's sum is short work, and one decoded row should wake nobody.
  static constexpr std::size_t kCombineRows = 16;

  MoeLayer(R router, B bank)
      : router_(std::move(router)),
        bank_(std::move(bank)),
        L_(num_logits_of(router_)),
        N_(router_.num_experts()),
        K_(router_.experts_per_token()),
        D_(bank_.width()) {}

  /// Of a bank that runs the batch by itself.
  [[nodiscard]] std::optional<MoeScratch> batch_scratch(std::size_t T, std::size_t pairs) const noexcept {
    if constexpr (BatchBank<B>) {
      if (bank_.takes_batches()) return bank_.batch_scratch_bytes(T, pairs);
    }
    return std::nullopt;
  }

  MOXIE_OPTION_TAG Status check(std::size_t T, const ConstRows& x, const Rows& y, Workers& workers) const noexcept {
    if (T > kMaxRows) {
      return Status(Code::kInvalidArgument, "MoeLayer::run", Text("at most ", kMaxRows, " rows"), Text(T));
    }
    if (x.rows != T || (T != 0 && x.width != D_)) {
      return Status(Code::kShape, "MoeLayer::run", Text("hidden of [", T, ", ", D_, "]"),
                    Text("[", x.rows, ", ", x.width, "]"));
    }
    if (y.rows != T || (T != 0 && y.width != D_)) {
      return Status(Code::kShape, "MoeLayer::run", Text("y of [", T, ", ", D_, "]"),
                    Text("[", y.rows, ", ", y.width, "]"));
    }
    return workers.each(0, [](std::size_t, Workspace&) { return Status(); });  // workers without workspaces end here
  }

  MOXIE_OPTION_TAG Status run_experts(ConstRows x, const Assignment& assignment, Rows outputs,
                                      Workers& workers) const noexcept {
    return workers.each(assignment.num_tasks(), [&](std::size_t task, Workspace& ws) -> Status {
      const Assignment::Block block = assignment.block(task);
      if (assignment.is_elsewhere(block)) return {};
      MOXIE_TRY_LET(const ConstRows input, gather(x, assignment.rows_of(block), ws));
      return bank_.run(block.expert, input, outputs.slice(block.begin, block.count), ws);
    });
  }

  // The rows side by side: as they lie where they already do (always so for one row), or copied.
  Result<ConstRows> gather(ConstRows x, std::span<const std::size_t> rows, Workspace& ws) const noexcept {
    if (rows.back() - rows.front() + 1 == rows.size()) return x.slice(rows.front(), rows.size());  // they ascend
    MOXIE_TRY_LET(const Rows gathered, ws.rows(rows.size(), D_));
    for (std::size_t i = 0; i < rows.size(); ++i) std::copy_n(x.row(rows[i]), D_, gathered.row(i));
    return ConstRows(gathered);
  }

  MOXIE_OPTION_TAG Status combine(const Assignment& assignment, Rows outputs, Rows y, Workers& workers) const noexcept {
    return each_range(workers, Cut::of_at_most(y.rows, kCombineRows), [&](Range rows, Workspace&) -> Status {
      for (std::size_t t = rows.begin; t < rows.end; ++t) {
        std::fill_n(y.row(t), D_, 0.0f);
        for (const std::size_t pair : assignment.pairs_of(t)) {
          const float* const elsewhere = assignment.output_of(pair);
          fma_into(assignment.weight(pair), elsewhere != nullptr ? elsewhere : outputs.row(pair), y.row(t), D_);
        }
      }
      return {};
    });
  }

  R router_;
  B bank_;
  // Asked once: sizes that scratch memory was made for must not change under it.
  std::size_t L_;
  std::size_t N_;
  std::size_t K_;
  std::size_t D_;
};

}  // namespace moxie
