// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <moxie/core/result.hpp>
#include <moxie/format/checkpoint.hpp>

#include "model/load/tensor_names.hpp"

namespace moxie::inline abi1::model {

/// One matrix of every expert of a layer as gpt-oss keeps them, in tensors for all: `part` kExpertGate, kExpertUp or
/// kExpertDown. Gate and up share one, NAME being the same for both, and take turns in it.
///
/// Shapes   an expert's matrix is [out, in], read row after row. The file has, with R = 2 out of gate and up, out of
///          down: NAME [N, in, R] of floats; or NAME_blocks [N, R, in / 32, 16] with NAME_scales [N, R, in / 32], bytes
///          of MXFP4, whose rows come as GGUF has them. NAME_bias: [N, R].
/// Errors   kFormat: another shape, or both forms.  kNotFound: neither.  kUnsupported: elements that are no floats.
/// Source   GptOssExperts and convert_moe_packed_tensors of transformers
class StackedExperts {
 public:
  static Result<StackedExperts> find(const Checkpoint& checkpoint, const TensorNames& names, const Place& place,
                                     std::size_t out, std::size_t in);
  /// What NAME_bias says for one expert, [out], widened to f32.
  static Result<std::vector<float>> bias(const Checkpoint& checkpoint, const TensorNames& names, const Place& place,
                                         std::size_t out);

  [[nodiscard]] static std::string bias_name(const TensorNames& names, const Place& place) {
    return names.name(place) + "_bias";
  }

  /// Of all tensors that it is in, where the checkpoint keeps them.
  [[nodiscard]] std::vector<std::string_view> names() const {
    return scales_.name.empty() ? std::vector{elements_.name} : std::vector{elements_.name, scales_.name};
  }
  /// Of the tensor that has the elements or the blocks.
  [[nodiscard]] std::string_view name() const noexcept { return elements_.name; }
  /// F32, F16, BF16 or MXFP4.
  [[nodiscard]] ElementType type() const noexcept { return type_; }
  [[nodiscard]] std::size_t row_bytes() const noexcept { return in_ / traits(type_).block_elements * size_of(type_); }
  /// Rows [first, first + count) of an expert's matrix, row_bytes() each. Floats lie column after column: a few rows at
  /// once cost hardly more than one.
  void read(std::size_t expert, std::size_t first, std::size_t count, std::byte* to) const noexcept;
  /// The part of the file where an expert lies will not be read soon.
  void release(const Checkpoint& checkpoint, std::size_t expert) const noexcept;
  /// Of one expert's matrix in the file.
  [[nodiscard]] std::size_t bytes() const noexcept { return out_ * row_bytes(); }

 private:
  void read_blocks(std::size_t file_row, std::byte* to) const noexcept;

  Tensor elements_;  ///< or the blocks
  Tensor scales_{};
  ElementType type_ = ElementType::kF32;
  std::size_t n_experts_ = 0, out_ = 0, in_ = 0;
  std::size_t step_ = 1;    ///< rows of the file for one of the matrix
  std::size_t offset_ = 0;  ///< which of them
};

}  // namespace moxie::model
