// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <type_traits>

#include <moxie/core/exp.hpp>

#include "backend/cpu/elements.hpp"
#include "backend/cpu/ops.hpp"

// One body for every ISA path, over that path's Vec (16 floats, internal linkage). Loops over
// accumulators are unrolled by the compiler's order: an accumulator array that crosses a rolled loop
// goes to the stack, at half the speed.

namespace {

using moxie::KvType;
using moxie::backend::AttendArgs;
using moxie::backend::GemmArgs;
using moxie::backend::kSegment;

/// Rows [row, row + R) and vectors [vector, vector + N) of one panel.
template <class Panel, std::size_t R, std::size_t N>
void gemm_tile(const GemmArgs& a, std::size_t row, std::size_t vector) {
  Vec sum[R][N];
#pragma GCC unroll 8
  for (std::size_t r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (std::size_t n = 0; n < N; ++n) sum[r][n] = Vec::zero();
  }
  const auto* w = static_cast<const typename Panel::Element*>(a.panel);  // null where depth is 0
  const float* x = a.x + row * a.x_stride;
  for (std::size_t k = 0; k < a.depth; ++k, w += a.panel_width) {
    Vec weight[N];
#pragma GCC unroll 4
    for (std::size_t n = 0; n < N; ++n) weight[n] = Panel::load(w + (vector + n) * kVectorWidth);
#pragma GCC unroll 8
    for (std::size_t r = 0; r < R; ++r) {
      const Vec value = Vec::broadcast(x[r * a.x_stride + k]);
#pragma GCC unroll 4
      for (std::size_t n = 0; n < N; ++n) sum[r][n] = Vec::fma(value, weight[n], sum[r][n]);
    }
  }
#pragma GCC unroll 4
  for (std::size_t n = 0; n < N; ++n) {
    const std::size_t column = (vector + n) * kVectorWidth;
    if (column >= a.columns) break;
    const std::size_t width = a.columns - column;
    const Vec bias = a.bias == nullptr ? Vec::zero() : Vec::load_first(a.bias + column, width);
#pragma GCC unroll 8
    for (std::size_t r = 0; r < R; ++r) {
      float* y = a.y + (row + r) * a.y_stride + column;
      const Vec result = a.bias == nullptr ? sum[r][n] : sum[r][n] + bias;
      if (width >= kVectorWidth) {
        result.store(y);
      } else {
        result.store_first(y, width);
      }
    }
  }
}

/// R rows against all vectors of the panel, as many at a time as the registers hold.
template <class Panel, std::size_t R>
void gemm_rows(const GemmArgs& a, std::size_t row) {
  constexpr std::size_t kMax = Vec::vectors_for(R);
  const std::size_t vectors = a.panel_width / kVectorWidth;
  std::size_t v = 0;
  if constexpr (kMax >= 4) {
    for (; v + 4 <= vectors; v += 4) gemm_tile<Panel, R, 4>(a, row, v);
  }
  if constexpr (kMax >= 2) {
    for (; v + 2 <= vectors; v += 2) gemm_tile<Panel, R, 2>(a, row, v);
  }
  for (; v < vectors; ++v) gemm_tile<Panel, R, 1>(a, row, v);
}

template <class Panel, std::size_t R>
void gemm_rest(const GemmArgs& a, std::size_t row) {
  if constexpr (R > 0) {
    if (a.rows - row == R) {
      gemm_rows<Panel, R>(a, row);
    } else {
      gemm_rest<Panel, R - 1>(a, row);
    }
  }
}

template <class Panel>
void gemm(const GemmArgs& a) noexcept {
  std::size_t row = 0;
  for (; row + Vec::kRows <= a.rows; row += Vec::kRows) gemm_rows<Panel, Vec::kRows>(a, row);
  gemm_rest<Panel, Vec::kRows - 1>(a, row);
}

inline Vec exp(const Vec& x) { return moxie::detail::exp_of(x); }

/// The sixteen lanes added pairwise (moxie::sum_lanes), and their maximum.
inline float sum_of(Vec x) {
  float lanes[16];
  x.store(lanes);
  for (std::size_t half = 8; half > 0; half /= 2) {
    for (std::size_t i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}
inline float max_of(Vec x) {
  float lanes[16];
  x.store(lanes);
  float largest = lanes[0];
  for (std::size_t i = 1; i < 16; ++i) largest = lanes[i] > largest ? lanes[i] : largest;
  return largest;
}

/// Query heads that go side by side at most.
constexpr std::size_t kHeadsWide = 4;

/// What those remember between pages, and of the segments before.
struct Running {
  float largest[kHeadsWide];
  Vec total[kHeadsWide];
};

/// Each score s as cap * tanh(s / cap), as moxie::soft_cap() has it.
inline Vec capped(const Vec& scores, float cap) {
  float lanes[kVectorWidth];
  scores.store(lanes);
  for (float& s : lanes) s = 2.0f * (s / cap);
  exp(Vec::load(lanes)).store(lanes);
  for (float& e : lanes) e = cap * (1.0f - 2.0f / (1.0f + e));
  return Vec::load(lanes);
}

/// e^(from[h] - to[h]), all heads at once.
template <std::size_t H>
inline void exp_of_differences(const float* from, const float* to, float (&factor)[H]) {
  float lanes[kVectorWidth] = {};
#pragma GCC unroll 4
  for (std::size_t h = 0; h < H; ++h) lanes[h] = from[h] - to[h];
  exp(Vec::load(lanes)).store(lanes);
#pragma GCC unroll 4
  for (std::size_t h = 0; h < H; ++h) factor[h] = lanes[h];
}

/// Scores of one page: their weights e^(s - largest) go to `weights`; what was summed before is to be
/// multiplied by `rescale`. Of the page's positions those in [hidden, seen) count.
template <class Page, std::size_t H>
void score_page(const AttendArgs& a, const float* q, const Page& page, std::size_t hidden, std::size_t seen,
                Running& running, Fetch& fetch, float (&weights)[H][kPage], float (&rescale)[H]) {
  Vec low[H], high[H];
#pragma GCC unroll 4
  for (std::size_t h = 0; h < H; ++h) low[h] = high[h] = Vec::zero();
  for (std::size_t c = 0; c < a.key_width;) {
    const std::size_t end = a.key_width - c < Page::kSpan ? a.key_width : c + Page::kSpan;
    const auto scales = page.key_scales(c);
    for (; c < end; ++c) {
      fetch.line();
      const Vec k0 = page.key(c, 0, scales);
      const Vec k1 = page.key(c, 1, scales);
#pragma GCC unroll 4
      for (std::size_t h = 0; h < H; ++h) {
        const Vec value = Vec::broadcast(q[h * a.q_stride + c]);
        low[h] = Vec::fma(value, k0, low[h]);
        high[h] = Vec::fma(value, k1, high[h]);
      }
    }
  }
  const Vec scale = Vec::broadcast(a.scale);
  const Vec nothing = Vec::broadcast(-__builtin_inff());
  float largest[H];
#pragma GCC unroll 4
  for (std::size_t h = 0; h < H; ++h) {
    low[h] = low[h] * scale;
    high[h] = high[h] * scale;
    if (a.cap > 0) {
      low[h] = capped(low[h], a.cap);
      high[h] = capped(high[h], a.cap);
    }
    low[h] = Vec::first_of(seen, low[h], nothing);
    high[h] = Vec::first_of(seen > kVectorWidth ? seen - kVectorWidth : 0, high[h], nothing);
    if (hidden > 0) {
      low[h] = Vec::first_of(hidden, nothing, low[h]);
      high[h] = Vec::first_of(hidden > kVectorWidth ? hidden - kVectorWidth : 0, nothing, high[h]);
    }
    const float here = max_of(Vec::max(low[h], high[h]));
    largest[h] = here > running.largest[h] ? here : running.largest[h];
  }
  exp_of_differences(running.largest, largest, rescale);
#pragma GCC unroll 4
  for (std::size_t h = 0; h < H; ++h) {
    const Vec shift = Vec::broadcast(largest[h]);
    const Vec w0 = exp(low[h] - shift);
    const Vec w1 = exp(high[h] - shift);
    running.total[h] = Vec::fma(running.total[h], Vec::broadcast(rescale[h]), w0) + w1;
    running.largest[h] = largest[h];
    w0.store(weights[h]);
    w1.store(weights[h] + kVectorWidth);
  }
}

/// Where sums of values grow: [heads][value_width], `stride` apart.
struct Sums {
  float* at;
  std::size_t stride;
};

/// y = y * rescale + weights * values, N vectors of the value's width from `column`; the last may be cut.
template <std::size_t N, class Page, std::size_t H>
void add_values(Sums y, const Page& page, std::size_t hidden, std::size_t seen, std::size_t column, std::size_t width,
                const float (&weights)[H][kPage], const float (&rescale)[H], Fetch& fetch) {
  const typename Page::template Columns<N> columns(page, column);
  const bool whole = width >= kVectorWidth * N;
  Vec sum[H][N];
#pragma GCC unroll 4
  for (std::size_t h = 0; h < H; ++h) {
#pragma GCC unroll 2
    for (std::size_t n = 0; n < N; ++n) {
      const float* at = y.at + h * y.stride + column + n * kVectorWidth;
      sum[h][n] = (whole ? Vec::load(at) : Vec::load_first(at, width)) * Vec::broadcast(rescale[h]);
    }
  }
  for (std::size_t j = hidden; j < seen; ++j) {
    fetch.line();
    Vec value[N];
#pragma GCC unroll 2
    for (std::size_t n = 0; n < N; ++n) value[n] = whole ? columns.load(j, n) : columns.load_first(j, n, width);
#pragma GCC unroll 4
    for (std::size_t h = 0; h < H; ++h) {
      const Vec weight = Vec::broadcast(weights[h][j]);
#pragma GCC unroll 2
      for (std::size_t n = 0; n < N; ++n) sum[h][n] = Vec::fma(weight, value[n], sum[h][n]);
    }
  }
#pragma GCC unroll 4
  for (std::size_t h = 0; h < H; ++h) {
#pragma GCC unroll 2
    for (std::size_t n = 0; n < N; ++n) {
      float* at = y.at + h * y.stride + column + n * kVectorWidth;
      if (whole) {
        sum[h][n].store(at);
      } else {
        sum[h][n].store_first(at, width);
      }
    }
  }
}

/// One page for one row, whose heads from `head` on are H.
template <class Page, std::size_t H>
void attend_page(const AttendArgs& a, const Page& page, const float* q, Sums y, std::size_t hidden, std::size_t seen,
                 Running& running, Fetch fetch) {
  float weights[H][kPage];
  float rescale[H];
  score_page(a, q, page, hidden, seen, running, fetch, weights, rescale);
  constexpr std::size_t kStep = kVectorWidth * Vec::kAttendVectors;
  std::size_t c = 0;
  for (; c + kStep <= a.value_width; c += kStep) {
    add_values<Vec::kAttendVectors>(y, page, hidden, seen, c, kStep, weights, rescale, fetch);
  }
  for (; c < a.value_width; c += kVectorWidth) {
    add_values<1>(y, page, hidden, seen, c, a.value_width - c, weights, rescale, fetch);
  }
}

/// H heads before a row's first page. A sink is there before it: the largest so far, with weight e^0.
template <std::size_t H>
void start_row(const float* sinks, Running& running) {
#pragma GCC unroll 4
  for (std::size_t h = 0; h < H; ++h) {
    running.largest[h] = sinks == nullptr ? -__builtin_inff() : sinks[h];
    running.total[h] = sinks == nullptr ? Vec::zero() : Vec::first_of(1, Vec::broadcast(1.0f), Vec::zero());
  }
}

/// H heads before another segment, in which all scores may be -infinity: the least finite number leaves them without
/// weight.
template <std::size_t H>
void start_segment(Running& running) {
#pragma GCC unroll 4
  for (std::size_t h = 0; h < H; ++h) {
    running.largest[h] = -__FLT_MAX__;
    running.total[h] = Vec::zero();
  }
}

template <std::size_t H>
void clear(Sums y, std::size_t width) {
  for (std::size_t h = 0; h < H; ++h) {
    for (std::size_t c = 0; c < width; ++c) y.at[h * y.stride + c] = 0.0f;
  }
}

/// H heads' sums of a segment, and what they remember, join those of the segments before.
template <std::size_t H>
void merge_segment(Sums y, Running& all, Sums segment, const Running& running, std::size_t width) {
  float largest[H], before[H], here[H];
#pragma GCC unroll 4
  for (std::size_t h = 0; h < H; ++h) {
    largest[h] = running.largest[h] > all.largest[h] ? running.largest[h] : all.largest[h];
  }
  exp_of_differences(all.largest, largest, before);
  exp_of_differences(running.largest, largest, here);
#pragma GCC unroll 4
  for (std::size_t h = 0; h < H; ++h) {
    const Vec to_all = Vec::broadcast(before[h]);
    const Vec to_here = Vec::broadcast(here[h]);
    all.largest[h] = largest[h];
    all.total[h] = Vec::fma(running.total[h], to_here, all.total[h] * to_all);
    float* to = y.at + h * y.stride;
    const float* from = segment.at + h * segment.stride;
    std::size_t c = 0;
    for (; c + kVectorWidth <= width; c += kVectorWidth) {
      Vec::fma(Vec::load(from + c), to_here, Vec::load(to + c) * to_all).store(to + c);
    }
    if (c == width) continue;
    Vec::fma(Vec::load_first(from + c, width - c), to_here, Vec::load_first(to + c, width - c) * to_all)
        .store_first(to + c, width - c);
  }
}

/// Query heads that one walk over the pages serves: a page is read once for all of them, for pages of a long context
/// come from memory.
constexpr std::size_t kHeadsAtOnce = 16;
/// Sets of 4, 2 or 1 that so many heads fall into.
constexpr std::size_t kHeadSets = kHeadsAtOnce / kHeadsWide + 1;

/// body(set, first head, how many), heads in fours, then a two and a one; how many is known when it is compiled.
template <class Body>
void each_set(std::size_t heads, Body&& body) {
  std::size_t set = 0;
  std::size_t head = 0;
  for (; head + 4 <= heads; head += 4) body(set++, head, std::integral_constant<std::size_t, 4>{});
  if (head + 2 <= heads) {
    body(set++, head, std::integral_constant<std::size_t, 2>{});
    head += 2;
  }
  if (head < heads) body(set, head, std::integral_constant<std::size_t, 1>{});
}

/// Heads [first, first + heads), at most kHeadsAtOnce.
template <class Page>
void attend_heads(const AttendArgs& a, std::size_t first, std::size_t heads) {
  const float* q = a.q + first * a.q_stride;
  float* y = a.y + first * a.y_stride;
  Running all[kHeadSets][moxie::backend::kAttendRows];      // of a row's segments up to now
  Running running[kHeadSets][moxie::backend::kAttendRows];  // of the one under way, where it is not the row's first
  // Positions below the window of a row that sees [0, visible).
  const auto below = [&](std::size_t visible) {
    return a.window != 0 && visible > a.window ? visible - a.window : std::size_t{0};
  };
  const std::size_t end = a.visible + a.rows - 1;
  for (std::size_t begin = below(a.visible) / kPage * kPage; begin < end; begin += kPage) {
    const Page page(a, a.pages[begin / kPage]);
    Fetch next;
    if (begin + kPage < end) next = lines_of(a, a.pages[begin / kPage + 1]);
    const std::size_t share = next.left / ((heads + kHeadsWide - 1) / kHeadsWide) + 1;
    each_set(heads, [&](std::size_t set, std::size_t head, auto count) {
      for (std::size_t r = 0; r < a.rows; ++r) {
        const std::size_t visible = a.visible + r;
        const std::size_t lowest = below(visible);
        if (visible <= begin || lowest >= begin + kPage) continue;
        const std::size_t hidden = lowest > begin ? lowest - begin : 0;
        const std::size_t seen = visible - begin < kPage ? visible - begin : kPage;
        // A row's first segment grows where its result will be, and knows the sinks.
        const Sums result{y + r * a.y_row_stride + head * a.y_stride, a.y_stride};
        const bool is_first = begin / kSegment == lowest / kSegment;
        const Sums sums =
            is_first ? result : Sums{a.segment + (r * a.heads + first + head) * a.value_width, a.value_width};
        Running& state = is_first ? all[set][r] : running[set][r];
        if (lowest >= begin || begin % kSegment == 0) {
          clear<count()>(sums, a.value_width);
          is_first ? start_row<count()>(a.sinks == nullptr ? nullptr : a.sinks + first + head, state)
                   : start_segment<count()>(state);
        }
        attend_page<Page, count()>(a, page, q + r * a.q_row_stride + head * a.q_stride, sums, hidden, seen, state,
                                   r == 0 ? next.part(share) : Fetch());
        const bool is_last = (begin + kPage) % kSegment == 0 || begin + kPage >= visible;
        if (is_last && !is_first) merge_segment<count()>(result, all[set][r], sums, state, a.value_width);
      }
    });
  }
  each_set(heads, [&](std::size_t set, std::size_t head, auto count) {
    for (std::size_t r = 0; r < a.rows; ++r) {
      for (std::size_t h = 0; h < count; ++h) {
        const float total = sum_of(all[set][r].total[h]);
        float* out = y + r * a.y_row_stride + (head + h) * a.y_stride;
        for (std::size_t c = 0; c < a.value_width; ++c) out[c] /= total;
      }
    }
  });
}

template <class Page>
void attend_pages(const AttendArgs& a) {
  for (std::size_t head = 0; head < a.heads; head += kHeadsAtOnce) {
    attend_heads<Page>(a, head, a.heads - head < kHeadsAtOnce ? a.heads - head : kHeadsAtOnce);
  }
}

inline void attend(const AttendArgs& a) noexcept {
  switch (a.type) {
    case KvType::kF32: return attend_pages<PlainPage<F32Panel>>(a);
    case KvType::kF16: return attend_pages<PlainPage<F16Panel>>(a);
    case KvType::kBF16: return attend_pages<PlainPage<BF16Panel>>(a);
    case KvType::kQ8_0: return attend_pages<Q8Page>(a);
  }
}

constexpr moxie::backend::Ops make_ops(const char* isa) {
  return {isa, {gemm<F32Panel>, gemm<BF16Panel>, gemm<F16Panel>}, attend};
}

}  // namespace
