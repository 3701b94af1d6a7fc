// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include <sys/mman.h>
#include <unistd.h>

namespace moxie::inline abi1 {

/// Bytes of the system's pages.
inline std::size_t system_page() noexcept {
  const long page = ::sysconf(_SC_PAGESIZE);
  return page > 0 ? static_cast<std::size_t>(page) : 4096;
}

/// Unmapping the middle of a merged mapping makes one mapping more and is refused at the system's limit of mappings:
/// then the memory goes back all the same and only addresses stay taken.
inline void unmap(void* block, std::size_t bytes) noexcept {
  if (::munmap(block, bytes) != 0) static_cast<void>(::madvise(block, bytes, MADV_DONTNEED));
}

}  // namespace moxie
