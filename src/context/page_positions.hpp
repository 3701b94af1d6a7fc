// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include <moxie/backend/kv_view.hpp>
#include <moxie/core/text.hpp>

namespace moxie::inline abi1 {

/// Layers, heads, widths and type, for errors.
Text describe(const KvShape& shape) noexcept;

/// Copies what the first `count` positions of one page hold, in every layer and head, and nothing else of it.
void copy_positions(const KvShape& shape, const std::byte* from, std::byte* to, std::size_t count) noexcept;

/// Fills what the positions from `begin` on hold with NaN; in q8_0 with scales that are NaN.
void poison_positions(const KvShape& shape, std::byte* page, std::size_t begin) noexcept;

/// Makes every number of a page that goes back next NaN.
void poison_page(std::byte* page, std::size_t bytes) noexcept;

}  // namespace moxie
