// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>
#include <memory>
#include <new>
#include <utility>

#include <moxie/context/context.hpp>
#include <moxie/core/checked.hpp>

#include "context/kv_room.hpp"
#include "context/page_positions.hpp"
#include "context/page_ref.hpp"

namespace moxie::inline abi1 {

Result<Context::Table> Context::Table::create(std::size_t capacity, Budget& account) noexcept {
  Table table;
  if (capacity == 0) return table;
  const auto bytes = checked::multiply(std::uint64_t{capacity}, std::uint64_t{kTableBytesPerPage});
  const auto size = bytes ? checked::narrow<std::size_t>(*bytes) : std::nullopt;
  if (!size)
    return Status(Code::kNoMemory, "Context", Text("a table of ", capacity, " pages"), "no such address space");
  MOXIE_TRY_LET(table.memory, AlignedBuffer::create(*size, &account));
  table.capacity = capacity;
  table.pages = reinterpret_cast<PageRef*>(table.memory.data());
  table.tokens = reinterpret_cast<TokenId*>(table.memory.data() + capacity * sizeof(PageRef));
  std::uninitialized_value_construct_n(table.pages, capacity);
  return table;
}

Context::Table::Table(Table&& other) noexcept
    : memory(std::move(other.memory)),
      capacity(std::exchange(other.capacity, 0)),
      pages(std::exchange(other.pages, nullptr)),
      tokens(std::exchange(other.tokens, nullptr)) {}

Context::Table& Context::Table::operator=(Table&& other) noexcept {
  Table incoming(std::move(other));
  std::swap(memory, incoming.memory);
  std::swap(capacity, incoming.capacity);
  std::swap(pages, incoming.pages);
  std::swap(tokens, incoming.tokens);
  return *this;
}

Context::Table::~Table() { std::destroy_n(pages, capacity); }

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
      state.account = Budget::create("context", options.max_bytes, pool->budget(), "bytes");
    } catch (const std::bad_alloc&) {
      return Status(Code::kNoMemory, "Context::create", Text(sizeof(Budget), " bytes"), "a refusal from the system");
    }
  }
  state.pool = std::move(pool);
  state.pathway_hash = options.pathway_hash;
  state.host_dependent = options.host_dependent;
  state.max_positions = options.max_positions;
  state.rewind = options.rewind;
  return Context(std::move(state));
}

Context::~Context() = default;

ContextUsage Context::usage() const noexcept {
  ContextUsage usage;
  if (state_.pool == nullptr) return usage;
  usage.positions = state_.size;
  usage.absent_positions = state_.size - state_.held;
  usage.pages = state_.n_pages - state_.first_page;
  usage.released_pages = state_.first_page;
  usage.reserved_pages = state_.n_pages - pages_for(state_.held);
  for (std::size_t p = state_.first_page; p < state_.n_pages; ++p) {
    usage.shared_pages += state_.table.pages[p].is_shared();
  }
  usage.table_bytes = state_.table.memory.size();
  const std::uint64_t page_bytes = state_.pool->page_bytes();
  usage.bytes = usage.pages * page_bytes + usage.table_bytes;
  usage.owned_bytes = (usage.pages - usage.shared_pages) * page_bytes + usage.table_bytes;
  return usage;
}

Result<Context> Context::fork() const noexcept {
  MOXIE_TRY(at_rest("Context::fork"));
  State state;
  MOXIE_TRY_LET(state.table, Table::create(pages_for(state_.size), *state_.account));
  state.pool = state_.pool;
  state.account = state_.account;
  state.pathway_hash = state_.pathway_hash;
  state.host_dependent = state_.host_dependent;
  state.edits = state_.edits;
  state.max_positions = state_.max_positions;
  state.rewind = state_.rewind;
  Context child(std::move(state));
  MOXIE_TRY(child.adopt(pages(), tokens().first(state_.held)));
  std::copy_n(state_.table.tokens, state_.size, child.state_.table.tokens);
  child.state_.size = state_.size;
  return child;
}

