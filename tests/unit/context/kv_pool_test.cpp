// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <fstream>
#include <memory>
#include <thread>
#include <vector>

#include <moxie/context/kv_pool.hpp>

#include "context/page_ref.hpp"
#include "support/catch.hpp"

using namespace moxie;

namespace {

constexpr KvShape kShape{.layers = 2, .kv_heads = 3, .key_width = 5, .value_width = 4};

std::shared_ptr<Budget> unlimited() { return Budget::create("kv", Budget::kUnlimited); }

Result<PageRef> acquire(const std::shared_ptr<KvPool>& pool, const std::shared_ptr<Budget>& account) {
  return PageRef::acquire(*pool, *account, 0);
}

std::size_t mapped_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::size_t pages = 0;
  statm >> pages;
  return pages * 4096;
}

}  // namespace

TEST_CASE("a page holds what its shape says, and 64 bytes") {
  const auto bytes = [](KvType type, std::size_t keys, std::size_t values) {
    const KvShape shape{.layers = 2, .kv_heads = 3, .key_width = keys, .value_width = values, .type = type};
    const auto pool = KvPool::create(shape, unlimited()).value();
    CHECK(pool->shape() == shape);
    CHECK(pool->page_bytes() == shape.page_bytes() + 64);
    CHECK(shape.page_bytes() % 64 == 0);
    return shape.page_bytes();
  };
  constexpr std::size_t kRows = 2 * 3 * 32;  // layers, heads, positions
  CHECK(bytes(KvType::kF32, 5, 4) == kRows * (5 + 4) * 4);
  CHECK(bytes(KvType::kF16, 5, 4) == kRows * (5 + 4) * 2);
  CHECK(bytes(KvType::kBF16, 5, 4) == kRows * (5 + 4) * 2);
  // A byte each, and two for each 32 channels: 34 bytes for 32 numbers, as in GGUF.
  CHECK(bytes(KvType::kQ8_0, 128, 64) == kRows * (4 * 34 + 2 * 34));
  CHECK(bytes(KvType::kQ8_0, 33, 31) == kRows * (33 + 2 * 2 + 31 + 2));
  CHECK(bytes(KvType::kQ8_0, 5, 4) == 2 * 3 * (32 * (5 + 2 + 4 + 2) + 32));  // rounded up to a line
}

TEST_CASE("a page of layers that are not alike holds what pages of each kind would") {
  constexpr KvLayers kWide{.layers = 3, .kv_heads = 1, .key_width = 40, .value_width = 24};
  constexpr KvLayers kOdd{.layers = 1, .kv_heads = 5, .key_width = 7, .value_width = 33};
  for (const KvType type : {KvType::kF32, KvType::kF16, KvType::kBF16, KvType::kQ8_0}) {
    const auto only = [&](const KvLayers& kind) {
      const KvShape shape{kind.layers, kind.kv_heads, kind.key_width, kind.value_width, type};
      return shape.page_bytes();
    };
    const KvShape shape{
        .layers = 2, .kv_heads = 3, .key_width = 5, .value_width = 4, .type = type, .others = {kWide, kOdd}};
    const auto pool = KvPool::create(shape, unlimited()).value();
    CHECK(shape.all_layers() == 6);
    CHECK(pool->page_bytes() == only({2, 3, 5, 4}) + only(kWide) + only(kOdd) + 64);
  }
}

TEST_CASE("pages are aligned, zero and apart") {
  const auto pool = KvPool::create(kShape, unlimited()).value();
  const std::size_t bytes = kShape.page_bytes();
  std::vector<PageRef> pages;
  for (int i = 0; i < 9; ++i) {
    pages.push_back(acquire(pool, pool->budget()).value());
    std::byte* page = pages.back().values();
    REQUIRE(reinterpret_cast<std::uintptr_t>(page) % 64 == 0);
    CHECK(std::count(page, page + bytes, std::byte{0}) == static_cast<std::ptrdiff_t>(bytes));
    std::fill_n(page, bytes, static_cast<std::byte>(i));
  }
  for (int i = 0; i < 9; ++i) {
    const std::byte* page = pages[static_cast<std::size_t>(i)].values();
    CHECK(std::count(page, page + bytes, static_cast<std::byte>(i)) == static_cast<std::ptrdiff_t>(bytes));
  }
}

