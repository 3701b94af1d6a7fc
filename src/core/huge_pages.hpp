// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <limits>
#include <new>
#include <string>

namespace moxie::inline abi1 {

/// Of a huge page on x86-64, and on AArch64 with pages of 4 KiB. Elsewhere an alignment that does no harm.
inline constexpr std::size_t kHugePage = std::size_t{2} << 20;

/// Whole pages of the system for `bytes`, from a multiple of kHugePage on, in huge pages where the system gives them.
/// Null where it refuses, and where maps_huge_pages() says no. unmap_huge() takes them back by the same number.
void* map_huge(std::size_t bytes) noexcept;
void unmap_huge(void* memory, std::size_t bytes) noexcept;

/// Whether large memory comes from the system itself. The address sanitizer guards the ends of what operator new gives,
/// not those of mappings.
bool maps_huge_pages() noexcept;

/// Advice for memory that somebody else took: the whole huge pages inside it need not come piece by piece.
void prefer_huge_pages(void* memory, std::size_t bytes) noexcept;

/// What LargeAllocator gives and takes. Throws std::bad_alloc.
void* allocate_large(std::size_t bytes);
void free_large(void* memory, std::size_t bytes) noexcept;

/// For the large buffers of one call. A system hands memory out page by page as it is touched, which in a virtual
/// machine can take longer than all the work on it: from 2 MiB on, buffers come in huge pages.
template <class T>
class LargeAllocator {
 public:
  using value_type = T;
  static_assert(alignof(T) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);

  LargeAllocator() noexcept = default;
  template <class Other>
  explicit LargeAllocator(const LargeAllocator<Other>&) noexcept {}

  [[nodiscard]] T* allocate(std::size_t n) {
    if (n > std::numeric_limits<std::size_t>::max() / 2 / sizeof(T)) throw std::bad_array_new_length();
    return static_cast<T*>(allocate_large(n * sizeof(T)));
  }
  void deallocate(T* memory, std::size_t n) noexcept { free_large(memory, n * sizeof(T)); }

  bool operator==(const LargeAllocator&) const noexcept { return true; }
};

using LargeString = std::basic_string<char, std::char_traits<char>, LargeAllocator<char>>;

}  // namespace moxie
