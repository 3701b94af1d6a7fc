// SPDX-License-Identifier: Apache-2.0
// A router and the experts that it chooses from, with what pathways lay over both.
#include <algorithm>

#include <moxie/backend/matmul.hpp>
#include <moxie/core/guard.hpp>

#include "backend/access.hpp"
#include "backend/linear_parallel.hpp"
#include "model/run/feed_forward.hpp"

namespace moxie::inline abi1::model {

namespace {

/// Room for decisions of K slots a row.
Result<RouteOut> take_routes(Workspace& ws, std::size_t rows, std::size_t K) noexcept {
  RouteOut routes;
  MOXIE_TRY_LET(const std::span<std::int32_t> ids, ws.take<std::int32_t>(rows * K));
  routes.experts = IdRows(ids.data(), rows, K);
  MOXIE_TRY_LET(routes.weights, ws.rows(rows, K));
  return routes;
}

std::size_t routes_bytes(std::size_t rows, std::size_t K) noexcept {
  return ScratchSize().table<std::int32_t>(rows, K).rows(rows, K).total();
}

/// The first K slots.
RouteOut slots_of(RouteOut routes, std::size_t K) noexcept {
  routes.experts.width = routes.weights.width = K;
  return routes;
}

class Experts final : public FeedForward {
 public:
  Experts(std::size_t layer, std::size_t block, Linear gate, ExpertLayer experts,
          std::optional<Norm> router_norm) noexcept
      : layer_(layer),
        block_(block),
        gate_(std::move(gate)),
        experts_(std::move(experts)),
        router_norm_(std::move(router_norm)) {}

  Status run(const FeedForwardIn& in, Rows y, Workers& workers) const noexcept override {
    const Workspace::Frame frame(workers.own());
    MOXIE_TRY_LET(const Rows logits, workers.own().rows(in.x.rows, gate_.out_width()));
    ConstRows read = in.x;
    if (router_norm_) {
      MOXIE_TRY_LET(const Rows normed, workers.own().rows(in.x.rows, in.x.width));
      MOXIE_TRY(each_row(workers, in.x.rows,
                         [&](std::size_t row) { router_norm_->apply(in.stream.row(row), normed.row(row)); }));
      read = normed;
    }
    in.batch.enter(Phase::kRouting, in.x.rows, [&] { return BackendAccess::body(gate_).work(in.x.rows); });
    MOXIE_TRY(gate_.apply(read, logits, workers));
    return run_routed(
        in, {.logits = logits, .hidden = in.x, .layer = layer_, .positions = in.positions, .resident = {}}, y, workers);
  }

  [[nodiscard]] DecoderScratch scratch_bytes(std::size_t rows, const EditNeeds& needs) const noexcept override {
    const std::size_t K = std::max(experts_.experts_per_token(), needs.slots);
    const MoeScratch chosen = experts_.chosen_scratch_bytes(rows, K, experts_.num_experts() + needs.added);
    const DecoderScratch host = host_scratch_bytes(rows, K, needs);
    const std::size_t together = needs.gathers ? together_bytes(rows, needs) : 0;
    const std::size_t widened = needs.added == 0 ? 0 : ScratchSize().rows(rows, widest_logits(needs)).total();
    const std::size_t after_routing = ScratchSize().bytes(chosen.own).bytes(host.own).total();
    const std::size_t routed =
        ScratchSize().bytes(widened).bytes(routes_bytes(rows, K)).bytes(std::max(together, after_routing)).total();
    const std::size_t gate = backend::operand_bytes(BackendAccess::body(gate_), rows);
    const std::size_t normed = router_norm_ ? router_norm_->width() : 0;
    return {.own = ScratchSize().rows(rows, gate_.out_width()).rows(rows, normed).bytes(std::max(routed, gate)).total(),
            .worker = std::max({chosen.worker, host.worker, route_scratch_bytes(experts_.router(), rows), needs.router,
                                needs.added == 0 ? 0 : matmul_scratch_bytes(experts_.width()),
                                BackendAccess::body(gate_).scratch_bytes(rows)})};
  }

  [[nodiscard]] std::optional<MixtureBlock> mixture_block() const noexcept override {
    return MixtureBlock{.layer = layer_, .gate = &gate_, .router = &experts_.router(), .bank = &experts_.bank()};
  }

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
  static constexpr std::size_t kHostRows = Assignment::kBlockRows;
  static constexpr std::size_t kGuard = 16;  // floats: rows stay aligned where their width is
  static constexpr float kUnwritten = -0x1.5a5a5ap93f;

