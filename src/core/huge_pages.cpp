// SPDX-License-Identifier: Apache-2.0
#include "core/huge_pages.hpp"

#include <cstdint>

#include <moxie/core/checked.hpp>

#if defined(__SANITIZE_ADDRESS__)
#define MOXIE_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MOXIE_ADDRESS_SANITIZER 1
#endif
#endif

#if (defined(__unix__) || defined(__APPLE__)) && !defined(MOXIE_ADDRESS_SANITIZER)
#include "core/mapped_memory.hpp"
#define MOXIE_MAPS_HUGE_PAGES 1
#else
#define MOXIE_MAPS_HUGE_PAGES 0
#endif

namespace moxie::inline abi1 {

bool maps_huge_pages() noexcept { return MOXIE_MAPS_HUGE_PAGES != 0; }

#if MOXIE_MAPS_HUGE_PAGES
namespace {

// Null where the system refuses.
std::byte* map(std::size_t bytes) noexcept {
  void* const block = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return block == MAP_FAILED ? nullptr : static_cast<std::byte*>(block);
}

std::size_t to_huge_page(const void* at) noexcept {
  return (kHugePage - reinterpret_cast<std::uintptr_t>(at) % kHugePage) % kHugePage;
}

}  // namespace

void* map_huge(std::size_t bytes) noexcept {
  const auto whole = checked::align_up(bytes, kHugePage);
  // Not whole huge pages: the end of a buffer stays small pages rather than take room that nobody asked for.
  const auto pages = checked::align_up(bytes, system_page());
  if (!whole || !pages) return nullptr;
  // Newer systems find such an address for whole huge pages by themselves.
  std::size_t size = *whole;
  std::byte* block = map(size);
  if (block != nullptr && to_huge_page(block) != 0) {
    unmap(block, size);
    const auto more = checked::add(size, kHugePage);
    if (!more) return nullptr;
    size = *more;
    block = map(size);
  }
  if (block == nullptr) return nullptr;
  // What is not given back here stays addresses that nothing uses.
  const std::size_t before = to_huge_page(block);
  const std::size_t behind = size - before - *pages;
  std::byte* const begin = block + before;
  if (before != 0) static_cast<void>(::munmap(block, before));
  if (behind != 0) static_cast<void>(::munmap(begin + *pages, behind));
  prefer_huge_pages(begin, *pages);
  return begin;
}

void unmap_huge(void* memory, std::size_t bytes) noexcept {
  if (const auto pages = checked::align_up(bytes, system_page())) unmap(memory, *pages);
}

void prefer_huge_pages(void* memory, std::size_t bytes) noexcept {
#if defined(MADV_HUGEPAGE)
  const std::size_t before = to_huge_page(memory);
  if (bytes < kHugePage || bytes - kHugePage < before) return;
  // Advice: where it is not taken, pages are small.
  static_cast<void>(::madvise(static_cast<std::byte*>(memory) + before, bytes - before, MADV_HUGEPAGE));
#else
  static_cast<void>(memory), static_cast<void>(bytes);
#endif
}

void* allocate_large(std::size_t bytes) {
  if (bytes < kHugePage) return ::operator new(bytes);
  void* const memory = map_huge(bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void free_large(void* memory, std::size_t bytes) noexcept {
  if (bytes < kHugePage) return ::operator delete(memory);
  unmap_huge(memory, bytes);
}

#else

void* map_huge(std::size_t) noexcept { return nullptr; }
void unmap_huge(void*, std::size_t) noexcept {}
void prefer_huge_pages(void*, std::size_t) noexcept {}
void* allocate_large(std::size_t bytes) { return ::operator new(bytes); }
void free_large(void* memory, std::size_t) noexcept { ::operator delete(memory); }

#endif

}  // namespace moxie
