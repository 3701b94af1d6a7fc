// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>
#include <new>
#include <utility>

#include <moxie/context/context.hpp>
#include <moxie/core/checked.hpp>

#include "context/page_positions.hpp"

namespace moxie::inline abi1 {
namespace {

constexpr std::size_t kTableBytesPerPage = sizeof(std::byte*) + kKvPagePositions * sizeof(TokenId);

constexpr std::size_t pages_for(std::size_t positions) noexcept {
  return positions / kKvPagePositions + (positions % kKvPagePositions != 0 ? 1 : 0);
}

}  // namespace

Result<Context::Table> Context::Table::create(std::size_t capacity, Budget& account) noexcept {
  Table table;
  if (capacity == 0) return table;
  const auto bytes = checked::multiply(std::uint64_t{capacity}, std::uint64_t{kTableBytesPerPage});
  const auto size = bytes ? checked::narrow<std::size_t>(*bytes) : std::nullopt;
  if (!size)
    return Status(Code::kNoMemory, "Context", Text("a table of ", capacity, " pages"), "no such address space");
  MOXIE_TRY_LET(table.memory, AlignedBuffer::create(*size, &account));
  table.capacity = capacity;
  table.pages = reinterpret_cast<std::byte**>(table.memory.data());
  table.tokens = reinterpret_cast<TokenId*>(table.memory.data() + capacity * sizeof(std::byte*));
  return table;
}

Result<Context> Context::create(std::shared_ptr<KvPool> pool, const ContextOptions& options) noexcept {
  if (pool == nullptr) return Status(Code::kInvalidArgument, "Context::create", "a pool", "none");
  if (options.max_positions == 0 || options.max_positions > ContextOptions::kMaxPositions) {
    return Status(Code::kInvalidArgument, "Context::create",
                  Text("max_positions of 1 to ", ContextOptions::kMaxPositions), Text(options.max_positions));
  }
  if (options.rewind > ContextOptions::kMaxPositions) {
    return Status(Code::kInvalidArgument, "Context::create", Text("rewind of 0 to ", ContextOptions::kMaxPositions),
                  Text(options.rewind));
  }
  State state;
  state.account = pool->budget();
  if (options.max_bytes != Budget::kUnlimited) {
    try {
      state.account = Budget::create("context", options.max_bytes, pool->budget());
    } catch (const std::bad_alloc&) {
      return Status(Code::kNoMemory, "Context::create", Text(sizeof(Budget), " bytes"), "a refusal from the system");
    }
  }
  state.pool = std::move(pool);
  state.pathway_hash = options.pathway_hash;
  state.max_positions = options.max_positions;
  state.rewind = options.rewind;
  return Context(std::move(state));
}

Context::~Context() { drop_pages(0); }

ContextUsage Context::usage() const noexcept {
  ContextUsage usage;
  if (state_.pool == nullptr) return usage;
  usage.positions = state_.size;
  usage.pages = state_.n_pages - state_.first_page;
  usage.released_pages = state_.first_page;
  usage.reserved_pages = state_.n_pages - pages_for(state_.size);
  for (std::size_t p = state_.first_page; p < state_.n_pages; ++p) {
    usage.shared_pages += KvPool::is_shared(state_.table.pages[p]);
  }
  usage.table_bytes = state_.table.memory.size();
  const std::uint64_t page_bytes = state_.pool->page_bytes();
  usage.bytes = usage.pages * page_bytes + usage.table_bytes;
  usage.owned_bytes = (usage.pages - usage.shared_pages) * page_bytes + usage.table_bytes;
  return usage;
}

Result<Context> Context::fork() const noexcept {
  MOXIE_TRY(at_rest("Context::fork"));
  const std::size_t n_pages = pages_for(state_.size);
  State state;
  MOXIE_TRY_LET(state.table, Table::create(n_pages, *state_.account));
  for (std::size_t p = 0; p < n_pages; ++p) {
    if (p >= state_.first_page) KvPool::share(state_.table.pages[p]);
    state.table.pages[p] = state_.table.pages[p];
  }
  std::copy_n(state_.table.tokens, state_.size, state.table.tokens);
  state.pool = state_.pool;
  state.account = state_.account;
  state.first_page = state_.first_page;
  state.n_pages = n_pages;
  state.size = state_.size;
  state.pathway_hash = state_.pathway_hash;
  state.edits = state_.edits;
  state.max_positions = state_.max_positions;
  state.rewind = state_.rewind;
  return Context(std::move(state));
}

Status Context::truncate(std::size_t n) noexcept {
  MOXIE_TRY(at_rest("Context::truncate"));
  if (n > state_.size) {
    return Status(Code::kInvalidArgument, "Context::truncate", Text("at most ", state_.size, " positions"), Text(n));
  }
  if (!can_truncate(n)) {
    return Status(Code::kPrecondition, "Context::truncate",
                  Text("0, or at least ", state_.first_page * kKvPagePositions + state_.pool->shape().window - 1,
                       " positions: those before a window of ", state_.pool->shape().window, " were given back"),
                  Text(n));
  }
  state_.size = n;
  drop_pages(pages_for(n));
  if (n == 0) state_.first_page = 0;
  return {};
}

bool Context::can_truncate(std::size_t n) const noexcept {
  if (n > state_.size) return false;
  if (state_.first_page == 0 || n == 0) return true;
  // A row at n reads positions from n + 1 - window on.
  return n + 1 >= state_.first_page * kKvPagePositions + state_.pool->shape().window;
}

Status Context::reserve(std::size_t n) noexcept {
  MOXIE_TRY(at_rest("Context::reserve"));
  return make_room("Context::reserve", n, true);
}

std::uint64_t Context::bytes_for(const KvPool& pool, std::size_t positions) noexcept {
  const auto each = checked::add(std::uint64_t{pool.page_bytes()}, std::uint64_t{kTableBytesPerPage});
  const auto bytes = each ? checked::multiply(std::uint64_t{pages_for(positions)}, *each) : std::nullopt;
  return bytes.value_or(std::numeric_limits<std::uint64_t>::max());
}

Result<KvView> Context::prepare(std::size_t n) noexcept {
  MOXIE_TRY(at_rest("Context::prepare"));
  const std::size_t n_pages_before = state_.n_pages;
  MOXIE_TRY(make_room("Context::prepare", n, false));
  state_.pages_before_prepare = n_pages_before;
  state_.prepared = n;
  state_.preparing = true;
  const std::size_t n_pages = pages_for(state_.size + n);
  if (state_.pool->options().poison_freed) {
    for (std::size_t p = state_.size / kKvPagePositions; n != 0 && p < n_pages; ++p) {
      const std::size_t begin = p * kKvPagePositions;
      poison_positions(state_.pool->shape(), state_.table.pages[p], begin < state_.size ? state_.size - begin : 0);
    }
  }
  return KvView{state_.pool->shape(), {state_.table.pages, n_pages}, state_.first_page};
}

Status Context::commit(std::span<const TokenId> tokens) noexcept {
  if (!state_.preparing) {
    return Status(Code::kPrecondition, "Context::commit", "positions that prepare() made writable", "none");
  }
  if (tokens.size() > state_.prepared) {
    return Status(Code::kInvalidArgument, "Context::commit", Text("at most ", state_.prepared, " tokens, as prepared"),
                  Text(tokens.size()));
  }
  std::copy(tokens.begin(), tokens.end(), state_.table.tokens + state_.size);
  state_.size += tokens.size();
  rollback();  // what was prepared beyond them
  drop_behind_window();
  return {};
}

void Context::rollback() noexcept {
  if (!state_.preparing) return;
  state_.preparing = false;
  state_.prepared = 0;
  drop_pages(std::max(pages_for(state_.size), state_.pages_before_prepare));
}

KvView Context::view() const noexcept {
  if (state_.pool == nullptr) return {};
  return {state_.pool->shape(), {state_.table.pages, pages_for(state_.size)}, state_.first_page};
}

Status Context::at_rest(std::string_view where) const noexcept {
  if (state_.pool == nullptr) {
    return Status(Code::kPrecondition, where, "a context", "one that was moved from");
  }
  if (state_.preparing) {
    return Status(Code::kPrecondition, where, "commit() or rollback() first",
                  Text(state_.prepared, " positions still prepared"));
  }
  return {};
}

Status Context::make_room(std::string_view where, std::size_t n, bool exactly) noexcept {
  if (n > state_.max_positions - state_.size) {
    return Status(Code::kBudget, where, Text(n, " positions more"),
                  Text(state_.max_positions - state_.size, " left of max_positions ", state_.max_positions));
  }
  if (n == 0) return {};
  const std::size_t n_pages = std::max(pages_for(state_.size + n), state_.n_pages);
  // Doubling keeps appending linear; where there is no room for that, what is needed must do.
  const std::size_t doubled = std::min(2 * state_.table.capacity, pages_for(state_.max_positions));
  if (!exactly && n_pages > state_.table.capacity && n_pages < doubled && take_room(n_pages, doubled).ok()) return {};
  return take_room(n_pages, n_pages);
}

// Makes the context n_pages long in a table of at least `capacity`, and the page after the last committed
// position its own. Everything is taken before anything is changed.
Status Context::take_room(std::size_t n_pages, std::size_t capacity) noexcept {
  Table grown;
  if (n_pages > state_.table.capacity) {
    MOXIE_TRY_LET(grown, Table::create(capacity, *state_.account));
    std::copy_n(state_.table.pages, state_.n_pages, grown.pages);
    std::copy_n(state_.table.tokens, state_.size, grown.tokens);
  }
  std::byte** pages = grown.capacity != 0 ? grown.pages : state_.table.pages;

  const std::size_t tail = state_.size / kKvPagePositions;
  const std::size_t tail_positions = state_.size % kKvPagePositions;
  std::byte* copy = nullptr;
  if (tail_positions != 0 && KvPool::is_shared(pages[tail])) {
    MOXIE_TRY_LET(copy, state_.pool->acquire(*state_.account));
  }
  for (std::size_t p = state_.n_pages; p < n_pages; ++p) {
    Result<std::byte*> page = state_.pool->acquire(*state_.account);
    if (!page.ok()) {
      while (p > state_.n_pages) KvPool::release(pages[--p]);
      if (copy != nullptr) KvPool::release(copy);
      return page.status();
    }
    pages[p] = *page;
  }

  if (grown.capacity != 0) state_.table = std::move(grown);
  state_.n_pages = n_pages;
  if (copy != nullptr) {
    copy_positions(state_.pool->shape(), pages[tail], copy, tail_positions);
    KvPool::release(std::exchange(pages[tail], copy));
  }
  return {};
}

void Context::drop_pages(std::size_t keep) noexcept {
  while (state_.n_pages > keep) {
    --state_.n_pages;
    if (state_.n_pages >= state_.first_page) KvPool::release(state_.table.pages[state_.n_pages]);
  }
}

// The next row, and every one after it, reads positions from size + 1 - window on.
void Context::drop_behind_window() noexcept {
  const std::size_t window = state_.pool->shape().window;
  if (window == 0 || state_.size < window || state_.size - window < state_.rewind) return;
  for (const std::size_t end = (state_.size + 1 - window - state_.rewind) / kKvPagePositions; state_.first_page < end;
       ++state_.first_page) {
    KvPool::release(std::exchange(state_.table.pages[state_.first_page], nullptr));
  }
}

}  // namespace moxie
