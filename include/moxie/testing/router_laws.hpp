// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include <moxie/core/guard.hpp>
#include <moxie/core/philox.hpp>
#include <moxie/router/router.hpp>
#include <moxie/testing/guarded_memory.hpp>

namespace moxie::inline abi1::testing {

struct RouterLawOptions {
  std::size_t max_rows = 64;     ///< the largest batch; every size from 1 is tried
  std::size_t hidden_width = 0;  ///< D of the hidden rows that go in; 0: none go in
  std::size_t layer = 0;         ///< the layer that asks
  std::uint64_t seed = 1;        ///< of the logits and hidden rows
};

namespace detail {

template <Router R>
class MOXIE_OPTION_TAG RouterLaws {
 public:
  RouterLaws(const R& router, const RouterLawOptions& options)
      : router_(router),
        options_(options),
        N_(router.num_experts()),
        L_(num_logits_of(router)),
        K_(router.experts_per_token()),
        samples_(2 * options.max_rows) {}

  Status check() {
    MOXIE_TRY(sizes());
    make_samples();
    MOXIE_TRY(no_rows());
    MOXIE_TRY(rows_alone());
    MOXIE_TRY(rows_together());
    MOXIE_TRY(too_little_scratch());
    return wrong_shapes();
  }

 private:
  using Picked = std::vector<std::size_t>;

  struct Sample {
    std::vector<float> logits;
    std::vector<float> hidden;
    Position position = 0;
    std::vector<std::int32_t> experts;  // what the row got alone
    std::vector<float> weights;
  };

  // One batch with all that a router may read and write.
  struct Batch {
    GuardedRows<float> logits;
    GuardedRows<float> hidden;
    std::vector<Position> positions;
    std::vector<std::uint8_t> resident;
    GuardedRows<std::int32_t> experts;
    GuardedRows<float> weights;
    RouteIn in{};

    [[nodiscard]] RouteOut out() noexcept { return {experts.view(), weights.view()}; }
  };

  static Status broken(std::string_view law, const Text& needed, const Text& came) noexcept {
    return Status(Code::kInvalidArgument, Text("router law: ", law), needed, came);
  }

  Status sizes() const {
    if (N_ == 0) return broken("sizes", Text("num_experts of at least 1"), Text(N_));
    if (K_ == 0 || K_ > N_) return broken("sizes", Text("experts_per_token in [1, ", N_, "]"), Text(K_));
    std::size_t before = router_.scratch_bytes(0);
    for (std::size_t T = 1; T <= options_.max_rows; ++T) {
      const std::size_t bytes = router_.scratch_bytes(T);
      if (bytes < before) {
        return broken("sizes", Text("scratch_bytes(", T, ") of at least ", before, ", as for a row less"), Text(bytes));
      }
      before = bytes;
    }
    return {};
  }

  // Every fourth row has only ties, every fourth few distinct logits, the second half is loud.
  void make_samples() {
    const Philox random(options_.seed);
    std::uint64_t drawn = 0;
    const auto draw = [&] { return 2.0f * Philox::uniform(random.block(drawn++)[0]) - 1.0f; };
    for (std::size_t t = 0; t < samples_.size(); ++t) {
      Sample& sample = samples_[t];
      const float size = t < options_.max_rows ? 4.0f : 40.0f;
      sample.logits.resize(L_);
      for (float& logit : sample.logits) {
        const float value = size * draw();
        logit = t % 4 == 1 ? 0.5f : t % 4 == 2 ? std::floor(value / size * 2.0f) : value;
      }
      sample.hidden.resize(options_.hidden_width);
      for (float& value : sample.hidden) value = size * draw();
      sample.position = static_cast<Position>(7 * t);
    }
  }

  Status no_rows() {
    Workspace nothing;
    // Read at run time: compilers that see the null warn of loops which do not run.
    float* volatile const no_floats = nullptr;
    std::int32_t* volatile const no_ids = nullptr;
    const RouteIn in{.logits = ConstRows(no_floats, 0, L_), .layer = options_.layer};
    const Status status = router_.route(in, {IdRows(no_ids, 0, K_), Rows(no_floats, 0, K_)}, nothing);
    if (!status.ok()) return broken("no rows", Text("T = 0 to succeed"), Text(status.message()));
    return {};
  }

  Status rows_alone() {
    for (std::size_t t = 0; t < samples_.size(); ++t) {
      MOXIE_TRY(run({t}, {}, 1, [&](const Batch& batch) -> Status {
        samples_[t].experts.assign(batch.experts[0].begin(), batch.experts[0].end());
        samples_[t].weights.assign(batch.weights[0].begin(), batch.weights[0].end());
        return {};
      }));
    }
    if (!is_row_local(router_)) return {};
    // Again, elsewhere in memory, and with every second expert on disk: neither may matter.
    for (std::size_t t = 0; t < samples_.size(); ++t) {
      MOXIE_TRY(run({t}, {.padding = 3, .offset = 1}, 2, compare("repeat", {t})));
    }
    return {};
  }