  /// Of row `row` of the input.
  [[nodiscard]] const BlockEdits* edits_of_row(const FeedForwardIn& in, std::size_t row) const noexcept {
    return edits_of(in.batch.segment_of(in.rows[row]), block_);
  }
  [[nodiscard]] const HostRouter* router_of(const FeedForwardIn& in, std::size_t row) const noexcept {
    const BlockEdits* edits = edits_of_row(in, row);
    return edits == nullptr ? nullptr : edits->router.get();
  }
  [[nodiscard]] std::size_t slots_of_router(const HostRouter* router) const noexcept {
    return router == nullptr ? experts_.experts_per_token() : router->slots;
  }

  /// The rows' decisions are made by the checkpoint's router, or their pathways', and told to these' sinks. Then all
  /// rows go through the experts together, but for those that the host computes.
  Status run_routed(const FeedForwardIn& in, RouteIn route, Rows y, Workers& workers) const noexcept {
    if (in.x.rows == 0) return {};
    const bool edited = any_edited(in.batch.segments, block_);
    std::size_t K = edited ? 0 : experts_.experts_per_token();
    std::size_t added = 0;
    bool host_experts = false;
    for (const Segment& segment : edited ? in.batch.segments : std::span<const Segment>()) {
      const BlockEdits* edits = edits_of(segment, block_);
      K = std::max(K, slots_of_router(edits == nullptr ? nullptr : edits->router.get()));
      if (edits == nullptr) continue;
      added = std::max(added, edits->num_added());
      host_experts = host_experts || !edits->experts.empty();
    }
    if (added > 0) {
      MOXIE_TRY_LET(route.logits, with_added_logits(in, route.logits, added, workers));
    }
    MOXIE_TRY_LET(const RouteOut routes, take_routes(workers.own(), in.x.rows, K));
    MOXIE_TRY(edited ? route_edited(in, route, routes, workers)
                     : route_rows(experts_.router(), route, routes, workers));
    const std::size_t N = experts_.num_experts() + added;
    return experts_.run_chosen(in.x, routes, N, y, workers, [&](Assignment& assignment, Workers& all) -> Status {
      if (edited) MOXIE_TRY(tell_sinks(in, route, routes));
      in.batch.enter(Phase::kExperts, in.x.rows, [&] { return work_of(assignment); });
      return host_experts ? run_host_experts(in, assignment, all) : Status();
    });
  }

  /// As if the checkpoint's experts computed all of it.
  [[nodiscard]] PhaseWork work_of(const Assignment& assignment) const noexcept {
    PhaseWork work;
    std::size_t last = experts_.num_experts();  // none
    for (std::size_t b = 0; b < assignment.num_tasks(); ++b) {
      const Assignment::Block block = assignment.block(b);
      if (block.expert >= experts_.num_experts()) break;  // added ones are the host's, and come last
      const GatedMlp<Linear>& expert = experts_.bank()[block.expert];
      for (const Linear* linear : {&expert.gate(), &expert.up(), &expert.down()}) {
        PhaseWork part = BackendAccess::body(*linear).work(block.count);
        if (block.expert == last) part.bytes = 0;  // a second block of the same expert
        work += part;
      }
      last = block.expert;
    }
    return work;
  }

  /// The gate's logits, and behind them those that router rows of added experts make. What a row's pathway does not
  /// have is left as it is: its router does not look so far.
  Result<ConstRows> with_added_logits(const FeedForwardIn& in, ConstRows logits, std::size_t added,
                                      Workers& workers) const noexcept {
    MOXIE_TRY_LET(const Rows wide, workers.own().rows(in.x.rows, logits.width + added));
    const Cut blocks = Cut::of_at_most(in.x.rows, kHostRows);
    const Status made_all = each_range(workers, blocks, [&](Range range, Workspace& ws) -> Status {
      for (std::size_t begin = range.begin, end = 0; begin < range.end; begin = end) {
        const BlockEdits* edits = edits_of_row(in, begin);
        for (end = begin + 1; end < range.end && edits_of_row(in, end) == edits;) ++end;
        for (std::size_t row = begin; row < end; ++row) std::ranges::copy(logits[row], wide.row(row));
        if (edits == nullptr || edits->added == nullptr) continue;
        const AddedRows& rows = *edits->added;
        const Rows made(wide.row(begin) + logits.width, end - begin, rows.size(), wide.stride);
        MOXIE_TRY(matmul(in.x.slice(begin, end - begin), rows.rows(), made, ws));
        for (std::size_t row = 0; row < made.rows; ++row) {
          for (std::size_t i = 0; i < rows.size(); ++i) made[row][i] += rows.biases[i];
        }
      }
      return {};
    });
    MOXIE_TRY(made_all);
    return ConstRows(wide);
  }
  [[nodiscard]] std::size_t widest_logits(const EditNeeds& needs) const noexcept {
    return gate_.out_width() + needs.added;
  }
  /// What the row's router reads of them.
  [[nodiscard]] RouteIn for_router(RouteIn route, const HostRouter* router) const noexcept {
    route.logits.width = router == nullptr ? gate_.out_width() : router->logits;
    return route;
  }

