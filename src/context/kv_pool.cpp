// SPDX-License-Identifier: Apache-2.0
#include <new>
#include <optional>
#include <utility>

#include <moxie/context/kv_pool.hpp>
#include <moxie/core/checked.hpp>

#include "context/page_memory.hpp"
#include "context/page_positions.hpp"
#include "context/page_ref.hpp"

namespace moxie::inline abi1 {

// Lies in the 64 bytes before a page's values: one block for both, nothing to look up.
struct KvPool::PageHeader {
  static constexpr std::size_t kBytes = 64;

  PageHeader(std::shared_ptr<KvPool> pool_in, Charge charge_in, std::uint64_t identity_in) noexcept
      : identity(identity_in), pool(std::move(pool_in)), charge(std::move(charge_in)) {}

  std::byte* values() noexcept { return reinterpret_cast<std::byte*>(this) + kBytes; }
  static PageHeader* of(std::byte* page) noexcept { return reinterpret_cast<PageHeader*>(page - kBytes); }

  // 64 bits: no number of forks that memory could hold wraps it.
  std::atomic<std::uint64_t> references{1};
  std::uint64_t identity;
  std::shared_ptr<KvPool> pool;
  Charge charge;
};

namespace {

/// Whether no layer has a zero.
bool is_whole(const KvShape& shape) noexcept {
  const auto whole = [](const KvLayers& kind) {
    return kind.layers != 0 && kind.kv_heads != 0 && kind.key_width != 0 && kind.value_width != 0;
  };
  bool ended = false;
  for (const KvLayers& other : shape.others) {
    ended = ended || other.layers == 0;
    if (ended ? other.layers != 0 : !whole(other)) return false;
  }
  return whole({shape.layers, shape.kv_heads, shape.key_width, shape.value_width});
}

/// Whether a page and its header have a size. As f32, which takes the most: where that fits, so does what page_bytes()
/// computes on its way.
bool fits(const KvShape& shape, std::uint64_t header) noexcept {
  const auto wide = [](std::size_t n) { return static_cast<std::uint64_t>(n); };
  const KvLayers first{shape.layers, shape.kv_heads, shape.key_width, shape.value_width};
  std::optional<std::uint64_t> most = header;
  const auto add = [&](const KvLayers& kind) {
    const auto width = checked::add(wide(kind.key_width), wide(kind.value_width));
    // 64: what a block of a layer and head is rounded up to.
    const auto bytes = width ? checked::multiply(*width, wide(kKvPagePositions), wide(sizeof(float))) : std::nullopt;
    const auto block = bytes ? checked::add(*bytes, std::uint64_t{63}) : std::nullopt;
    const auto all = block ? checked::multiply(wide(kind.layers), wide(kind.kv_heads), *block) : std::nullopt;
    most = most && all ? checked::add(*most, *all) : std::nullopt;
  };
  add(first);
  for (const KvLayers& other : shape.others) add(other);
  return most && checked::narrow<std::size_t>(*most);
}

}  // namespace

Result<std::shared_ptr<KvPool>> KvPool::create(const KvShape& shape, std::shared_ptr<Budget> budget,
                                               KvPoolOptions options) noexcept {
  static_assert(sizeof(PageHeader) <= PageHeader::kBytes && alignof(PageHeader) <= PageHeader::kBytes);
  const Text came = describe(shape);
  if (!is_whole(shape)) {
    return Status(Code::kInvalidArgument, "KvPool::create", "a shape without a zero", came);
  }
  if (budget == nullptr) return Status(Code::kInvalidArgument, "KvPool::create", "a budget", "none");
  const auto plan = fits(shape, PageHeader::kBytes)
                        ? plan_page_memory(std::uint64_t{shape.page_bytes()} + PageHeader::kBytes)
                        : std::nullopt;
  if (!plan) return Status(Code::kShape, "KvPool::create", "a page that an address space can hold", came);

  try {
    return std::make_shared<KvPool>(Private{}, shape, plan->bytes, plan->mapped, std::move(budget), options);
  } catch (const std::bad_alloc&) {
    return Status(Code::kNoMemory, "KvPool::create", Text(sizeof(KvPool), " bytes"), "a refusal from the system");
  }
}

KvPool::KvPool(Private, const KvShape& shape, std::size_t page_bytes, bool mapped, std::shared_ptr<Budget> budget,
               KvPoolOptions options) noexcept
    : shape_(shape), options_(options), mapped_(mapped), page_bytes_(page_bytes), budget_(std::move(budget)) {}

KvPoolUsage KvPool::usage() const noexcept {
  KvPoolUsage usage;
  usage.pages = pages_.load(std::memory_order_relaxed);
  usage.peak_pages = peak_pages_.load(std::memory_order_relaxed);
  usage.bytes = std::uint64_t{usage.pages} * page_bytes_;
  usage.peak_bytes = std::uint64_t{usage.peak_pages} * page_bytes_;
  return usage;
}

Result<PageRef> PageRef::acquire(KvPool& pool, Budget& account, std::uint64_t identity) noexcept {
  MOXIE_TRY_LET(std::byte* const values, pool.take(account, identity));
  return PageRef(values);
}

Result<std::byte*> KvPool::take(Budget& account, std::uint64_t identity) noexcept {
  MOXIE_TRY_LET(Charge charge, account.charge(page_bytes_));
  void* block = take_page_memory({page_bytes_, mapped_});
  if (block == nullptr) {
    return Status(Code::kNoMemory, "KvPool", Text("a page of ", page_bytes_, " bytes"), "a refusal from the system");
  }
  std::byte* values = (new (block) PageHeader(shared_from_this(), std::move(charge), identity))->values();
  if (options_.poison_freed) poison_page(values, shape_.page_bytes());

  const std::size_t pages = pages_.fetch_add(1, std::memory_order_relaxed) + 1;
  std::size_t peak = peak_pages_.load(std::memory_order_relaxed);
  while (pages > peak && !peak_pages_.compare_exchange_weak(peak, pages, std::memory_order_relaxed)) {
  }
  return values;
}

void KvPool::give(PageHeader* header) noexcept {
  const std::shared_ptr<KvPool> pool = std::move(header->pool);  // it may go with its last page
  if (pool->options_.poison_freed) poison_page(header->values(), pool->shape_.page_bytes());
  const Charge charge = std::move(header->charge);  // given back last: the budget never promises memory still held
  header->~PageHeader();
  give_page_memory(header, {pool->page_bytes_, pool->mapped_});
  pool->pages_.fetch_sub(1, std::memory_order_relaxed);
}

PageRef PageRef::share() const noexcept {
  // Relaxed: this is a reference, so the page cannot go meanwhile.
  if (values_ != nullptr) KvPool::PageHeader::of(values_)->references.fetch_add(1, std::memory_order_relaxed);
  return PageRef(values_);
}

void PageRef::release() noexcept {
  KvPool::PageHeader* header = KvPool::PageHeader::of(values_);
  // Release what this holder did; acquire what all others did before the memory goes.
  if (header->references.fetch_sub(1, std::memory_order_acq_rel) == 1) KvPool::give(header);
}

bool PageRef::is_shared() const noexcept {
  // Acquire: who writes next must not overtake the last reads of a holder that is gone.
  return values_ != nullptr && KvPool::PageHeader::of(values_)->references.load(std::memory_order_acquire) != 1;
}

const KvPool& PageRef::pool() const noexcept { return *KvPool::PageHeader::of(values_)->pool; }

std::uint64_t PageRef::identity() const noexcept { return KvPool::PageHeader::of(values_)->identity; }

}  // namespace moxie