  Status rows_together() {
    for (std::size_t T = 2; T <= options_.max_rows; ++T) {
      Picked quiet(T);
      Picked turned(T);  // every row elsewhere, every third one replaced by a loud neighbour
      for (std::size_t i = 0; i < T; ++i) {
        quiet[i] = i;
        turned[i] = (i + T / 2 + 1) % T + (i % 3 == 0 ? options_.max_rows : 0);
      }
      MOXIE_TRY(run(quiet, {}, 1, compare("row", quiet)));
      MOXIE_TRY(run(turned, {.padding = 5, .offset = 3}, 1, compare("row", turned)));
    }
    return {};
  }

  // With less than it asked for, a router says so, or does not need it.
  Status too_little_scratch() {
    const std::size_t T = options_.max_rows;
    const std::size_t asked = router_.scratch_bytes(T);
    for (const std::size_t given : {std::size_t{0}, asked / 2, asked - std::min(asked, Workspace::kAlignment)}) {
      if (given >= asked) continue;
      Batch batch = make_batch(all(T), {}, 1);
      GuardedScratch scratch(given / Workspace::kAlignment * Workspace::kAlignment);
      const Status status = router_.route(batch.in, batch.out(), scratch.workspace());
      MOXIE_TRY(untouched(batch, scratch));
      if (status.ok()) {
        MOXIE_TRY(well_formed(batch));
        MOXIE_TRY(compare("scratch", all(T))(batch));
      } else if (status.code() != Code::kNoSpace) {
        return broken("scratch", Text("kNoSpace with ", given, " bytes of ", asked), Text(status.message()));
      }
    }
    return {};
  }

  Status wrong_shapes() {
    const std::size_t T = std::min<std::size_t>(2, options_.max_rows);
    struct Shape {
      std::size_t logits_width, experts_rows, experts_width, weights_rows, weights_width;
    };
    for (const Shape s :
         {Shape{L_ + 1, T, K_, T, K_}, Shape{L_ == 0 ? 2 : L_ - 1, T, K_, T, K_}, Shape{L_, T + 1, K_, T, K_},
          Shape{L_, T, K_ + 1, T, K_}, Shape{L_, T, K_, T - 1, K_}, Shape{L_, T, K_, T, K_ - 1}}) {
      Batch batch = make_batch(all(T), {}, 1);
      batch.logits = GuardedRows<float>(T, s.logits_width, {.padding = 2});
      batch.logits.fill(0.5f);
      batch.logits.freeze();
      batch.in.logits = std::as_const(batch.logits).view();
      batch.experts = GuardedRows<std::int32_t>(s.experts_rows, s.experts_width, {.padding = 2});
      batch.weights = GuardedRows<float>(s.weights_rows, s.weights_width, {.padding = 2});
      GuardedScratch scratch(router_.scratch_bytes(T + 1));
      const Status status = router_.route(batch.in, batch.out(), scratch.workspace());
      if (status.code() != Code::kShape) {
        return broken("shape",
                      Text("kShape for logits of [", T, ", ", s.logits_width, "] instead of ", L_, ", experts of [",
                           s.experts_rows, ", ", s.experts_width, "], weights of [", s.weights_rows, ", ",
                           s.weights_width, "], N ", N_, ", K ", K_),
                      status.ok() ? Text("success") : Text(status.message()));
      }
      MOXIE_TRY(untouched(batch, scratch));
    }
    return {};
  }

  template <class Look>
  Status run(const Picked& picked, Layout layout, std::size_t resident_step, Look&& look) {
    Batch batch = make_batch(picked, layout, resident_step);
    GuardedScratch scratch(router_.scratch_bytes(picked.size()));
    const Status status = router_.route(batch.in, batch.out(), scratch.workspace());
    if (!status.ok()) return broken("success", Text(picked.size(), " rows to succeed"), Text(status.message()));
    MOXIE_TRY(untouched(batch, scratch));
    MOXIE_TRY(well_formed(batch));
    return look(batch);
  }

  Status well_formed(const Batch& batch) const {
    for (std::size_t t = 0; t < batch.in.rows(); ++t) {
      const auto experts = batch.experts[t];
      const auto weights = batch.weights[t];
      for (std::size_t k = 0; k < K_; ++k) {
        const auto wrong = [&](const Text& needed, const Text& came) {
          return broken("decision", Text(needed, " in row ", t, ", slot ", k), came);
        };
        if (experts[k] == kNoExpert) {
          if (weights[k] != 0.0f) return wrong(Text("weight 0 for kNoExpert"), Text(weights[k]));
          continue;
        }
        if (experts[k] < 0 || static_cast<std::size_t>(experts[k]) >= N_) {
          return wrong(Text("an expert in [0, ", N_, ") or kNoExpert"), Text(experts[k]));
        }
        if (!std::isfinite(weights[k])) return wrong(Text("a finite weight"), Text(weights[k]));
        if (k > 0 && experts[k - 1] == kNoExpert) {
          return wrong(Text("kNoExpert after kNoExpert"), Text("expert ", experts[k]));
        }
        if (std::ranges::find(experts.first(k), experts[k]) != experts.begin() + static_cast<std::ptrdiff_t>(k)) {
          return wrong(Text("different experts"), Text("expert ", experts[k], " again"));
        }
      }
    }
    return {};
  }

