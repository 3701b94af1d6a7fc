// SPDX-License-Identifier: Apache-2.0
#include <moxie/core/workspace.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include <moxie/core/scratch.hpp>

#include "support/catch.hpp"
#include "support/sanitized.hpp"

using namespace moxie;

namespace {
constexpr std::size_t kMax = std::numeric_limits<std::size_t>::max();
}

TEST_CASE("a workspace hands out aligned pieces that do not overlap") {
  std::vector<std::byte> memory(1024);
  Workspace ws{std::span<std::byte>(memory).subspan(1)};
  const auto a = ws.take<char>(1).value();
  const auto b = ws.take<double>(9).value();
  CHECK(reinterpret_cast<std::uintptr_t>(a.data()) % Workspace::kAlignment == 0);
  CHECK(reinterpret_cast<std::byte*>(b.data()) - reinterpret_cast<std::byte*>(a.data()) == 64);
  CHECK(ws.used_bytes() == 64 + 128);
  CHECK(Workspace::bytes_for<double>(9) == 128);
}

TEST_CASE("a frame gives back what was taken under it") {
  std::vector<std::byte> memory(1024);
  Workspace ws(memory);
  REQUIRE(ws.take<int>(1).ok());
  const std::size_t before = ws.used_bytes();
  const void* first = nullptr;
  {
    const Workspace::Frame frame(ws);
    first = ws.take<int>(7).value().data();
    CHECK(ws.used_bytes() > before);
  }
  CHECK(ws.used_bytes() == before);
  CHECK(ws.take<int>(7).value().data() == first);
}

TEST_CASE("a workspace that is too small says so and takes nothing") {
  AlignedBuffer memory = AlignedBuffer::create(128).value();
  Workspace ws(memory.bytes());
  CHECK(ws.take<float>(33).status().code() == Code::kNoSpace);
  CHECK(ws.used_bytes() == 0);
  CHECK(ws.take<float>(32).ok());
  CHECK(ws.free_bytes() == 0);
  CHECK(ws.take<float>(0).ok());
  CHECK(ws.take<float>(1).status().code() == Code::kNoSpace);
}

TEST_CASE("no count overflows a workspace") {
  AlignedBuffer memory = AlignedBuffer::create(128).value();
  Workspace ws(memory.bytes());
  CHECK(ws.take<double>(kMax).status().code() == Code::kNoSpace);
  CHECK(ws.take<double>(kMax / 8 + 2).status().code() == Code::kNoSpace);
  CHECK(ws.rows(kMax, kMax).status().code() == Code::kNoSpace);
  CHECK(ws.rows(std::size_t{1} << 62, 4).status().code() == Code::kNoSpace);
  CHECK(ws.rows(kMax, 0).ok());
  CHECK(ws.used_bytes() == 0);
}

TEST_CASE("an empty workspace has no room, and little memory may be lost to alignment") {
  Workspace nothing;
  CHECK(nothing.take<char>(1).status().code() == Code::kNoSpace);
  CHECK(nothing.take<char>(0).ok());
  alignas(64) std::byte memory[64];
  Workspace shifted{std::span<std::byte>(memory).subspan(1)};
  CHECK(shifted.free_bytes() == 0);
}

TEST_CASE("a scratch size is what a workspace takes") {
  AlignedBuffer memory = AlignedBuffer::create(4096).value();
  Workspace ws(memory.bytes());
  REQUIRE(ws.rows(3, 7).ok());
  REQUIRE(ws.take<std::size_t>(9).ok());
  REQUIRE(ws.take<std::int32_t>(5 * 4).ok());
  REQUIRE(ws.take<float>(0).ok());
  CHECK(ws.used_bytes() ==
        ScratchSize().rows(3, 7).take<std::size_t>(9).table<std::int32_t>(5, 4).take<float>(0).total());
}

TEST_CASE("a scratch size that does not fit stays at the largest number") {
  CHECK(ScratchSize().rows(kMax, 1).total() == kMax);
  CHECK(ScratchSize().rows(kMax / 2, 3).total() == kMax);
  CHECK(ScratchSize().rows(std::size_t{1} << 40, std::size_t{1} << 40).total() == kMax);
  CHECK(ScratchSize().bytes(kMax).rows(1, 1).total() == kMax);
  CHECK(ScratchSize().take<char>(kMax - 10).total() == kMax);
  CHECK(ScratchSize().bytes(kMax - 1).total() == kMax);
  CHECK(ScratchSize().bytes(100).total() == 128);
  CHECK(ScratchSize().rows(kMax, 0).total() == 0);
  CHECK(ScratchSize::product(kMax, 2) == kMax);
  CHECK(ScratchSize::product(kMax, 0) == 0);
}

TEST_CASE("a buffer is charged, and a refusal leaves the budget as it was") {
  const auto budget = Budget::create("scratch", 1000);
  {
    const AlignedBuffer buffer = AlignedBuffer::create(600, budget.get()).value();
    CHECK(reinterpret_cast<std::uintptr_t>(buffer.data()) % Workspace::kAlignment == 0);
    CHECK(budget->used() == 600);
    CHECK(AlignedBuffer::create(401, budget.get()).status().code() == Code::kBudget);
    CHECK(budget->used() == 600);
  }
  CHECK(budget->used() == 0);
}

TEST_CASE("a buffer that the system refuses is no memory") {
  if (test::kSanitized) {
    WARN("skipped under a sanitizer, which ends the program instead");
    return;
  }
  const auto budget = Budget::create("scratch", Budget::kUnlimited);
  volatile std::size_t absurd = std::size_t{1} << 62;  // volatile: the compiler would warn
  CHECK(AlignedBuffer::create(absurd, budget.get()).status().code() == Code::kNoMemory);
  CHECK(budget->used() == 0);
}
