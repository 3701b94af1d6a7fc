// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "core/huge_pages.hpp"
#include "core/large_memory.hpp"
#include "support/catch.hpp"
#include "support/refused_allocation.hpp"
#include "support/sanitized.hpp"

namespace {

using namespace moxie;

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

TEST_CASE("large memory is aligned, as large as asked, and all of it can be used") {
  for (const std::uint64_t size : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1000}, 2 * kMiB - 1, 2 * kMiB,
                                   2 * kMiB + 1, 5 * kMiB + 4095}) {
    const Result<LargeMemory> memory = LargeMemory::create(size, "test");
    REQUIRE(memory.ok());
    CHECK(memory->bytes().size() == size);
    CHECK(reinterpret_cast<std::uintptr_t>(memory->bytes().data()) % LargeMemory::kAlignment == 0);
    std::ranges::fill(memory->bytes(), std::byte{0xa5});
    CHECK(std::ranges::count(memory->bytes(), std::byte{0xa5}) == static_cast<std::ptrdiff_t>(size));
  }
}

TEST_CASE("too much large memory is an error that says how much and for what") {
  // 2^60 bytes are more than any address space; 2^63 more than a pointer can tell apart.
  for (const std::uint64_t size : {1ULL << 60, (1ULL << 63) - 1, 1ULL << 63, ~0ULL}) {
    const Result<LargeMemory> memory = LargeMemory::create(size, "test");
    REQUIRE_FALSE(memory.ok());
    CHECK(memory.status().code() == Code::kNoMemory);
    CHECK(memory.status().where() == "test");
    CHECK(memory.status().needed() == std::to_string(size) + " bytes of memory");
  }
}

TEST_CASE("what lies behind the used bytes can be given back, and nothing before") {
  for (const std::uint64_t size : {std::uint64_t{100}, 5 * kMiB + 4095}) {
    for (const std::uint64_t used :
         {std::uint64_t{0}, std::uint64_t{99}, size / 2 + 1, size, size + 1, ~std::uint64_t{0}}) {
      const LargeMemory memory = LargeMemory::create(size, "test").value();
      std::ranges::fill(memory.bytes(), std::byte{0xa5});
      memory.release_behind(used);
      const auto kept = memory.bytes().first(std::min(used, size));
      CHECK(std::ranges::count(kept, std::byte{0xa5}) == static_cast<std::ptrdiff_t>(kept.size()));
      std::ranges::fill(memory.bytes(), std::byte{0x5a});  // it can still be used
    }
  }
}

TEST_CASE("large memory moves with its bytes") {
  for (const std::uint64_t size : {std::uint64_t{100}, 3 * kMiB}) {
    LargeMemory first = LargeMemory::create(size, "test").value();
    first.bytes().back() = std::byte{7};
    LargeMemory second(std::move(first));
    CHECK(second.bytes().size() == size);
    LargeMemory third = LargeMemory::create(3 * kMiB, "test").value();
    third = std::move(second);
    CHECK(third.bytes().back() == std::byte{7});
    std::vector<LargeMemory> several;
    several.push_back(std::move(third));
    several.push_back(LargeMemory());
    CHECK(several[0].bytes().back() == std::byte{7});
    CHECK(several[1].bytes().empty());
  }
}

TEST_CASE("the allocator of large buffers gives what containers ask for") {
  for (const std::uint64_t size : {std::uint64_t{1}, 2 * kMiB - 1, 2 * kMiB, 2 * kMiB + 1, 5 * kMiB + 4095}) {
    std::vector<std::byte, LargeAllocator<std::byte>> buffer(size, std::byte{0xa5});
    CHECK(std::ranges::count(buffer, std::byte{0xa5}) == static_cast<std::ptrdiff_t>(size));
    if (size >= kHugePage && maps_huge_pages()) {
      CHECK(reinterpret_cast<std::uintptr_t>(buffer.data()) % kHugePage == 0);
    }
    buffer.push_back(std::byte{0x5a});  // grows: all of it moves
    CHECK(std::ranges::count(buffer, std::byte{0xa5}) == static_cast<std::ptrdiff_t>(size));
  }
  LargeString text(3 * kMiB, 'x');
  text.reserve(7 * kMiB);
  CHECK(text == LargeString(3 * kMiB, 'x'));
  LargeAllocator<std::uint64_t> numbers;
  CHECK_THROWS_AS(static_cast<void>(numbers.allocate(~std::size_t{0} / 4)), std::bad_array_new_length);
  // The address sanitizer ends the program instead.
  if (!test::kAddressSanitizer) {
    CHECK_THROWS_AS(static_cast<void>(numbers.allocate(std::size_t{1} << 58)), std::bad_alloc);
  }
}

TEST_CASE("advice for memory of any size and place does no harm") {
  std::vector<std::byte> memory(5 * kMiB, std::byte{0xa5});
  for (const std::size_t begin : {std::size_t{0}, std::size_t{1}, std::size_t{4097}}) {
    for (const std::size_t bytes : {std::size_t{0}, kHugePage - 1, kHugePage, 2 * kHugePage}) {
      prefer_huge_pages(memory.data() + begin, bytes);
    }
  }
  CHECK(std::ranges::count(memory, std::byte{0xa5}) == static_cast<std::ptrdiff_t>(memory.size()));
}

}  // namespace
