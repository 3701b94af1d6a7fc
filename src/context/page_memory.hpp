// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

namespace moxie::inline abi1 {

/// How blocks of one size are taken from the system.
struct PageMemory {
  std::size_t bytes = 0;
  bool mapped = false;  ///< mapped by itself, so that its memory leaves the process when it goes
};

/// The plan for blocks of at least `bytes`; nothing where no address space holds one.
std::optional<PageMemory> plan_page_memory(std::uint64_t bytes) noexcept;

/// A block of zeros, 64-byte aligned, or null.
void* take_page_memory(const PageMemory& plan) noexcept;
void give_page_memory(void* block, const PageMemory& plan) noexcept;

}  // namespace moxie