Status Context::adopt(std::span<const PageRef> pages, std::span<const TokenId> tokens) noexcept {
  constexpr std::string_view kWhere = "Context::adopt";
  MOXIE_TRY(at_rest(kWhere));
  if (state_.size != 0) {
    return Status(Code::kPrecondition, kWhere, "a context without positions", Text("one with ", state_.size));
  }
  if (tokens.size() > state_.max_positions) {
    return Status(Code::kBudget, kWhere, Text("at most ", state_.max_positions, " tokens, max_positions"),
                  Text(tokens.size()));
  }
  if (pages.size() != pages_for(tokens.size())) {
    return Status(Code::kInvalidArgument, kWhere,
                  Text(pages_for(tokens.size()), " pages for ", tokens.size(), " tokens"), Text(pages.size()));
  }
  const auto present = std::ranges::find_if(pages, [](const PageRef& page) { return static_cast<bool>(page); });
  const auto first = static_cast<std::size_t>(present - pages.begin());
  if (!readable(tokens.size(), first)) {
    return Status(
        Code::kInvalidArgument, kWhere,
        Text("pages for what a row at ", tokens.size(), " reads; the window is ", state_.pool->shape().window),
        Text("none before page ", first));
  }
  for (const PageRef& page : pages.subspan(first)) {
    if (!page) return Status(Code::kInvalidArgument, kWhere, "a page for each 32 tokens", "none in between");
    if (&page.pool() != state_.pool.get()) {
      return Status(Code::kInvalidArgument, kWhere,
                    Text("pages of its own pool (", describe(state_.pool->shape()), ')'),
                    Text("another's (", describe(page.pool().shape()), ')'));
    }
    if (page.identity() != state_.pathway_hash) {
      return Status(Code::kInvalidArgument, kWhere, Text("pages of the pathway ", state_.pathway_hash),
                    Text("those of ", page.identity()));
    }
  }
  if (pages.size() > state_.table.capacity) {
    MOXIE_TRY_LET(Table table, Table::create(pages.size(), *state_.account));
    drop_pages(0);
    state_.table = std::move(table);
  }
  drop_pages(0);  // a reservation
  std::ranges::transform(pages, state_.table.pages, &PageRef::share);
  std::ranges::copy(tokens, state_.table.tokens);
  state_.first_page = first;
  state_.n_pages = pages.size();
  state_.held = state_.size = tokens.size();
  return {};
}

void Context::give_back() noexcept {
  if (!at_rest("Context::give_back").ok()) return;
  std::size_t keep = state_.first_page;
  while (keep < state_.n_pages && state_.table.pages[keep].is_shared()) ++keep;
  if (keep == state_.n_pages) keep = 0;  // nothing else is left to give
  state_.held = std::min(state_.held, keep * kKvPagePositions);
  if (!readable(state_.held, state_.first_page)) state_.held = 0;
  drop_pages(pages_for(state_.held));
  if (state_.held == 0) state_.first_page = 0;
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
  state_.held = std::min(state_.held, n);
  drop_pages(pages_for(state_.held));
  if (state_.held == 0) state_.first_page = 0;
  return {};
}

bool Context::can_truncate(std::size_t n) const noexcept {
  return n <= state_.size && readable(std::min(n, state_.held), state_.first_page);
}

// Whether pages from first_page on are what a row at n reads: positions from n + 1 - window on.
bool Context::readable(std::size_t n, std::size_t first_page) const noexcept {
  if (first_page == 0 || n == 0) return true;
  const std::size_t window = state_.pool->shape().window;
  return window != 0 && n + 1 >= first_page * kKvPagePositions + window;
}

Status Context::reserve(std::size_t n) noexcept {
  MOXIE_TRY(at_rest("Context::reserve"));
  return make_room("Context::reserve", state_.size, n, true);
}

std::uint64_t Context::bytes_for(const KvPool& pool, std::size_t positions) noexcept {
  const auto each = checked::add(std::uint64_t{pool.page_bytes()}, std::uint64_t{kTableBytesPerPage});
  const auto bytes = each ? checked::multiply(std::uint64_t{pages_for(positions)}, *each) : std::nullopt;
  return bytes.value_or(std::numeric_limits<std::uint64_t>::max());
}

Result<KvView> Context::prepare(std::size_t n) noexcept {
  MOXIE_TRY(at_rest("Context::prepare"));
  const std::size_t n_pages_before = state_.n_pages;
  MOXIE_TRY(make_room("Context::prepare", state_.held, n, false));
  state_.pages_before_prepare = n_pages_before;
  state_.prepared = n;
  state_.preparing = true;
  const std::size_t n_pages = pages_for(state_.held + n);
  if (state_.pool->options().poison_freed) {
    for (std::size_t p = state_.held / kKvPagePositions; n != 0 && p < n_pages; ++p) {
      const std::size_t begin = p * kKvPagePositions;
      poison_positions(state_.pool->shape(), state_.table.pages[p].values(),
                       begin < state_.held ? state_.held - begin : 0);
    }
  }
  return KvView{state_.pool->shape(), values_of({state_.table.pages, n_pages}), state_.first_page};
}

