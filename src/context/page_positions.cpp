// SPDX-License-Identifier: Apache-2.0
#include "context/page_positions.hpp"

#include <algorithm>
#include <limits>

namespace moxie {

void copy_positions(const KvShape& shape, const float* from, float* to, std::size_t count) noexcept {
  const std::size_t blocks = shape.layers * shape.kv_heads;
  for (std::size_t block = 0; block < blocks; ++block) {
    for (std::size_t c = 0; c < shape.key_width; ++c) {
      std::copy_n(from, count, to);
      from += kKvPagePositions;
      to += kKvPagePositions;
    }
    std::copy_n(from, count * shape.value_width, to);
    from += kKvPagePositions * shape.value_width;
    to += kKvPagePositions * shape.value_width;
  }
}

void poison_positions(const KvShape& shape, float* page, std::size_t begin) noexcept {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::size_t blocks = shape.layers * shape.kv_heads;
  for (std::size_t block = 0; block < blocks; ++block) {
    for (std::size_t c = 0; c < shape.key_width; ++c) {
      std::fill(page + begin, page + kKvPagePositions, nan);
      page += kKvPagePositions;
    }
    std::fill(page + begin * shape.value_width, page + kKvPagePositions * shape.value_width, nan);
    page += kKvPagePositions * shape.value_width;
  }
}

}  // namespace moxie
