// SPDX-License-Identifier: Apache-2.0
#include "core/large_memory.hpp"

#include <new>

#include <moxie/core/checked.hpp>
#include <moxie/core/text.hpp>

#include "core/huge_pages.hpp"

#if defined(__unix__) || defined(__APPLE__)
#include "core/mapped_memory.hpp"
#endif

namespace moxie::inline abi1 {

LargeMemory::~LargeMemory() {
  if (bytes_.data() == nullptr) return;
  if (mapped_) {
    unmap_huge(bytes_.data(), bytes_.size());
  } else {
    ::operator delete(bytes_.data(), std::align_val_t(kAlignment));
  }
}

void LargeMemory::release_behind(std::size_t used) const noexcept {
#if defined(__unix__) || defined(__APPLE__)
  const auto first = checked::align_up(used, system_page());
  if (!mapped_ || !first || *first >= bytes_.size()) return;
  // The system takes the length for whole pages.
  static_cast<void>(::madvise(bytes_.data() + *first, bytes_.size() - *first, MADV_DONTNEED));
#else
  static_cast<void>(used);
#endif
}

Result<LargeMemory> LargeMemory::create(std::uint64_t size, std::string_view where) noexcept {
  LargeMemory memory;
  void* block = nullptr;
  if (const auto count = checked::narrow<std::ptrdiff_t>(size)) {
    const auto bytes = static_cast<std::size_t>(*count);
    memory.mapped_ = maps_huge_pages() && bytes >= kHugePage;
    block = memory.mapped_ ? map_huge(bytes) : ::operator new(bytes, std::align_val_t(kAlignment), std::nothrow);
    memory.bytes_ = {static_cast<std::byte*>(block), block == nullptr ? 0 : bytes};
  }
  if (block == nullptr) return Status(Code::kNoMemory, where, Text(size, " bytes of memory"), "none");
  return memory;
}

}  // namespace moxie
