// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include <moxie/core/ranges.hpp>
#include <moxie/core/scratch.hpp>
#include <moxie/router/router.hpp>

namespace moxie::inline abi1 {

/// A router's decision, turned round: for each expert its rows, for each row its outputs.
///
/// Token-expert pairs are numbered by expert, and within an expert by row:
///
///     row 0 -> 2, 0      pair     0        1        2        3
///     row 1 -> 2, 1      expert   0        1        2        2
///                        row      0        1        0        1
///                        row 0 has pairs 0, 2; row 1 has pairs 1, 3
///
/// So an expert's rows lie side by side, and a row's pairs ascend with the expert's id, which is the
/// order in which its outputs are added. Rows of one expert are cut into blocks: the tasks.
///
/// A router may be anybody's, so nothing that it wrote is believed before it is checked.
///
/// Shapes   T rows, K slots, N experts. Everything lies in the workspace and lives as long.
/// Errors   kInvalidArgument: an id outside [0, N), an expert twice in a row, an id after kNoExpert, a
///          weight that is not finite, an unused slot with a weight.  kNoSpace.
class Assignment {
 public:
  struct Block {
    std::size_t expert;
    std::size_t begin;  ///< its first pair
    std::size_t count;
  };

  /// Rows that an expert gets in one call, at most: enough to use each weight many times while it is in
  /// cache, few enough that one popular expert keeps several threads busy.
  static constexpr std::size_t kBlockRows = 64;

  static constexpr std::size_t scratch_bytes(std::size_t T, std::size_t N, std::size_t K) noexcept {
    return ScratchSize()
        .take<std::size_t>(N + 1)  // first_pair_
        .take<std::size_t>(N + 1)  // first_task_
        .table<std::size_t>(T, K)  // row_
        .table<float>(T, K)        // weight_
        .table<std::size_t>(T, K)  // pairs_
        .take<std::size_t>(T)      // used_
        .take<std::size_t>(N)      // in the making: the last row that named an expert, its next pair
        .total();
  }

  static Result<Assignment> create(std::string_view where, const RouteOut& routes, std::size_t N,
                                   std::size_t block_rows, Workspace& ws) noexcept {
    const std::size_t T = routes.experts.rows;
    const std::size_t K = routes.experts.width;
    Assignment a;
    a.slots_ = K;
    a.block_rows_ = block_rows;
    MOXIE_TRY_LET(a.first_pair_, ws.take<std::size_t>(N + 1));
    MOXIE_TRY_LET(a.first_task_, ws.take<std::size_t>(N + 1));
    MOXIE_TRY_LET(a.row_, ws.take<std::size_t>(T * K));
    MOXIE_TRY_LET(a.weight_, ws.take<float>(T * K));
    MOXIE_TRY_LET(a.pairs_, ws.take<std::size_t>(T * K));
    MOXIE_TRY_LET(a.used_, ws.take<std::size_t>(T));
    const Workspace::Frame frame(ws);
    MOXIE_TRY_LET(const std::span<std::size_t> of_expert, ws.take<std::size_t>(N));
    MOXIE_TRY(a.count(where, routes, of_expert));
    a.fill(routes, of_expert);
    return a;
  }

  /// How many (row, expert) pairs there are: at most T * K.
  [[nodiscard]] std::size_t num_pairs() const noexcept { return first_pair_.back(); }
  [[nodiscard]] std::size_t num_tasks() const noexcept { return first_task_.back(); }
  [[nodiscard]] Block block(std::size_t task) const noexcept {
    // The last expert whose first task is not beyond: experts without rows have no task and are skipped.
    const auto after = std::upper_bound(first_task_.begin(), first_task_.end(), task);
    const auto expert = static_cast<std::size_t>(after - first_task_.begin()) - 1;
    const std::size_t first = first_pair_[expert];
    const Range pairs = Cut::of_at_most(first_pair_[expert + 1] - first, block_rows_)[task - first_task_[expert]];
    return {expert, first + pairs.begin, pairs.size()};
  }
  [[nodiscard]] std::span<const std::size_t> rows_of(const Block& block) const noexcept {
    return row_.subspan(block.begin, block.count);
  }
  /// A row's pairs, by ascending expert id.
  [[nodiscard]] std::span<const std::size_t> pairs_of(std::size_t row) const noexcept {
    return pairs_.subspan(row * slots_, used_[row]);
  }
  [[nodiscard]] float weight(std::size_t pair) const noexcept { return weight_[pair]; }

