// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

#include <moxie/core/guard.hpp>
#include <moxie/core/philox.hpp>
#include <moxie/expert/expert.hpp>
#include <moxie/testing/guarded_memory.hpp>

namespace moxie::inline abi1::testing {

struct ExpertLawOptions {
  std::size_t max_rows = 64;  ///< the largest batch; every size from 1 is tried
  std::uint64_t seed = 1;     ///< of the rows' values
  float largest = 4.0f;       ///< values lie in [-largest, largest)
};

namespace detail {

template <Expert E>
class MOXIE_OPTION_TAG ExpertLaws {
 public:
  ExpertLaws(const E& expert, const ExpertLawOptions& options)
      : expert_(expert),
        options_(options),
        D_(expert.width()),
        x_(2 * options.max_rows, D_),
        alone_(2 * options.max_rows, D_) {
    const Philox random(options.seed);
    for (std::size_t t = 0; t < x_.view().rows; ++t) {
      // The second half are loud neighbours: a thousand times larger, so that whatever leaks is seen.
      const float size = t < options.max_rows ? options.largest : 1000.0f * options.largest;
      for (std::size_t d = 0; d < D_; ++d) {
        x_[t][d] = size * (2.0f * Philox::uniform(random.block(t * D_ + d)[0]) - 1.0f);
      }
    }
  }

  Status check() {
    MOXIE_TRY(sizes());
    MOXIE_TRY(no_rows());
    MOXIE_TRY(rows_alone());
    MOXIE_TRY(rows_together());
    MOXIE_TRY(too_little_scratch());
    return wrong_shapes();
  }

 private:
  using Picked = std::vector<std::size_t>;

  static Status broken(std::string_view law, const Text& needed, const Text& came) noexcept {
    return Status(Code::kInvalidArgument, Text("expert law: ", law), needed, came);
  }

  Status sizes() const {
    if (D_ == 0) return broken("sizes", Text("a width of at least 1"), Text(D_));
    std::size_t before = expert_.scratch_bytes(0);
    for (std::size_t T = 1; T <= options_.max_rows; ++T) {
      const std::size_t bytes = expert_.scratch_bytes(T);
      if (bytes < before) {
        return broken("sizes", Text("scratch_bytes(", T, ") of at least ", before, ", as for a row less"), Text(bytes));
      }
      before = bytes;
    }
    return {};
  }

  Status no_rows() const {
    Workspace nothing;
    float* volatile const nowhere = nullptr;  // read at run time: compilers that see it warn of loops which do not run
    const Status status = expert_.run(ConstRows(nowhere, 0, D_), Rows(nowhere, 0, D_), nothing);
    if (!status.ok()) return broken("no rows", Text("T = 0 to succeed"), Text(status.message()));
    return {};
  }

  Status rows_alone() {
    for (std::size_t t = 0; t < x_.view().rows; ++t) {
      MOXIE_TRY(run({t}, {}, std::numeric_limits<float>::quiet_NaN(), [&](std::size_t, ConstRows y) -> Status {
        std::ranges::copy(y[0], alone_[t].begin());
        return {};
      }));
    }
    // Again, over other garbage and elsewhere in memory.
    for (std::size_t t = 0; t < x_.view().rows; ++t) {
      MOXIE_TRY(run({t}, {.padding = 3, .offset = 1}, 7.0f, compare("repeat", {t})));
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
      MOXIE_TRY(run(quiet, {}, 0.0f, compare("row", quiet)));
      MOXIE_TRY(run(turned, {.padding = 5, .offset = 3}, 7.0f, compare("row", turned)));
    }
    return {};
  }

  // With less than it asked for, an expert says so, or does not need it.
  Status too_little_scratch() {
    const std::size_t T = options_.max_rows;
    const std::size_t asked = expert_.scratch_bytes(T);
    for (const std::size_t given : {std::size_t{0}, asked / 2, asked - std::min(asked, Workspace::kAlignment)}) {
      if (given >= asked) continue;
      GuardedRows<float> x = copy_of(all(T), {});
      GuardedRows<float> y(T, D_);
      GuardedScratch scratch(given / Workspace::kAlignment * Workspace::kAlignment);
      const Status status = expert_.run(std::as_const(x).view(), y.view(), scratch.workspace());
      MOXIE_TRY(untouched(x, y, scratch));
      if (status.ok()) {
        MOXIE_TRY(compare("scratch", all(T))(T, std::as_const(y).view()));
      } else if (status.code() != Code::kNoSpace) {
        return broken("scratch", Text("kNoSpace with ", given, " bytes of ", asked), Text(status.message()));
      }
    }
    return {};
  }

