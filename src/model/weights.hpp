// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <moxie/backend/linear.hpp>
#include <moxie/format/checkpoint.hpp>

namespace moxie::model {

/// Takes tensors out of a checkpoint by name and shape, and packs matrices for the backend. Reports
/// progress by bytes.
///
/// Errors   kNotFound: no such tensor. kFormat: another shape than the configuration says, or a bias that
///          it denies.
///          kUnsupported: an element type that no kernel takes. Those of Linear::create.
class WeightSource {
 public:
  WeightSource(const Checkpoint& checkpoint, const Backend& backend, const LoadOptions& options) noexcept
      : checkpoint_(checkpoint), backend_(backend), options_(options) {}

  /// `name`.weight of [out, in], and `name`.bias of [out] where `with_bias`.
  Result<Linear> linear(const std::string& name, std::size_t out, std::size_t in, bool with_bias = false);
  /// A vector of floats of that length, widened to f32.
  Result<std::vector<float>> vector(const std::string& name, std::size_t width);
  /// The bytes of a matrix of [rows, width], as they lie in the file.
  Result<Weights> matrix(const std::string& name, std::size_t rows, std::size_t width);
  /// Reports all bytes as done: those of tensors that stay in the file, or that nobody asked for, too.
  Status finish();

 private:
  Result<Tensor> find(const std::string& name, std::span<const std::uint64_t> dims);
  Status done(const Tensor& tensor);
  [[nodiscard]] Status report() const;

  const Checkpoint& checkpoint_;
  const Backend& backend_;
  const LoadOptions& options_;
  std::uint64_t packed_bytes_ = 0;
};

/// Copies `count` elements of a float type to f32.
void widen(const std::byte* from, ElementType type, std::size_t count, float* to) noexcept;

}  // namespace moxie::model