Status Context::commit(std::span<const TokenId> tokens) noexcept {
  if (!state_.preparing) {
    return Status(Code::kPrecondition, "Context::commit", "positions that prepare() made writable", "none");
  }
  if (tokens.size() > state_.prepared) {
    return Status(Code::kInvalidArgument, "Context::commit", Text("at most ", state_.prepared, " tokens, as prepared"),
                  Text(tokens.size()));
  }
  const auto again = tokens.first(std::min(tokens.size(), state_.size - state_.held));
  if (!std::ranges::equal(again, this->tokens().subspan(state_.held, again.size()))) {
    return Status(Code::kInvalidArgument, "Context::commit", "the tokens that it has, for positions that it had",
                  "others");
  }
  std::copy(tokens.begin(), tokens.end(), state_.table.tokens + state_.held);
  state_.held += tokens.size();
  state_.size = std::max(state_.size, state_.held);
  rollback();  // what was prepared beyond them
  drop_behind_window();
  return {};
}

void Context::rollback() noexcept {
  if (!state_.preparing) return;
  state_.preparing = false;
  state_.prepared = 0;
  drop_pages(std::max(pages_for(state_.held), state_.pages_before_prepare));
}

KvView Context::view() const noexcept {
  if (state_.pool == nullptr) return {};
  return {state_.pool->shape(), values_of(pages()), state_.first_page};
}

std::span<const PageRef> Context::pages() const noexcept { return {state_.table.pages, pages_for(state_.held)}; }

KvRoom Context::room() const noexcept {
  const std::size_t tail = state_.held / kKvPagePositions;
  return {.held = state_.held,
          .pages = state_.n_pages,
          .released = state_.first_page,
          .table_pages = state_.table.capacity,
          .copies_tail = state_.held % kKvPagePositions != 0 && state_.table.pages[tail].is_shared(),
          .page_bytes = state_.pool == nullptr ? 0 : state_.pool->page_bytes()};
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

Status Context::make_room(std::string_view where, std::size_t from, std::size_t n, bool exactly) noexcept {
  if (n > state_.max_positions - from) {
    return Status(Code::kBudget, where, Text(n, " positions more"),
                  Text(state_.max_positions - from, " left of max_positions ", state_.max_positions));
  }
  if (n == 0) return {};
  const std::size_t n_pages = std::max(pages_for(from + n), state_.n_pages);
  // Doubling keeps appending linear; where there is no room for that, what is needed must do.
  const std::size_t doubled = std::min(2 * state_.table.capacity, pages_for(state_.max_positions));
  if (!exactly && n_pages > state_.table.capacity && n_pages < doubled && take_room(n_pages, doubled).ok()) return {};
  return take_room(n_pages, n_pages);
}

// Makes the context n_pages long in a table of at least `capacity`, and the page that the next row goes into its own.
// Everything is taken before anything is changed.
Status Context::take_room(std::size_t n_pages, std::size_t capacity) noexcept {
  Table grown;
  if (n_pages > state_.table.capacity) {
    MOXIE_TRY_LET(grown, Table::create(capacity, *state_.account));
  }
  const auto acquire = [this] { return PageRef::acquire(*state_.pool, *state_.account, state_.pathway_hash); };
  PageRef copy;
  const bool copies = room().copies_tail;
  if (copies) {
    MOXIE_TRY_LET(copy, acquire());
  }
  PageRef* const pages = grown.capacity != 0 ? grown.pages : state_.table.pages;
  for (std::size_t p = state_.n_pages; p < n_pages; ++p) {
    Result<PageRef> page = acquire();
    if (!page.ok()) {
      while (p > state_.n_pages) pages[--p] = PageRef();
      return page.status();
    }
    pages[p] = *std::move(page);
  }

  if (grown.capacity != 0) {
    std::move(state_.table.pages, state_.table.pages + state_.n_pages, grown.pages);
    std::copy_n(state_.table.tokens, state_.size, grown.tokens);
    state_.table = std::move(grown);
  }
  state_.n_pages = n_pages;
  if (copies) {
    PageRef& tail = state_.table.pages[state_.held / kKvPagePositions];
    copy_positions(state_.pool->shape(), tail.values(), copy.values(), state_.held % kKvPagePositions);
    tail = std::move(copy);
  }
  return {};
}

void Context::drop_pages(std::size_t keep) noexcept {
  while (state_.n_pages > keep) state_.table.pages[--state_.n_pages] = PageRef();
}

// The next row, and every one after it, reads positions from held + 1 - window on.
void Context::drop_behind_window() noexcept {
  const std::size_t window = state_.pool->shape().window;
  if (window == 0 || state_.held < window || state_.held - window < state_.rewind) return;
  for (const std::size_t end = (state_.held + 1 - window - state_.rewind) / kKvPagePositions; state_.first_page < end;
       ++state_.first_page) {
    state_.table.pages[state_.first_page] = PageRef();
  }
}

}  // namespace moxie
