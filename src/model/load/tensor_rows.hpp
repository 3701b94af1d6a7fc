// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include <moxie/core/element_type.hpp>
#include <moxie/core/status.hpp>
#include <moxie/core/text.hpp>

namespace moxie::inline abi1::model {

/// The float types that checkpoints have weights in.
constexpr bool is_float(ElementType type) noexcept {
  return type == ElementType::kF32 || type == ElementType::kBF16 || type == ElementType::kF16;
}

/// What a tensor of another type than `needed` is refused with.
inline Status unsupported_elements(std::string_view tensor, std::string_view needed, ElementType type) noexcept {
  return Status(Code::kUnsupported, tensor, Text("elements of ", needed), name(type));
}

/// [rows, width] elements of `size` bytes as [width, rows].
inline std::vector<std::byte> transposed(std::span<const std::byte> elements, std::size_t width, std::size_t size) {
  std::vector<std::byte> transposed_rows(elements.size());
  const std::size_t rows = elements.size() / (width * size);
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t column = 0; column < width; ++column) {
      std::copy_n(elements.data() + (row * width + column) * size, size,
                  transposed_rows.data() + (column * rows + row) * size);
    }
  }
  return transposed_rows;
}

// GGUF files of llama keep the rows of queries and keys so that the rotary embedding rotates neighbours, 2i and 2i + 1
// of a head of width C; Hugging Face, and moxie, rotate i and i + C/2.
//
// Source   convert_hf_to_gguf.py of llama.cpp, LlamaModel.permute

/// Where in such a file the row lies that is `row` with halves apart.
[[nodiscard]] constexpr std::size_t interleaved_row(std::size_t row, std::size_t head_width) noexcept {
  const std::size_t c = row % head_width;
  const std::size_t half = head_width / 2;
  return row - c + (c < half ? 2 * c : 2 * (c - half) + 1);
}

/// And back: which row with halves apart is `row` of such a file.
[[nodiscard]] constexpr std::size_t row_of_interleaved(std::size_t row, std::size_t head_width) noexcept {
  const std::size_t c = row % head_width;
  return row - c + c / 2 + (c % 2) * (head_width / 2);
}

/// Rows of such a file, `row_size` elements each, with halves apart.
template <class T>
std::vector<T> halves_apart(std::span<const T> rows, std::size_t row_size, std::size_t head_width) {
  std::vector<T> apart(rows.size());
  for (std::size_t row = 0; row * row_size < rows.size(); ++row) {
    const std::span<const T> from = rows.subspan(interleaved_row(row, head_width) * row_size, row_size);
    std::copy(from.begin(), from.end(), apart.begin() + static_cast<std::ptrdiff_t>(row * row_size));
  }
  return apart;
}

}  // namespace moxie::model