  static Status untouched(const Batch& batch, GuardedScratch& scratch) {
    if (!batch.logits.is_frozen() || !batch.hidden.is_frozen()) {
      return broken("memory", Text("logits and hidden rows to stay as they were"), Text("a change"));
    }
    if (!batch.experts.is_intact() || !batch.weights.is_intact()) {
      return broken("memory", Text("writes to out's rows alone"), Text("one beside or between them"));
    }
    if (!scratch.is_intact()) return broken("memory", Text("scratch within what ws gave"), Text("a write beside it"));
    if (scratch.workspace().used_bytes() != 0) {
      return broken("memory", Text("ws given back as it came (Workspace::Frame)"),
                    Text(scratch.workspace().used_bytes(), " bytes still taken"));
    }
    return {};
  }

  // Whether each row got what it gets alone. Only a row-local router promises that.
  auto compare(std::string_view law, Picked picked) {
    return [this, law, picked = std::move(picked)](const Batch& batch) -> Status {
      if (!is_row_local(router_)) return {};
      const std::size_t T = picked.size();
      for (std::size_t i = 0; i < T; ++i) {
        const Sample& alone = samples_[picked[i]];
        for (std::size_t k = 0; k < K_; ++k) {
          if (batch.experts[i][k] == alone.experts[k] && same_bits(batch.weights[i][k], alone.weights[k])) continue;
          return broken(law,
                        Text("row ", i, " of ", T, ", slot ", k, ", to be expert ", alone.experts[k], " with weight ",
                             alone.weights[k], T == 1 ? " again" : ", as alone"),
                        Text("expert ", batch.experts[i][k], " with weight ", batch.weights[i][k]));
        }
      }
      return {};
    };
  }

  static Picked all(std::size_t T) {
    Picked picked(T);
    for (std::size_t i = 0; i < T; ++i) picked[i] = i;
    return picked;
  }

  Batch make_batch(const Picked& picked, Layout layout, std::size_t resident_step) {
    const std::size_t T = picked.size();
    const std::size_t D = options_.hidden_width;
    Batch batch{.logits = GuardedRows<float>(T, L_, layout),
                .hidden = GuardedRows<float>(D == 0 ? 0 : T, D, layout),
                .positions = std::vector<Position>(T),
                .resident = std::vector<std::uint8_t>(N_),
                .experts = GuardedRows<std::int32_t>(T, K_, layout),
                .weights = GuardedRows<float>(T, K_, layout)};
    for (std::size_t i = 0; i < T; ++i) {
      const Sample& sample = samples_[picked[i]];
      std::ranges::copy(sample.logits, batch.logits[i].begin());
      if (D != 0) std::ranges::copy(sample.hidden, batch.hidden[i].begin());
      batch.positions[i] = sample.position;
    }
    for (std::size_t e = 0; e < N_; ++e) batch.resident[e] = e % resident_step == 0 ? 1 : 0;
    batch.logits.freeze();
    batch.hidden.freeze();
    batch.in = {.logits = std::as_const(batch.logits).view(),
                .hidden = D == 0 ? ConstRows() : std::as_const(batch.hidden).view(),
                .layer = options_.layer,
                .positions = batch.positions,
                .resident = batch.resident};
    return batch;
  }

  const R& router_;
  RouterLawOptions options_;
  std::size_t N_;
  std::size_t L_;  // of logits
  std::size_t K_;
  std::vector<Sample> samples_;
};

}  // namespace detail

/// Checks what the concept Router cannot say, and gives the first broken law:
///
///     const Status laws = moxie::testing::check_router_laws(router);
///     if (!laws.ok()) std::cerr << laws.message() << '\n';
///
///     router law: decision: needed different experts in row 1, slot 1, came expert 0 again
///
///     sizes     K in [1, N]; scratch_bytes(T) never falls as T grows
///     no rows   T = 0 succeeds, with null views and no scratch
///     success   every batch of finite logits succeeds with scratch_bytes(T) of scratch, ties included
///     decision  ids in [0, N) or kNoExpert, no expert twice in a row, unused slots last and of weight 0,
///               finite weights, every slot written
///     repeat    a row gives the same bits again, whichever experts are resident      (row_local)
///     row       a row gives the same bits in a batch of 2 to max_rows, in any place  (row_local)
///     scratch   with less than it asked for: kNoSpace, or the right answer
///     shape     views that do not belong together: kShape
///     memory    inputs stay; writes go to out's rows and the scratch given; ws is given back as it came
///
/// Not checked: the promise on threads. Run it under a thread sanitizer for that.
///
/// Errors   kInvalidArgument: a broken law, named in where().  kHostException: the router threw.
///          kNoMemory.
template <Router R>
MOXIE_OPTION_TAG Status check_router_laws(const R& router, RouterLawOptions options = {}) noexcept {
  options.max_rows = std::max<std::size_t>(options.max_rows, 1);
  return guarded("check_router_laws", [&] { return detail::RouterLaws<R>(router, options).check(); });
}

}  // namespace moxie::testing
