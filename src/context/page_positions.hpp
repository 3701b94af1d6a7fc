// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include <moxie/backend/kv_view.hpp>

namespace moxie {

/// Copies the first `count` positions of one page, in every layer and head, and nothing else of it.
void copy_positions(const KvShape& shape, const float* from, float* to, std::size_t count) noexcept;

/// Fills the positions from `begin` on with NaN.
void poison_positions(const KvShape& shape, float* page, std::size_t begin) noexcept;

}  // namespace moxie
