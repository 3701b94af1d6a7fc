// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <moxie/core/checked.hpp>
#include <moxie/core/element_type.hpp>
#include <moxie/format/checkpoint.hpp>

namespace moxie::inline abi1::format {

/// Where one tensor lies in a file. Offsets count from the first byte of the file's data.
struct TensorEntry {
  std::string_view name;
  std::array<std::uint64_t, Tensor::kMaxRank> dims{};  ///< outermost first
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  ElementType type = ElementType::kF32;
  std::uint8_t rank = 0;
  bool tiled = false;

  [[nodiscard]] std::span<const std::uint64_t> shape() const noexcept { return std::span(dims).first(rank); }
};

/// The bytes that a tensor takes: of a quantized one, whole blocks along the innermost dimension. Nothing where
/// that dimension does not come in whole blocks, or where the bytes, with 1 for each dimension that is 0, do not fit
/// in 64 bits: whoever multiplies some of the dimensions is then safe.
constexpr std::optional<std::uint64_t> tensor_bytes(ElementType type, std::span<const std::uint64_t> dims) noexcept {
  const ElementTraits& block = traits(type);
  const std::uint64_t innermost = dims.empty() ? 1 : dims.back();
  if (innermost % block.block_elements != 0) return std::nullopt;
  std::optional<std::uint64_t> elements = 1;
  bool empty = false;
  for (const std::uint64_t dim : dims) {
    empty = empty || dim == 0;
    if (elements && dim != 0) elements = checked::multiply(*elements, dim);
  }
  if (!elements) return std::nullopt;
  const auto bytes = checked::multiply(*elements / block.block_elements, std::uint64_t{block.block_bytes});
  return bytes && empty ? 0 : bytes;
}

/// The bytes of matrices ([..., out, in], at least 2 dimensions) in moxie's tiles: rows padded to whole tiles of 16,
/// and where blocks have 32 elements, each row to pairs of them. Nothing as in tensor_bytes(), for types that have no
/// tiles, and for vectors.
constexpr std::optional<std::uint64_t> tiled_bytes(ElementType type, std::span<const std::uint64_t> dims) noexcept {
  if (dims.size() < 2 || (!is_quantized(type) && type != ElementType::kBF16 && type != ElementType::kF16)) {
    return std::nullopt;
  }
  constexpr std::uint64_t kRows = 16;
  const std::uint64_t out = dims[dims.size() - 2];
  const std::uint64_t in = dims.back();
  if (in % traits(type).block_elements != 0) return std::nullopt;
  const auto rows = checked::align_up(out, kRows);
  const auto width = traits(type).block_elements == 32 ? checked::align_up(in, std::uint64_t{64}) : in;
  if (!rows || !width) return std::nullopt;
  std::array<std::uint64_t, Tensor::kMaxRank> padded{};
  for (std::size_t i = 0; i < dims.size(); ++i) padded[i] = dims[i];
  padded[dims.size() - 2] = *rows;
  padded[dims.size() - 1] = *width;
  return tensor_bytes(type, std::span(padded).first(dims.size()));
}

/// "<file>: tensor '<name>'", for the `where` of an error. A long name is cut.
std::string at_tensor(std::string_view file, std::string_view tensor);

}  // namespace moxie::format
