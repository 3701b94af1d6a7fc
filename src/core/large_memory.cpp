// SPDX-License-Identifier: Apache-2.0
#include "core/large_memory.hpp"

#include <new>

#include <moxie/core/checked.hpp>
#include <moxie/core/text.hpp>

#include "core/huge_pages.hpp"

#if defined(__unix__) || defined(__APPLE__)
#include "core/mapped_memory.hpp"
#endif

namespace moxie {

LargeMemory::~LargeMemory() {
#if defined(__unix__) || defined(__APPLE__)
  if (mapped_bytes_ != 0) {
    unmap(bytes_.data(), mapped_bytes_);
    return;
  }
#endif
  if (bytes_.data() != nullptr) ::operator delete(bytes_.data(), std::align_val_t(kAlignment));
}

void LargeMemory::release_behind(std::size_t used) const noexcept {
#if defined(__unix__) || defined(__APPLE__)
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
#if defined(__unix__) || defined(__APPLE__)
    if (maps_huge_pages() && bytes >= kHugePage) {
      const auto rounded = checked::align_up(bytes, system_page());
      if (rounded) block = map_huge(*rounded);
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
