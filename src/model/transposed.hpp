// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

namespace moxie::model {

/// [rows, width] elements of `size` bytes as [width, rows].
inline std::vector<std::byte> transposed(std::span<const std::byte> elements, std::size_t width, std::size_t size) {
  std::vector<std::byte> turned(elements.size());
  const std::size_t rows = elements.size() / (width * size);
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t column = 0; column < width; ++column) {
      std::copy_n(elements.data() + (row * width + column) * size, size, turned.data() + (column * rows + row) * size);
    }
  }
  return turned;
}

}  // namespace moxie::model
