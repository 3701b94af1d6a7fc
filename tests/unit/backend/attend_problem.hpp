// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include <moxie/backend/kv_view.hpp>

#include "backend/cpu/ops.hpp"
#include "support/compare.hpp"
#include "unit/backend/kv_rounding.hpp"
#include "unit/backend/linear_problem.hpp"

namespace moxie::test {

/// One row of queries and the pages that it sees, in a layer and head amid others. Whatever may not be
/// read is NaN: other layers and heads, positions from `visible` on, the room between queries. Pages
/// without a visible position are null.
struct AttendProblem {
  static constexpr std::size_t kLayer = 1, kHead = 2;

  AttendProblem(std::size_t heads, std::size_t key_width, std::size_t value_width, std::size_t visible_in)
      : shape{.layers = 3, .kv_heads = 4, .key_width = key_width, .value_width = value_width},
        visible(visible_in),
        queries(heads, key_width, 3),
        scale(1.0f / std::sqrt(static_cast<float>(key_width))),
        memory((visible + kKvPagePositions - 1) / kKvPagePositions,
               std::vector<float>(shape.page_bytes() / sizeof(float), std::numeric_limits<float>::quiet_NaN())),
        pages(memory.size() + 1, nullptr) {
    std::ranges::transform(memory, pages.begin(),
                           [](std::vector<float>& page) { return reinterpret_cast<std::byte*>(page.data()); });
  }

  static AttendProblem random(std::size_t heads, std::size_t key_width, std::size_t value_width, std::size_t visible) {
    AttendProblem problem(heads, key_width, value_width, visible);
    const Table numbers = Table::random(heads + visible, key_width + value_width, heads * 1000 + key_width + visible);
    for (std::size_t h = 0; h < heads; ++h) {
      for (std::size_t c = 0; c < key_width; ++c) problem.queries.view().row(h)[c] = 3.0f * numbers.view().row(h)[c];
    }
    for (std::size_t j = 0; j < visible; ++j) {
      const auto row = numbers.view()[heads + j];
      for (std::size_t c = 0; c < key_width; ++c) problem.key(j, c) = row[c];
      for (std::size_t c = 0; c < value_width; ++c) problem.value(j, c) = row[key_width + c];
    }
    return problem;
  }

  // By KvView's words: keys transposed, [key_width][32], then values, [32][value_width].
  float& key(std::size_t position, std::size_t c) { return block(position)[c * 32 + position % 32]; }
  float& value(std::size_t position, std::size_t c) {
    return block(position)[32 * shape.key_width + position % 32 * shape.value_width + c];
  }

  /// The numbers become those that pages of the type hold, and run() reads them from such pages. key() and value() are
  /// not to be written any more.
  void store_as(KvType type) {
    shape.type = type;
    typed.emplace_back(shape, memory.size());
    std::vector<float> key_row(shape.key_width), value_row(shape.value_width);
    for (std::size_t j = below(); j < visible; ++j) {
      for (std::size_t c = 0; c < shape.key_width; ++c) key_row[c] = key(j, c);
      for (std::size_t c = 0; c < shape.value_width; ++c) value_row[c] = value(j, c);
      const KvRow keys(type, key_row), values(type, value_row);
      typed.back().put(kLayer, kHead, j, keys, values);
      for (std::size_t c = 0; c < shape.key_width; ++c) key(j, c) = static_cast<float>(keys.value[c]);
      for (std::size_t c = 0; c < shape.value_width; ++c) value(j, c) = static_cast<float>(values.value[c]);
    }
    f32_pages = pages;
    for (std::size_t page = 0; page < memory.size(); ++page) {
      if (pages[page] != nullptr) pages[page] = typed.back().pages()[page];
    }
  }

  /// Of the visible positions the last so many count. The others become NaN, and pages without one of them null.
  void see_last(std::size_t count) {
    window = count;
    for (std::size_t j = 0; j < below(); ++j) {
      for (std::size_t c = 0; c < shape.key_width; ++c) key(j, c) = std::numeric_limits<float>::quiet_NaN();
      for (std::size_t c = 0; c < shape.value_width; ++c) value(j, c) = std::numeric_limits<float>::quiet_NaN();
    }
    for (std::size_t page = 0; (page + 1) * kKvPagePositions <= below(); ++page) pages[page] = nullptr;
  }
  [[nodiscard]] std::size_t below() const { return window != 0 && visible > window ? visible - window : 0; }

  /// Heads [first, first + y.rows) into y.
  void run(const backend::Ops& ops, std::size_t first, Rows y) { run(ops, first, y, pages, shape.type); }
  /// The same numbers from pages of f32.
  void run_as_f32(const backend::Ops& ops, std::size_t first, Rows y) {
    run(ops, first, y, shape.type == KvType::kF32 ? pages : f32_pages, KvType::kF32);
  }

