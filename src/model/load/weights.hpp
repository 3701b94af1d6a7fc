// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include <moxie/backend/linear.hpp>
#include <moxie/format/checkpoint.hpp>
#include <moxie/model/model.hpp>

#include "backend/weight_arena.hpp"
#include "model/families/family.hpp"
#include "model/load/tensor_names.hpp"

namespace moxie::inline abi1::model {

/// Takes weights out of a checkpoint by their part and shape, whatever kind of file it is, and packs matrices for the
/// backend. Reports progress by bytes.
///
/// Errors   kNotFound: no such tensor. kFormat: another shape than the configuration says, or a bias that
///          it denies.
///          kUnsupported: an element type that no kernel takes. Those of Linear::create.
class WeightSource {
 public:
  /// All outlive this.
  WeightSource(const Checkpoint& checkpoint, const Family& family, const Backend& backend, const LoadOptions& options,
               Executor* executor);

  /// The weight of [out, in], and the bias of [out] where `with_bias`.
  Result<Linear> linear(const Place& place, std::size_t out, std::size_t in, bool with_bias = false);
  /// Of queries or keys: rows come as the rotary embedding wants them, halves apart, whatever order a file has.
  Result<Linear> heads(const Place& place, std::size_t out, std::size_t in, std::size_t head_width, bool with_bias);
  /// Of a matrix of [out, in], rows [first, first + count) by themselves.
  Result<Linear> some_rows(const Place& place, std::size_t out, std::size_t in, std::size_t first, std::size_t count);
  /// The same transposed, [in, count]. Floats keep their type; blocks cannot be transposed, and are widened to f32.
  Result<Linear> transposed_rows(const Place& place, std::size_t out, std::size_t in, std::size_t first,
                                 std::size_t count);
  /// Whether the checkpoint has it, and the family a name for it.
  [[nodiscard]] bool has(const Place& place) const;
  /// A vector of floats of that length, widened to f32.
  Result<std::vector<float>> vector(const Place& place, std::size_t width);
  /// A vector that is the weight of a norm, as it is multiplied with.
  Result<std::vector<float>> norm(const Place& place, std::size_t width);
  /// The bias of a norm.
  Result<std::vector<float>> bias(const Place& place, std::size_t width) {
    return floats(names_.tensor(place, ".bias"), width);
  }
  /// The bytes of a matrix of [rows, width], as they lie in the file.
  Result<Weights> matrix(const Place& place, std::size_t rows, std::size_t width);
  /// Tied embeddings are the head as well. Some writers store them under both names: kFormat where those differ,
  /// for choosing one would be a guess.
  Status check_tied();
  /// Reports all bytes as done: those of tensors that stay in the file, or that nobody asked for, too.
  Status finish();
  /// Whether a Linear that was made uses the checkpoint's memory, which then must stay.
  [[nodiscard]] bool uses_tiles() const noexcept { return uses_tiles_; }
  /// What the checkpoint has and nobody asked for.
  [[nodiscard]] std::vector<UnreadTensors> unread() const;

 private:
  Result<Tensor> find(const std::string& name, std::span<const std::uint64_t> dims);
  Result<Tensor> find_matrix(const Place& place, const std::string& name, std::size_t rows, std::size_t width);
  Result<std::vector<float>> floats(const std::string& name, std::size_t width);
  Result<std::vector<float>> floats_of(const Tensor& tensor);
  /// Of a part, [out]; where one tensor holds those of all experts, the expert's.
  Result<std::vector<float>> bias_of(const Place& place, const std::string& name, std::size_t out);
  Result<Linear> stacked(const Place& place, std::size_t out, std::size_t in, bool with_bias);
  /// `head_width`: rows are shuffled within heads of so many; 0: they lie as they are.
  Result<Linear> linear(const Place& place, std::size_t out, std::size_t in, std::size_t head_width, bool with_bias);
  /// Of the checkpoint; from now on it is no unread one.
  Result<Tensor> take(const std::string& name);
  /// Errors name the tensor.
  Result<Linear> pack(std::string_view tensor, const Weights& weights, std::span<const float> bias);
  /// Of `part`, which are some rows of a matrix that the checkpoint has in one tensor.
  Result<Linear> pack_part(const Place& place, const Weights& part, std::size_t packed_bytes);
  Status done(const Tensor& tensor);
  [[nodiscard]] Status report() const;

  const Checkpoint& checkpoint_;
  TensorNames names_;
  bool interleaved_;
  bool stacked_;
  bool norms_above_one_;
  const Backend& backend_;
  const LoadOptions& options_;
  Executor* executor_;
  backend::WeightArena arena_;
  bool uses_tiles_ = false;
  std::unordered_set<std::string_view> taken_;  // names, where the checkpoint keeps them
  std::string_view said_by_;
  std::uint64_t packed_bytes_ = 0;
};

}  // namespace moxie::model
