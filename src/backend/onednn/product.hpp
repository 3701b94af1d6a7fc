// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "backend/onednn/adaptor.hpp"
#include "backend/worker.hpp"

namespace moxie::inline abi1::backend {

/// oneDNN's matmul [m, depth] x [depth, columns] for a few fixed m that share one weight layout. Any
/// number of rows is put together from them; the probe has shown that a row's bits are the same in
/// each.
class Product {
 public:
  /// Row counts, largest first. The last is 1, so that every number of rows can be put together.
  static constexpr std::array<std::size_t, 4> kRows = {64, 16, 4, 1};

  /// Makes the primitives and probes them. kUnsupported where rows depend on their number.
  static Result<std::shared_ptr<const Product>> create(const dnnl::engine& engine, std::size_t depth,
                                                       std::size_t columns);

  /// What one thread needs to run it: made once, then used again and again.
  struct Warm {
    struct Step {
      dnnl::memory x, weights, y;
      dnnl::memory scratchpad;
      // oneDNN's C form: its C++ execute() makes a vector of these in every call.
      std::array<dnnl_exec_arg_t, 4> arguments;
    };
    dnnl::stream stream;
    std::array<Step, kRows.size()> steps;
    std::vector<std::byte> scratchpad;
  };
  [[nodiscard]] std::unique_ptr<Warm> warm_up() const;

  /// y = x * weights for exactly kRows[step] rows; x and y dense. Throws dnnl::error.
  void run(Warm& warm, std::size_t step, const float* x, const float* weights, float* y) const;

  /// Lays [columns, depth] row-major f32 out as the primitives want it.
  void pack(const float* weights, float* packed) const;

  [[nodiscard]] std::size_t depth() const noexcept { return depth_; }
  [[nodiscard]] std::size_t columns() const noexcept { return columns_; }
  [[nodiscard]] std::size_t packed_floats() const noexcept { return packed_bytes_ / sizeof(float); }
  /// oneDNN's names of what runs, the largest row count first: one, or several joined by "+".
  [[nodiscard]] const std::string& implementation() const noexcept { return implementation_; }

 private:
  Product(dnnl::engine engine, std::size_t depth, std::size_t columns);
  [[nodiscard]] Status probe() const;

  dnnl::engine engine_;
  std::size_t depth_;
  std::size_t columns_;
  std::size_t packed_bytes_ = 0;
  std::string implementation_;
  dnnl::memory::desc weights_;
  std::array<dnnl::matmul::primitive_desc, kRows.size()> descriptions_;
  std::array<dnnl::matmul, kRows.size()> primitives_;
};

/// A thread's warm products, of any backend. It shares in them, so that no address comes back as another
/// product's.
class OneDnnWorker final : public EngineWorker {
 public:
  Product::Warm& warm(const std::shared_ptr<const Product>& product);

 private:
  std::unordered_map<std::shared_ptr<const Product>, std::unique_ptr<Product::Warm>> warm_;
};

}  // namespace moxie::backend