TEST_CASE("a page is charged while anybody holds it and not longer") {
  const auto budget = unlimited();
  const auto pool = KvPool::create(kShape, budget).value();
  PageRef page = acquire(pool, budget).value();
  CHECK(budget->used() == pool->page_bytes());
  CHECK_FALSE(page.is_shared());
  PageRef other = page.share();
  CHECK(other.values() == page.values());
  CHECK(page.is_shared());
  CHECK(pool->usage().pages == 1);
  CHECK(budget->used() == pool->page_bytes());
  PageRef moved = std::move(other);
  CHECK_FALSE(other);  // NOLINT(bugprone-use-after-move): that is the question
  CHECK(page.is_shared());
  moved = PageRef();
  CHECK_FALSE(page.is_shared());
  CHECK(budget->used() == pool->page_bytes());
  page = PageRef();
  CHECK_FALSE(page.share());
  CHECK(budget->used() == 0);
  CHECK(pool->usage().pages == 0);
  CHECK(pool->usage().bytes == 0);
  CHECK(pool->usage().peak_pages == 1);
  CHECK(pool->usage().peak_bytes == pool->page_bytes());
}

TEST_CASE("the account that takes a page pays for it, within the pool's budget") {
  const auto budget = unlimited();
  const auto pool = KvPool::create(kShape, budget).value();
  const auto account = Budget::create("tenant", pool->page_bytes(), budget);
  PageRef page = acquire(pool, account).value();
  CHECK(account->used() == pool->page_bytes());
  CHECK(budget->used() == pool->page_bytes());
  const auto second = acquire(pool, account);
  REQUIRE_FALSE(second.ok());
  CHECK(second.status().code() == Code::kBudget);
  CHECK(second.status().where() == "tenant");
  CHECK(pool->usage().pages == 1);
  page = PageRef();
  CHECK(account->used() == 0);
  CHECK(budget->used() == 0);
}

TEST_CASE("a budget of n pages lends n pages, and one byte less lends one page less") {
  const std::size_t page_bytes = KvPool::create(kShape, unlimited()).value()->page_bytes();
  for (const std::uint64_t limit : {3 * page_bytes, 3 * page_bytes - 1}) {
    const auto budget = Budget::create("kv", limit);
    const auto pool = KvPool::create(kShape, budget).value();
    std::vector<PageRef> pages;
    for (;;) {
      auto page = acquire(pool, budget);
      if (!page.ok()) {
        CHECK(page.status().code() == Code::kBudget);
        break;
      }
      pages.push_back(*std::move(page));
    }
    CHECK(pages.size() == limit / page_bytes);
    pages.clear();
    CHECK(budget->used() == 0);
  }
}

TEST_CASE("a pool refuses a shape with a zero and no budget") {
  for (const KvShape& shape : {KvShape{0, 1, 1, 1}, KvShape{1, 0, 1, 1}, KvShape{1, 1, 0, 1}, KvShape{1, 1, 1, 0}}) {
    const auto pool = KvPool::create(shape, unlimited());
    REQUIRE_FALSE(pool.ok());
    CHECK(pool.status().code() == Code::kInvalidArgument);
  }
  CHECK(KvPool::create(kShape, nullptr).status().code() == Code::kInvalidArgument);
}

TEST_CASE("a pool refuses layers of another kind with a zero, or behind an end of their list") {
  for (const std::array<KvLayers, 3>& others :
       {std::array<KvLayers, 3>{{{1, 0, 1, 1}}}, std::array<KvLayers, 3>{{{1, 1, 0, 1}}},
        std::array<KvLayers, 3>{{{1, 1, 1, 1}, {1, 1, 1, 0}}}, std::array<KvLayers, 3>{{{}, {1, 1, 1, 1}}}}) {
    KvShape shape{1, 1, 1, 1};
    shape.others = others;
    CHECK(KvPool::create(shape, unlimited()).status().code() == Code::kInvalidArgument);
  }
  KvShape shape{1, 1, 1, 1};
  shape.others[0] = {~std::size_t{0} / 256, 1, 1, 1};
  CHECK(KvPool::create(shape, unlimited()).status().code() == Code::kShape);
}

