// SPDX-License-Identifier: Apache-2.0
#include "core/large_memory.hpp"

#include <new>

#include <moxie/core/checked.hpp>
#include <moxie/core/text.hpp>

#if defined(__SANITIZE_ADDRESS__)
#define MOXIE_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MOXIE_ADDRESS_SANITIZER 1
#endif
#endif

// The address sanitizer guards the ends of what operator new gives, not those of mappings.
#if (defined(__unix__) || defined(__APPLE__)) && !defined(MOXIE_ADDRESS_SANITIZER)
#include "core/mapped_memory.hpp"
#define MOXIE_MAPS_LARGE_MEMORY 1
#else
#define MOXIE_MAPS_LARGE_MEMORY 0
#endif

namespace moxie {
namespace {

#if MOXIE_MAPS_LARGE_MEMORY
/// Of a huge page on x86-64, and on AArch64 with pages of 4 KiB. Elsewhere an alignment that does no harm.
constexpr std::size_t kHugePage = std::size_t{2} << 20;

/// `bytes`, a multiple of the system's page, from a multiple of kHugePage on; null where the system refuses.
void* map_aligned(std::size_t bytes) noexcept {
  const auto more = checked::add(bytes, kHugePage);
  if (!more) return nullptr;
  void* block = ::mmap(nullptr, *more, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (block == MAP_FAILED) return nullptr;
  const std::size_t before = (kHugePage - reinterpret_cast<std::uintptr_t>(block) % kHugePage) % kHugePage;
  std::byte* const begin = static_cast<std::byte*>(block) + before;
  // What is not given back here stays addresses that nothing uses.
  if (before != 0) static_cast<void>(::munmap(block, before));
  static_cast<void>(::munmap(begin + bytes, kHugePage - before));
#if defined(MADV_HUGEPAGE)
  static_cast<void>(::madvise(begin, bytes, MADV_HUGEPAGE));  // advice: where it is not taken, pages are small
#endif
  return begin;
}
#endif

}  // namespace

LargeMemory::~LargeMemory() {
#if MOXIE_MAPS_LARGE_MEMORY
  if (mapped_bytes_ != 0) {
    unmap(bytes_.data(), mapped_bytes_);
    return;
  }
#endif
  if (bytes_.data() != nullptr) ::operator delete(bytes_.data(), std::align_val_t(kAlignment));
}

void LargeMemory::release_behind(std::size_t used) const noexcept {
#if MOXIE_MAPS_LARGE_MEMORY
  const auto first = checked::align_up(used, system_page());
  if (!first || *first >= mapped_bytes_) return;
  static_cast<void>(::madvise(bytes_.data() + *first, mapped_bytes_ - *first, MADV_DONTNEED));
#else
  static_cast<void>(used);
#endif
}

Result<LargeMemory> LargeMemory::create(std::uint64_t size, std::string_view where) noexcept {
  LargeMemory memory;
  void* block = nullptr;
  if (const auto count = checked::narrow<std::ptrdiff_t>(size)) {
    const auto bytes = static_cast<std::size_t>(*count);
#if MOXIE_MAPS_LARGE_MEMORY
    if (bytes >= kHugePage) {
      const auto rounded = checked::align_up(bytes, system_page());
      if (rounded) block = map_aligned(*rounded);
      if (block != nullptr) memory.mapped_bytes_ = *rounded;
    } else
#endif
    {
      block = ::operator new(bytes, std::align_val_t(kAlignment), std::nothrow);
    }
    memory.bytes_ = {static_cast<std::byte*>(block), block == nullptr ? 0 : bytes};
  }
  if (block == nullptr) return Status(Code::kNoMemory, where, Text(size, " bytes of memory"), "none");
  return memory;
}

}  // namespace moxie
