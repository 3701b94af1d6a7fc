// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

namespace moxie::model {

// GGUF files of llama keep the rows of queries and keys so that the rotary embedding turns neighbours, 2i and 2i + 1 of
// a head of width C; Hugging Face, and moxie, turn i and i + C/2.
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
