// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include <moxie/backend/backend.hpp>
#include <moxie/core/element_type.hpp>
#include <moxie/core/views.hpp>
#include <moxie/core/workers.hpp>

namespace moxie::inline abi1 {

/// A weight matrix as checkpoints store it: [out, in], row-major, without gaps; no alignment is asked. Rows of
/// a quantized type are whole blocks. Or, tiled, as pack_tiles() writes it: a Linear then uses the memory as it lies,
/// which must outlive it.
struct Weights {
  const std::byte* data = nullptr;
  ElementType type = ElementType::kF32;
  std::size_t out_width = 0;
  std::size_t in_width = 0;
  bool tiled = false;

  [[nodiscard]] constexpr std::size_t row_bytes() const noexcept {
    return in_width / traits(type).block_elements * traits(type).block_bytes;
  }
};

namespace backend {
class LinearBody;
}  // namespace backend

/// y = x W^T + b with weights packed once for the machine.
///
/// Shapes   x: [T, in_width], y: [T, out_width]; any T, 0 included; x and y do not overlap.
/// Units    scratch_bytes(T) is in bytes and never falls as T grows.
/// Errors   create: kUnsupported (type, or a forced path that cannot run), kShape (a bias of another
///          width), kNoMemory, kBudget. apply: kShape; kNoSpace.
///          After an error y is unspecified and everything else is as before.
/// Threads  immutable and shared; apply() may run on many threads, each with its own y and workspace.
///
/// A row's result does not depend on the other rows, nor on how tiles are spread over threads.
class MOXIE_API Linear {
 public:
  /// Packs F32, BF16, F16 or block-quantized weights. They may go afterwards, unless they are tiled. `bias` is empty
  /// or [out_width]. `executor` carries the packing; null: the calling thread does.
  static Result<Linear> create(const Backend& backend, const Weights& weights, std::span<const float> bias = {},
                               Budget* budget = nullptr, Executor* executor = nullptr);

  [[nodiscard]] std::size_t in_width() const noexcept;
  [[nodiscard]] std::size_t out_width() const noexcept;
  [[nodiscard]] std::size_t scratch_bytes(std::size_t rows) const noexcept;
  /// All of y on the calling thread.
  Status apply(ConstRows x, Rows y, Workspace& workspace) const noexcept;
  /// All of y by the workers. Scratch of scratch_bytes(x.rows) comes from each worker's workspace.
  Status apply(ConstRows x, Rows y, Workers& workers) const noexcept;

  /// Makes what `worker` needs to run this warm, so that its first apply() makes nothing.
  Status warm_up(backend::Worker& worker) const noexcept;

  /// Which implementation runs: "onednn brg:avx512_core f32", "native avx512 bf16", ...
  [[nodiscard]] std::string_view path() const noexcept;
  /// Bytes of the packed weights.
  [[nodiscard]] std::size_t bytes() const noexcept;

 private:
  friend struct BackendAccess;
  explicit Linear(std::shared_ptr<const backend::LinearBody> body) noexcept : body_(std::move(body)) {}
  std::shared_ptr<const backend::LinearBody> body_;
};

/// Whether weights of that type have tiles: BF16, F16 and the block-quantized types.
[[nodiscard]] MOXIE_API bool has_tiles(ElementType type) noexcept;
/// Bytes of one tile of 16 output rows; the tiles of a matrix lie one after the other.
[[nodiscard]] MOXIE_API std::size_t tile_bytes(ElementType type, std::size_t in_width) noexcept;
/// Writes tiles [first, first + n) of a matrix that is not tiled, n being tiles.size() / tile_bytes(). The same on
/// every machine.
///
/// Errors   kUnsupported: a type without tiles, or weights that are tiled.  kShape: `tiles` is no whole number of
///          them, or reaches past the last; an in_width that is no whole number of blocks.
/// Threads  many at once, each with its own tiles.
MOXIE_API Status pack_tiles(const Weights& weights, std::size_t first, std::span<std::byte> tiles) noexcept;

}  // namespace moxie
