// SPDX-License-Identifier: Apache-2.0
// Replaces every operator new of the program by one that adds up, and mmap for memory that is no file's. A file of its
// own: a compiler that sees malloc behind new calls it a mismatch.
#include "support/peak_memory.hpp"

#include <malloc.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <new>

namespace {

std::atomic<std::size_t> live{0};
std::atomic<std::size_t> peak{0};

void add(std::size_t bytes) noexcept {
  const std::size_t now = live.fetch_add(bytes) + bytes;
  std::size_t most = peak.load();
  while (most < now && !peak.compare_exchange_weak(most, now)) {
  }
}

// What is mapped and no file's, from the 2 MiB on where the library does so. The C library maps its own by other names;
// PCRE2 maps code, and a stack that it hardly touches.
constexpr std::size_t kMinMapping = std::size_t{2} << 20;
struct Mapping {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
};
constinit std::mutex mappings_mutex;
constinit std::array<Mapping, 4096> mappings{};  // empty ones are free

void put(Mapping mapping) noexcept {
  if (mapping.begin >= mapping.end) return;
  const auto free = std::find_if(mappings.begin(), mappings.end(), [](Mapping m) { return m.begin == m.end; });
  if (free == mappings.end()) std::abort();  // would count wrongly
  *free = mapping;
}

void* allocate(std::size_t size, std::size_t alignment) noexcept {
  size = size == 0 ? 1 : size;
  void* memory = alignment <= alignof(std::max_align_t)
                     ? std::malloc(size)
                     : std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (memory == nullptr) return nullptr;
  add(::malloc_usable_size(memory));
  return memory;
}
void* allocate_or_throw(std::size_t size, std::size_t alignment) {
  if (void* memory = allocate(size, alignment)) return memory;
  throw std::bad_alloc();
}
void release(void* memory) noexcept {
  if (memory != nullptr) live -= ::malloc_usable_size(memory);
  std::free(memory);
}

}  // namespace

extern "C" void* mmap(void* address, std::size_t bytes, int protection, int flags, int file, off_t offset) noexcept {
  const long answer = ::syscall(SYS_mmap, address, bytes, protection, flags, file, offset);
  if (answer != -1 && (flags & MAP_ANONYMOUS) != 0 && bytes >= kMinMapping) {
    const auto begin = static_cast<std::uintptr_t>(answer);
    const std::lock_guard lock(mappings_mutex);
    put({begin, begin + bytes});
    add(bytes);
  }
  return reinterpret_cast<void*>(answer);
}
extern "C" int munmap(void* address, std::size_t bytes) noexcept {
  const auto begin = reinterpret_cast<std::uintptr_t>(address);
  const std::uintptr_t end = begin + bytes;
  const std::lock_guard lock(mappings_mutex);
  const long answer = ::syscall(SYS_munmap, address, bytes);
  for (Mapping& mapping : mappings) {
    if (answer != 0 || mapping.begin >= end || mapping.end <= begin) continue;
    const Mapping old = mapping;
    live -= std::min(old.end, end) - std::max(old.begin, begin);
    mapping = {};
    put({old.begin, std::max(old.begin, begin)});
    put({std::min(old.end, end), old.end});
  }
  return static_cast<int>(answer);
}

std::size_t moxie::test::live_bytes() noexcept { return live; }
std::size_t moxie::test::peak_bytes() noexcept { return peak; }
void moxie::test::start_peak() noexcept { peak = live.load(); }

// The array forms call these.
void* operator new(std::size_t size) { return allocate_or_throw(size, 1); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return allocate(size, 1); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return allocate_or_throw(size, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return allocate(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { release(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { release(memory); }