TEST_CASE("a pool refuses a page that overflows an address") {
  const std::size_t most = ~std::size_t{0};
  const std::size_t half = std::size_t{1} << 63;
  // One layer of one head and width 1 has 256 bytes: half / 256 of them are one byte too many.
  for (const KvShape& shape :
       {KvShape{most, 1, 1, 1}, KvShape{1, most, 1, 1}, KvShape{1, 1, most, 1}, KvShape{1, 1, 1, most},
        KvShape{1, 1, half, half}, KvShape{1u << 31, 1u << 31, 1, 1}, KvShape{half / 128, 1, 1, 1},
        KvShape{half / 128 - 1, 1, 1, 1}, KvShape{half / 256, 1, 1, 1}, KvShape{half / 256 - 1, 1, 1, 1}}) {
    const auto pool = KvPool::create(shape, unlimited());
    INFO(shape.layers << ' ' << shape.kv_heads << ' ' << shape.key_width << ' ' << shape.value_width);
    REQUIRE_FALSE(pool.ok());
    CHECK(pool.status().code() == Code::kShape);
  }
  // Room for the 64 bytes and for rounding to the largest system page in use, 64 KiB: a size that could be.
  CHECK(KvPool::create({half / 256 - 512, 1, 1, 1}, unlimited()).ok());
}

TEST_CASE("a page keeps its pool, and the pool's owner, and knows whose it is") {
  auto owner = std::make_shared<int>(1);
  const std::weak_ptr<int> watched = owner;
  PageRef page = [&] {
    const auto pool = KvPool::create(kShape, unlimited(), {.owner = owner}).value();
    return PageRef::acquire(*pool, *pool->budget(), 77).value();
  }();
  owner.reset();
  CHECK_FALSE(watched.expired());
  CHECK(page.identity() == 77);
  CHECK(page.pool().shape() == kShape);
  page = PageRef();
  CHECK(watched.expired());
}

TEST_CASE("a page that the system refuses is an error, and is not charged") {
  const auto budget = unlimited();
  const auto pool = KvPool::create({.layers = 1u << 20, .kv_heads = 1u << 20, .key_width = 1, .value_width = 1}, budget)
                        .value();  // 256 TiB
  const auto page = acquire(pool, budget);
  REQUIRE_FALSE(page.ok());
  CHECK(page.status().code() == Code::kNoMemory);
  CHECK(budget->used() == 0);
  CHECK(pool->usage().pages == 0);
  CHECK(pool->usage().peak_pages == 0);
}

TEST_CASE("the memory of a large page leaves the process with it") {
  const auto pool =
      KvPool::create({.layers = 64, .kv_heads = 64, .key_width = 64, .value_width = 64}, unlimited()).value();
  CHECK(pool->page_bytes() >= 64u << 20);
  CHECK(pool->page_bytes() % 4096 == 0);
  const std::size_t before = mapped_bytes();
  if (before == 0) return;  // no such file on this system
  for (int round = 0; round < 3; ++round) {
    PageRef page = acquire(pool, pool->budget()).value();
    page.values()[0] = page.values()[pool->shape().page_bytes() - 1] = std::byte{1};
    CHECK(mapped_bytes() >= before + (32u << 20));
    page = PageRef();
    CHECK(mapped_bytes() < before + (32u << 20));
  }
}

TEST_CASE("a poisoned pool hands out NaN, in every type") {
  for (const KvType type : {KvType::kF32, KvType::kF16, KvType::kBF16, KvType::kQ8_0}) {
    KvShape shape = kShape;
    shape.type = type;
    const auto pool = KvPool::create(shape, unlimited(), {.poison_freed = true}).value();
    const PageRef page = acquire(pool, pool->budget()).value();
    const KvView view{shape, values_of({&page, 1})};
    std::size_t numbers = 0;
    float key[5], value[4];
    for (std::size_t position = 0; position < 32; ++position) {
      for (std::size_t block = 0; block < 6; ++block) {
        view.load(block / 3, block % 3, position, key, value);
        for (const float x : key) numbers += x == x;
        for (const float x : value) numbers += x == x;
      }
    }
    INFO(name(type));
    CHECK(numbers == 0);
  }
}

TEST_CASE("many threads take and give pages and the books balance") {
  constexpr std::size_t kThreads = 4;
  const auto budget = Budget::create("kv", 6 * KvPool::create(kShape, unlimited()).value()->page_bytes());
  const auto pool = KvPool::create(kShape, budget).value();
  std::vector<std::thread> threads;
  std::atomic<std::size_t> refused{0};
  for (std::size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) {
        const auto first = acquire(pool, budget);
        const auto second = acquire(pool, budget);
        for (const auto* page : {&first, &second}) {
          if (page->ok()) {
            *(*page)->values() = std::byte{1};
          } else {
            ++refused;
          }
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(budget->used() == 0);
  CHECK(pool->usage().pages == 0);
  CHECK(pool->usage().peak_pages >= 2);
  CHECK(pool->usage().peak_pages <= 6);
}