  void run(const backend::Ops& ops, std::size_t first, Rows y, const std::vector<std::byte*>& from, KvType type) {
    KvShape read = shape;
    read.type = type;
    std::vector<float> segment(y.rows * shape.value_width, std::numeric_limits<float>::quiet_NaN());
    ops.attend({.q = queries.view().row(first),
                .q_stride = queries.view().stride,
                .rows = 1,
                .q_row_stride = 0,
                .heads = y.rows,
                .pages = from.data(),
                .type = type,
                .block = read.block(kLayer, kHead),
                .key_width = shape.key_width,
                .value_width = shape.value_width,
                .visible = visible,
                .window = window,
                .scale = scale,
                .sinks = sinks.empty() ? nullptr : sinks.data() + first,
                .y = y.data,
                .y_stride = y.stride,
                .y_row_stride = 0,
                .segment = segment.data()});
  }

  /// Softmax over the visible positions in double, and what f32 may be off by in units of u times the
  /// weighted mean of |value|: `roundings`, the most over all heads.
  ///
  /// A score is C fused multiply-adds and a scaling, so off by (C + 1) u |scale| sum |q k|; the shift to the
  /// largest adds u |s - largest|, and rescaling from page to page as much again in all, for the
  /// steps between running maxima add up to no more than the range. exp is within 2 u. An error d
  /// in the exponent is a relative error of d in the weight, in the sum above and in the sum below: twice.
  /// Then each position of a segment is one addition in either sum, and each page one product. A segment that joins the
  /// others is two products and an addition, with two exponentials, whose shifts add as much as those of pages did. A
  /// sink is one position more, with a score that is exact.
  struct Exact {
    Reference value;
    double roundings;
  };
  [[nodiscard]] Exact exact() {
    const std::size_t heads = queries.view().rows;
    Exact out{Reference(heads, shape.value_width), 0.0};
    for (std::size_t h = 0; h < heads; ++h) {
      std::vector<double> scores(visible);
      double magnitude = 0.0;
      double least = std::numeric_limits<double>::infinity(), most = -least;
      for (std::size_t j = below(); j < visible; ++j) {
        double terms = 0.0;
        for (std::size_t c = 0; c < shape.key_width; ++c) {
          const double term = static_cast<double>(queries.view().row(h)[c]) * static_cast<double>(key(j, c));
          scores[j] += term * static_cast<double>(scale);
          terms += std::abs(term * static_cast<double>(scale));
        }
        magnitude = std::max(magnitude, terms);
        least = std::min(least, scores[j]);
        most = std::max(most, scores[j]);
      }
      double total = 0.0;
      if (!sinks.empty()) {
        least = std::min(least, static_cast<double>(sinks[h]));
        most = std::max(most, static_cast<double>(sinks[h]));
        total = std::exp(static_cast<double>(sinks[h]) - most);
      }
      for (std::size_t j = below(); j < visible; ++j) total += scores[j] = std::exp(scores[j] - most);
      for (std::size_t c = 0; c < shape.value_width; ++c) {
        double sum = 0.0, size = 0.0;
        for (std::size_t j = below(); j < visible; ++j) {
          sum += scores[j] * static_cast<double>(value(j, c)) / total;
          size += scores[j] * std::abs(static_cast<double>(value(j, c))) / total;
        }
        // A rounding of the reference itself must not put the value above its magnitude.
        out.value.set(h, c, sum, std::max(size, std::abs(sum)));
      }
      constexpr std::size_t kSegment = 256;
      const auto positions = static_cast<double>(std::min(visible, kSegment)) + 1.0;
      const auto n_pages = static_cast<double>(std::min(memory.size(), kSegment / kKvPagePositions));
      const auto joins = static_cast<double>((visible - 1) / kSegment - below() / kSegment);
      const double steps = joins > 0.0 ? 3.0 : 2.0;
      const double exponent = (static_cast<double>(shape.key_width) + 2.0) * magnitude + steps * (most - least);
      out.roundings = std::max(out.roundings, 2.0 * (exponent + 2.0 + 4.0 * n_pages + positions + 7.0 * joins) + 4.0);
    }
    return out;
  }

  KvShape shape;
  std::size_t visible;
  std::size_t window = 0;
  Strided queries;
  float scale;
  std::vector<float> sinks;  ///< for each head, or empty
  std::vector<std::vector<float>> memory;
  std::vector<std::byte*> pages;
  std::vector<KvBytes> typed;  // at most one
  std::vector<std::byte*> f32_pages;

 private:
  float* block(std::size_t position) {
    const std::size_t block_floats = 32 * (shape.key_width + shape.value_width);
    return memory[position / 32].data() + (kLayer * shape.kv_heads + kHead) * block_floats;
  }
};

}  // namespace moxie::test