  /// Each row by its pathway's router, those side by side of one router in one go. Slots that it does not have stay
  /// empty.
  Status route_edited(const FeedForwardIn& in, const RouteIn& route, const RouteOut& routes,
                      Workers& workers) const noexcept {
    for (std::size_t begin = 0, end = 0; begin < in.x.rows; begin = end) {
      const HostRouter* router = router_of(in, begin);
      for (end = begin + 1; end < in.x.rows && router_of(in, end) == router;) ++end;
      const RouteOut out = routes.slice(begin, end - begin);
      const std::size_t K = slots_of_router(router);
      for (std::size_t row = 0; row < end - begin; ++row) {
        std::ranges::fill(out.experts[row].subspan(K), kNoExpert);
        std::ranges::fill(out.weights[row].subspan(K), 0.0f);
      }
      const RouteIn rows = for_router(route.slice(begin, end - begin), router);
      if (router == nullptr) {
        MOXIE_TRY(route_rows(experts_.router(), rows, slots_of(out, K), workers));
      } else if (router->row_local) {
        MOXIE_TRY(route_rows(router->by, rows, slots_of(out, K), workers));
      } else {
        bool first = true;
        for (std::size_t row = 0; row < begin; ++row) first = first && router_of(in, row) != router;
        if (first) MOXIE_TRY(route_together(*router, in, route, routes, workers));
      }
    }
    return {};
  }

  /// All rows of a router that looks at other rows, gathered for one call.
  Status route_together(const HostRouter& router, const FeedForwardIn& in, const RouteIn& route, const RouteOut& routes,
                        Workers& workers) const noexcept {
    Workspace& own = workers.own();
    const Workspace::Frame frame(own);
    const std::size_t T = in.x.rows;
    MOXIE_TRY_LET(std::span<std::size_t> picked, own.take<std::size_t>(T));
    MOXIE_TRY_LET(const std::span<Position> positions, own.take<Position>(T));
    MOXIE_TRY_LET(const Rows logits, own.rows(T, router.logits));
    MOXIE_TRY_LET(const Rows hidden, own.rows(T, in.x.width));
    MOXIE_TRY_LET(const RouteOut out, take_routes(own, T, router.slots));
    std::size_t n = 0;
    for (std::size_t row = 0; row < T; ++row) {
      if (router_of(in, row) != &router) continue;
      std::copy_n(route.logits.row(row), router.logits, logits.row(n));
      std::ranges::copy(in.x[row], hidden.row(n));
      positions[n] = route.positions[row];
      picked[n++] = row;
    }
    const RouteIn gathered{.logits = logits.slice(0, n),
                           .hidden = hidden.slice(0, n),
                           .layer = layer_,
                           .positions = positions.first(n),
                           .resident = {}};
    MOXIE_TRY(route_rows(router.by, gathered, out.slice(0, n), workers));
    for (std::size_t i = 0; i < n; ++i) {
      std::ranges::copy(out.experts[i], routes.experts.row(picked[i]));
      std::ranges::copy(out.weights[i], routes.weights.row(picked[i]));
    }
    return {};
  }
  /// What route_together() takes.
  [[nodiscard]] std::size_t together_bytes(std::size_t rows, const EditNeeds& needs) const noexcept {
    return ScratchSize()
        .take<std::size_t>(rows)
        .take<Position>(rows)
        .rows(rows, widest_logits(needs))
        .rows(rows, experts_.width())
        .bytes(routes_bytes(rows, needs.slots))
        .total();
  }