  /// Outputs that are computed elsewhere: for each pair a row of D floats, or null where the bank computes it. Empty,
  /// as at first: the bank computes all. The rows must stay until y is made.
  void set_outputs(std::span<const float* const> outputs) noexcept { outputs_ = outputs; }
  [[nodiscard]] const float* output_of(std::size_t pair) const noexcept {
    return outputs_.empty() ? nullptr : outputs_[pair];
  }
  /// Whether the bank has nothing to compute for the block.
  [[nodiscard]] bool is_elsewhere(const Block& block) const noexcept {
    if (outputs_.empty()) return false;
    const auto of_block = outputs_.subspan(block.begin, block.count);
    return std::ranges::none_of(of_block, [](const float* output) { return output == nullptr; });
  }

 private:
  Assignment() noexcept = default;

  // Checks each slot and counts: first_pair_[e + 1] becomes the number of rows of expert e.
  Status count(std::string_view where, const RouteOut& routes, std::span<std::size_t> last_row) noexcept {
    const std::size_t N = last_row.size();
    std::fill(first_pair_.begin(), first_pair_.end(), std::size_t{0});
    std::fill(last_row.begin(), last_row.end(), std::size_t{0});  // a row's number, plus one
    for (std::size_t row = 0; row < used_.size(); ++row) {
      std::size_t used = 0;
      for (std::size_t slot = 0; slot < slots_; ++slot) {
        const std::int32_t id = routes.experts[row][slot];
        const float weight = routes.weights[row][slot];
        const auto wrong = [&](const Text& needed, const Text& came) {
          return Status(Code::kInvalidArgument, where, Text(needed, " from the router at row ", row, ", slot ", slot),
                        came);
        };
        if (id == kNoExpert) {
          if (weight != 0.0f) return wrong(Text("weight 0 in an unused slot"), Text(weight));
          continue;
        }
        if (id < 0 || static_cast<std::size_t>(id) >= N) {
          return wrong(Text("an expert in [0, ", N, ") or kNoExpert"), Text(id));
        }
        if (used != slot) return wrong(Text("kNoExpert after kNoExpert"), Text("expert ", id));
        if (!std::isfinite(weight)) return wrong(Text("a finite weight"), Text(weight));
        const auto expert = static_cast<std::size_t>(id);
        if (last_row[expert] == row + 1) return wrong(Text("different experts"), Text("expert ", id, " again"));
        last_row[expert] = row + 1;
        ++first_pair_[expert + 1];
        ++used;
      }
      used_[row] = used;
    }
    return {};
  }

  void fill(const RouteOut& routes, std::span<std::size_t> next_pair) noexcept {
    const std::size_t N = next_pair.size();
    first_task_[0] = 0;
    for (std::size_t e = 0; e < N; ++e) {
      const std::size_t count = first_pair_[e + 1];
      first_task_[e + 1] = first_task_[e] + Cut::of_at_most(count, block_rows_).size();
      first_pair_[e + 1] += first_pair_[e];
      next_pair[e] = first_pair_[e];
    }
    for (std::size_t row = 0; row < used_.size(); ++row) {
      for (std::size_t slot = 0; slot < used_[row]; ++slot) {
        const std::size_t at = next_pair[static_cast<std::size_t>(routes.experts[row][slot])]++;
        row_[at] = row;
        weight_[at] = routes.weights[row][slot];
      }
      used_[row] = 0;
    }
    // Going through the pairs in order fills each row's list by ascending expert.
    for (std::size_t at = 0; at < num_pairs(); ++at) {
      const std::size_t row = row_[at];
      pairs_[row * slots_ + used_[row]++] = at;
    }
  }

  std::size_t slots_ = 0;
  std::size_t block_rows_ = 1;
  std::span<std::size_t> first_pair_;      // [N + 1]
  std::span<std::size_t> first_task_;      // [N + 1]
  std::span<std::size_t> row_;             // [pairs]
  std::span<float> weight_;                // [pairs]
  std::span<std::size_t> pairs_;           // [T, K]
  std::span<std::size_t> used_;            // [T]
  std::span<const float* const> outputs_;  // [pairs] or empty
};

}  // namespace moxie
