// SPDX-License-Identifier: Apache-2.0
// A program of its own: it counts every allocation of the process.
#include <atomic>
#include <cstdlib>
#include <new>
#include <vector>

#include <moxie/context/context.hpp>

#include "context/access.hpp"
#include "support/catch.hpp"

namespace {
std::atomic<std::size_t> allocations{0};

void* counted(std::size_t bytes, std::size_t alignment) noexcept {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}
void* counted_or_throw(std::size_t bytes, std::size_t alignment) {
  void* memory = counted(bytes, alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
}  // namespace

void* operator new(std::size_t bytes) { return counted_or_throw(bytes, alignof(std::max_align_t)); }
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return counted(bytes, alignof(std::max_align_t));
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return counted_or_throw(bytes, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return counted(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

using namespace moxie;

namespace {

constexpr KvShape kShape{.layers = 2, .kv_heads = 1, .key_width = 4, .value_width = 4};

std::size_t allocations_of(Context& context, std::size_t steps) {
  const std::size_t before = allocations.load();
  for (std::size_t i = 0; i < steps; ++i) {
    const TokenId token = static_cast<TokenId>(i);
    const Result<KvView> view = ContextAccess::prepare(context, 1);
    if (!view.ok() || !ContextAccess::commit(context, {&token, 1}).ok()) return ~std::size_t{0};
  }
  return allocations.load() - before;
}

}  // namespace

TEST_CASE("the counter counts") {
  const std::size_t before = allocations.load();
  ::operator delete(::operator new(1));  // not `new int`, which a compiler may leave out
  CHECK(allocations.load() >= before + 1);
  const auto budget = Budget::create("kv", Budget::kUnlimited);
  Context context = Context::create(KvPool::create(kShape, budget).value()).value();
  CHECK(allocations_of(context, 100) == 4 + 3);  // four pages; tables of 1, 2 and 4
}

TEST_CASE("a step within what was reserved allocates nothing and takes nothing from the budget") {
  const auto budget = Budget::create("kv", Budget::kUnlimited);
  const auto pool = KvPool::create(kShape, budget).value();
  Context context = Context::create(pool).value();
  REQUIRE(context.reserve(500).ok());
  const std::uint64_t used = budget->used();
  CHECK(used == Context::bytes_for(*pool, 500));
  CHECK(allocations_of(context, 500) == 0);
  CHECK(budget->used() == used);
  CHECK(context.size() == 500);
}

TEST_CASE("a reservation in a fork covers the copy of the shared page") {
  const auto budget = Budget::create("kv", Budget::kUnlimited);
  const auto pool = KvPool::create(kShape, budget).value();
  Context context = Context::create(pool).value();
  CHECK(allocations_of(context, 40) != ~std::size_t{0});
  Context fork = context.fork().value();
  REQUIRE(fork.reserve(60).ok());
  CHECK(allocations_of(fork, 60) == 0);
  CHECK(pool->usage().pages == 2 + 3);  // of fork's four pages one is shared
}
