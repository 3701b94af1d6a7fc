// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include <moxie/core/views.hpp>
#include <moxie/model/model_config.hpp>

namespace moxie::inline abi1::model {

/// By what each of the C/2 frequencies of a rotary embedding is divided; empty where they stay as they are. As floats,
/// which is what GGUF files keep, so that a model runs alike from both kinds of files.
///
/// Source   linear: Chen et al., "Extending Context Window of Large Language Models via Positional Interpolation",
///          2023. yarn: Peng et al., "YaRN", 2023. llama3: the rope of Llama 3.1, as in transformers
std::vector<float> frequency_factors(const RopeScaling& scaling, std::size_t rotary_width, double theta);

/// What yarn multiplies queries and keys with where a configuration does not say it.
/// Source   Peng et al., "YaRN", 2023, section 3.4
double yarn_attention_factor(double factor, double mscale = 1) noexcept;
/// What a configuration says of `mscale_all_dim`.
inline double yarn_mscale_all_dim(const RopeScaling& scaling) noexcept {
  return static_cast<double>(static_cast<float>(10 * static_cast<double>(scaling.yarn_log_multiplier)));
}
/// What yarn multiplies scores with besides, in families with latent attention; 1 where nothing says so.
/// Source   DeepseekV3Attention of transformers: the square of mscale, by `mscale_all_dim`
double yarn_softmax_factor(const RopeScaling& scaling) noexcept;

/// Rotary position embedding: rotates the pairs (i, i + R/2) of the first R elements of a head by
/// position * theta^(-2i/R), each divided by its factor. The rest of the head stays.
/// Source   Su et al., "RoFormer", 2021, with the halves laid out as in GPT-NeoX.
class Rope {
 public:
  Rope() = default;
  /// `factors`: of R/2, or empty. `scale`: of what is rotated.
  Rope(std::size_t rotary_width, double theta, std::span<const float> factors = {}, double scale = 1);

  /// Floats of one position's table: R/2 cosines, then R/2 sines.
  [[nodiscard]] std::size_t table_width() const noexcept { return frequencies_.size() * 2; }
  /// Angles are made in double: a float angle is off by 1e-3 at position 30,000.
  void fill(Position position, float* table) const noexcept;
  /// Rotates one head in place.
  void rotate(const float* table, float* head) const noexcept;
  /// The same for a head whose pairs lie side by side, (2i, 2i + 1), as in "RoFormer" itself.
  void rotate_neighbours(const float* table, float* head) const noexcept;

 private:
  std::vector<double> frequencies_;
  double scale_ = 1;
};

/// A rotary embedding with its table for each row of a batch; without one, nothing is turned.
struct RopeRows {
  const Rope* rope = nullptr;
  ConstRows table;  ///< [T, its width]

  void rotate(std::size_t row, float* head) const noexcept {
    if (rope != nullptr) rope->rotate(table.row(row), head);
  }
  void rotate_neighbours(std::size_t row, float* head) const noexcept {
    if (rope != nullptr) rope->rotate_neighbours(table.row(row), head);
  }
};

}  // namespace moxie::model