  Status wrong_shapes() {
    const std::size_t T = std::min<std::size_t>(2, options_.max_rows);
    struct Shape {
      std::size_t x_rows, x_width, y_rows, y_width;
    };
    for (const Shape s : {Shape{T, D_ + 1, T, D_}, Shape{T, D_ - 1, T, D_}, Shape{T, D_, T, D_ + 1},
                          Shape{T, D_, T, D_ - 1}, Shape{T, D_, T + 1, D_}, Shape{T, D_, T - 1, D_}}) {
      GuardedRows<float> x(s.x_rows, s.x_width, {.padding = 2});
      GuardedRows<float> y(s.y_rows, s.y_width, {.padding = 2});
      x.fill(1.0f);
      x.freeze();
      GuardedScratch scratch(expert_.scratch_bytes(T + 1));
      const Status status = expert_.run(std::as_const(x).view(), y.view(), scratch.workspace());
      if (status.code() != Code::kShape) {
        return broken("shape",
                      Text("kShape for x of [", s.x_rows, ", ", s.x_width, "], y of [", s.y_rows, ", ", s.y_width,
                           "], width ", D_),
                      status.ok() ? Text("success") : Text(status.message()));
      }
      MOXIE_TRY(untouched(x, y, scratch));
    }
    return {};
  }

  template <class Look>
  Status run(const Picked& picked, Layout layout, float garbage, Look&& look) {
    const std::size_t T = picked.size();
    GuardedRows<float> x = copy_of(picked, layout);
    GuardedRows<float> y(T, D_, layout);
    y.fill(garbage);  // whoever reads y shows it
    GuardedScratch scratch(expert_.scratch_bytes(T));
    const Status status = expert_.run(std::as_const(x).view(), y.view(), scratch.workspace());
    if (!status.ok()) return broken("success", Text(T, " rows to succeed"), Text(status.message()));
    MOXIE_TRY(untouched(x, y, scratch));
    return look(T, std::as_const(y).view());
  }

  static Status untouched(const GuardedRows<float>& x, const GuardedRows<float>& y, GuardedScratch& scratch) {
    if (!x.is_frozen()) return broken("memory", Text("x to stay as it was"), Text("a change"));
    if (!y.is_intact()) return broken("memory", Text("writes to y's rows alone"), Text("one beside or between them"));
    if (!scratch.is_intact()) return broken("memory", Text("scratch within what ws gave"), Text("a write beside it"));
    if (scratch.workspace().used_bytes() != 0) {
      return broken("memory", Text("ws given back as it came (Workspace::Frame)"),
                    Text(scratch.workspace().used_bytes(), " bytes still taken"));
    }
    return {};
  }

  // Whether each row has the bits that it has alone.
  auto compare(std::string_view law, Picked picked) {
    return [this, law, picked = std::move(picked)](std::size_t T, ConstRows y) -> Status {
      for (std::size_t i = 0; i < T; ++i) {
        for (std::size_t d = 0; d < D_; ++d) {
          const float expected = alone_[picked[i]][d];
          if (same_bits(y[i][d], expected)) continue;
          return broken(
              law, Text("row ", i, " of ", T, ", column ", d, ", to be ", expected, T == 1 ? " again" : ", as alone"),
              Text(y[i][d]));
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

  GuardedRows<float> copy_of(const Picked& picked, Layout layout) {
    GuardedRows<float> copy(picked.size(), D_, layout);
    for (std::size_t i = 0; i < picked.size(); ++i) std::ranges::copy(x_[picked[i]], copy[i].begin());
    copy.freeze();
    return copy;
  }

  const E& expert_;
  ExpertLawOptions options_;
  std::size_t D_;
  GuardedRows<float> x_;
  GuardedRows<float> alone_;
};

}  // namespace detail

/// Checks what the concept Expert cannot say, and gives the first broken law:
///
///     const Status laws = moxie::testing::check_expert_laws(Doubler{});
///     if (!laws.ok()) std::cerr << laws.message() << '\n';
///
///     expert law: row: needed row 2 of 3, column 8, to be 0.25, as alone, came 0.25000003
///
///     sizes    width() is at least 1; scratch_bytes(T) never falls as T grows
///     no rows  T = 0 succeeds, with null views and no scratch
///     success  every batch of finite rows succeeds with scratch_bytes(T) of scratch
///     repeat   a row gives the same bits again, also from other addresses and over other garbage in y
///     row      a row gives the same bits in a batch of 2 to max_rows, in any place, beside any rows
///     scratch  with less than it asked for: kNoSpace, or the right answer
///     shape    views that are not [T, width()]: kShape
///     memory   x stays; writes go to y's rows and the scratch given; ws is given back as it came
///
/// Not checked: the promise on threads. Run it under a thread sanitizer for that.
///
/// Errors   kInvalidArgument: a broken law, named in where().  kHostException: the expert threw.
///          kNoMemory.
template <Expert E>
MOXIE_OPTION_TAG Status check_expert_laws(const E& expert, ExpertLawOptions options = {}) noexcept {
  options.max_rows = std::max<std::size_t>(options.max_rows, 1);
  return guarded("check_expert_laws", [&] { return detail::ExpertLaws<E>(expert, options).check(); });
}

}  // namespace moxie::testing