  Status tell_sinks(const FeedForwardIn& in, const RouteIn& route, const RouteOut& routes) const noexcept {
    for (std::size_t begin = 0, end = 0; begin < in.x.rows; begin = end) {
      const Segment& segment = in.batch.segment_of(in.rows[begin]);
      for (end = begin + 1; end < in.x.rows && in.rows[end] < segment.begin + segment.rows;) ++end;
      const BlockEdits* edits = edits_of(segment, block_);
      if (edits == nullptr || edits->sink == nullptr) continue;
      const RouteOut chosen = slots_of(routes.slice(begin, end - begin), slots_of_router(edits->router.get()));
      MOXIE_TRY(guarded("RouteSink::take", [&] {
        return edits->sink->take({.layer = layer_,
                                  .host_dependent = segment.edits->host_dependent,
                                  .positions = route.positions.subspan(begin, end - begin),
                                  .logits = for_router(route, edits->router.get()).logits.slice(begin, end - begin),
                                  .experts = chosen.experts,
                                  .weights = chosen.weights});
      }));
    }
    return {};
  }

  /// What run_host_experts() takes.
  [[nodiscard]] DecoderScratch host_scratch_bytes(std::size_t rows, std::size_t K,
                                                  const EditNeeds& needs) const noexcept {
    if (!needs.host_experts) return {};
    const std::size_t pairs = ScratchSize::product(rows, K);
    return {.own = ScratchSize()
                       .take<const float*>(pairs)
                       .take<HostPair>(pairs)
                       .take<Range>(pairs)
                       .rows(ScratchSize::product(rows + 1, K), experts_.width() + kGuard)
                       .total(),
            .worker = ScratchSize().rows(std::min(rows, kHostRows), experts_.width()).bytes(needs.expert).total()};
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
        const BlockEdits* edits = edits_of_row(in, row);
        const AnyExpert* by = edits == nullptr ? nullptr : edits->replacement_of(block.expert);
        if (by != nullptr) {
          found[n++] = {by, block.begin + i, row};
        } else if (block.expert >= experts_.num_experts()) {  // another pathway of the step has so many
          return Status(Code::kInvalidArgument, "MoeLayer::run",
                        Text("an expert in [0, ", experts_.num_experts(), ") or kNoExpert from the router"),
                        Text(block.expert));
        }
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
    MOXIE_TRY_LET(const Rows made, take_guarded(n, own));
    MOXIE_TRY(workers.each(n_tasks, [&](std::size_t task, Workspace& ws) -> Status {
      const Range range = tasks[task];
      MOXIE_TRY_LET(const Rows input, ws.rows(range.size(), experts_.width()));
      for (std::size_t i = 0; i < range.size(); ++i) {
        std::copy_n(in.x.row(host[range.begin + i].row), input.width, input.row(i));
      }
      return host[range.begin].by->run(input, made.slice(range.begin, range.size()), ws);
    }));
    MOXIE_TRY(check_guards(made));
    for (std::size_t i = 0; i < n; ++i) outputs[host[i].pair] = made.row(i);
    assignment.set_outputs(outputs);
    return {};
  }

  /// Rows for host experts, each between numbers that nobody may write: so one that writes beside its rows ends its own
  /// requests, and not those whose rows lie there.
  Result<Rows> take_guarded(std::size_t n, Workspace& own) const noexcept {
    const std::size_t D = experts_.width();
    MOXIE_TRY_LET(const Rows all, own.rows(n + 1, D + kGuard));
    for (std::size_t row = 0; row <= n; ++row) std::fill_n(all.row(row), kGuard, kUnwritten);
    return Rows(all.data + kGuard, n, D, D + kGuard);
  }
  Status check_guards(const Rows& made) const noexcept {
    for (std::size_t row = 0; row <= made.rows; ++row) {
      const std::span guard(made.data + row * made.stride - kGuard, kGuard);
      if (std::ranges::all_of(guard, [](float value) { return value == kUnwritten; })) continue;
      return Status(Code::kHostException, "Pathway::replace_expert",
                    Text("experts that write their rows alone, in layer ", layer_), "one that wrote beside them");
    }
    return {};
  }

  std::size_t layer_;
  std::size_t block_;
  Linear gate_;
  ExpertLayer experts_;
  std::optional<Norm> router_norm_;
};

}  // namespace

std::unique_ptr<const FeedForward> make_experts(std::size_t layer, std::size_t block, Linear gate, ExpertLayer experts,
                                                std::optional<Norm> router_norm) {
  return std::make_unique<Experts>(layer, block, std::move(gate), std::move(experts), std::move(router_norm));
}

}  // namespace moxie
