// SPDX-License-Identifier: Apache-2.0
#include "context/page_memory.hpp"

#include <cstring>
#include <limits>
#include <new>

#include <moxie/core/checked.hpp>

#include "core/huge_pages.hpp"

#if defined(__unix__) || defined(__APPLE__)
#include "core/mapped_memory.hpp"
#define MOXIE_HAS_MMAP 1
#else
#define MOXIE_HAS_MMAP 0
#endif

namespace moxie::inline abi1 {
namespace {

constexpr std::align_val_t kAlignment{64};

// From here on a block is mapped by itself. glibc would map the first ones too, but raises its own threshold with
// each block that is freed and from then on keeps such blocks in a heap that seldom shrinks. Not lower:
// Linux allows a process 65,530 mappings, so that small pages could use them up.
[[maybe_unused]] constexpr std::uint64_t kMappedFrom = 256 * 1024;

// A page is written from end to end soon after it is taken: memory for all of it at once costs less than a fault for
// each 4 KiB of it, and is resident as the budget counts it.
#if MOXIE_HAS_MMAP && defined(MAP_POPULATE)
constexpr int kMapped = MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE;
#elif MOXIE_HAS_MMAP
constexpr int kMapped = MAP_PRIVATE | MAP_ANONYMOUS;
#endif

#if MOXIE_HAS_MMAP
// From 2 MiB on in huge pages where the system gives them.
void* map_page(std::size_t bytes) noexcept {
  if (bytes >= kHugePage && maps_huge_pages()) {
    void* const block = map_huge(bytes);
#if defined(MADV_POPULATE_WRITE)
    // Before Linux 5.14 it is refused: then memory comes as it is touched.
    if (block != nullptr) static_cast<void>(::madvise(block, bytes, MADV_POPULATE_WRITE));
#endif
    return block;
  }
  void* const block = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, kMapped, -1, 0);
  return block == MAP_FAILED ? nullptr : block;
}
#endif

constexpr std::uint64_t kMaxBytes = std::numeric_limits<std::ptrdiff_t>::max();

}  // namespace

std::optional<PageMemory> plan_page_memory(std::uint64_t bytes) noexcept {
  bool mapped = false;
#if MOXIE_HAS_MMAP
  if (bytes >= kMappedFrom) {
    const auto rounded = checked::align_up(bytes, std::uint64_t{system_page()});
    if (!rounded) return std::nullopt;
    bytes = *rounded;
    mapped = true;
  }
#endif
  if (bytes > kMaxBytes) return std::nullopt;
  return PageMemory{static_cast<std::size_t>(bytes), mapped};
}

void* take_page_memory(const PageMemory& plan) noexcept {
#if MOXIE_HAS_MMAP
  if (plan.mapped) return map_page(plan.bytes);  // comes as zeros
#endif
  void* block = ::operator new(plan.bytes, kAlignment, std::nothrow);
  if (block != nullptr) std::memset(block, 0, plan.bytes);
  return block;
}

void give_page_memory(void* block, const PageMemory& plan) noexcept {
#if MOXIE_HAS_MMAP
  if (plan.mapped) {
    unmap(block, plan.bytes);
    return;
  }
#endif
  ::operator delete(block, kAlignment);
}

}  // namespace moxie
