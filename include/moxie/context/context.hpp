// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include <moxie/backend/kv_view.hpp>
#include <moxie/context/kv_pool.hpp>
#include <moxie/core/budget.hpp>
#include <moxie/core/config.hpp>
#include <moxie/core/result.hpp>
#include <moxie/core/views.hpp>
#include <moxie/core/workspace.hpp>

namespace moxie::inline abi1 {

class PageRef;
struct KvRoom;

struct ContextOptions {
  /// No context is longer: a Position has 31 bits.
  static constexpr std::size_t kMaxPositions = static_cast<std::size_t>(std::numeric_limits<Position>::max());

  /// Hash of the Pathway whose keys and values these are. Opaque here.
  std::uint64_t pathway_hash = 0;
  /// The context never holds more positions than this; 1 to kMaxPositions.
  std::size_t max_positions = kMaxPositions;
  /// What the context and its forks may hold together, within the pool's budget.
  std::uint64_t max_bytes = Budget::kUnlimited;
  /// Where all layers of a model have a window (KvShape::window), pages that no further row reads are given back. So
  /// many positions before them stay, for truncate() to go back by; 0 to kMaxPositions.
  std::size_t rewind = 256;
  /// Accepts a pathway whose bits depend on more than the context's tokens (Pathway::host_dependent): on what else runs
  /// in a step, on how prompts are cut.
  bool host_dependent = false;
};

struct ContextUsage {
  std::size_t positions = 0;         ///< committed
  std::size_t absent_positions = 0;  ///< the last of them, whose pages a kernel took to make room for others
  std::size_t pages = 0;             ///< references to pages, the reserved ones included
  std::size_t shared_pages = 0;      ///< those of them that a fork holds too
  std::size_t reserved_pages = 0;    ///< those of them without a committed position
  std::size_t released_pages = 0;    ///< of committed positions, given back behind a window; none of those above
  std::uint64_t bytes = 0;           ///< all pages and the table
  std::uint64_t owned_bytes = 0;     ///< what dropping this context would give back now
  std::uint64_t table_bytes = 0;     ///< the list of pages and the tokens
};

/// The memory of one conversation: tokens, and the keys and values that a model has computed for them.
///
/// A context is a list of references to pages. fork() shares them all; whoever then appends into a
/// shared, partly filled page copies that one page first. docs/design/005-kv-memory.md says why.
///
///     MOXIE_TRY_LET(Context context, Context::create(pool, {.pathway_hash = pathway_hash}));
///     MOXIE_TRY(context.reserve(512));                   // now 512 steps allocate nothing
///     ... Kernel::step() appends ...
///     MOXIE_TRY_LET(Context what_if, context.fork());    // both go on by themselves
///
/// Where memory is short a kernel may take pages from the context of an answer that waits (Kernel::step). Its positions
/// and tokens stay, and a step computes what is absent before it goes on, with the same bits.
///
/// Shapes   pages as KvView documents them; tokens()[p] is the token at position p, also where a window let the
///          position's page go.
/// Units    positions; bytes where the name says so. The table costs 136 bytes for each page of its
///          capacity and is charged like the pages.
/// Errors   kBudget: the pool's budget, max_bytes or max_positions would be overrun; the message names
///          which. kNoMemory. kPrecondition: the context was moved from, or a step that uses it is not over.
///          kInvalidArgument: as each member says.
///          A failed call leaves the context, and what it is charged, as they were.
/// Threads  one thread at a time for each context. Forks are contexts of their own: they may live and
///          go on other threads, whatever they share. It keeps its pool alive and may outlive the kernel.
class MOXIE_API Context {
 public:
  [[nodiscard]] static Result<Context> create(std::shared_ptr<KvPool> pool,
                                              const ContextOptions& options = {}) noexcept;
  Context(Context&& other) noexcept : state_(std::exchange(other.state_, State())) {}
  Context& operator=(Context&& other) noexcept {
    Context incoming(std::move(other));
    std::swap(state_, incoming.state_);
    return *this;
  }
  ~Context();

  /// Positions that are committed.
  [[nodiscard]] std::size_t size() const noexcept { return state_.size; }
  /// Their tokens; good until the next call that is not const.
  [[nodiscard]] std::span<const TokenId> tokens() const noexcept { return {state_.table.tokens, state_.size}; }
  [[nodiscard]] std::uint64_t pathway_hash() const noexcept { return state_.pathway_hash; }
  /// Whether its pathway's bits depend on more than its tokens. Then no cache has pages for it, nor takes any of it.
  [[nodiscard]] bool host_dependent() const noexcept { return state_.host_dependent; }
  [[nodiscard]] std::size_t max_positions() const noexcept { return state_.max_positions; }
  [[nodiscard]] const std::shared_ptr<KvPool>& pool() const noexcept { return state_.pool; }
  [[nodiscard]] ContextUsage usage() const noexcept;

  /// A context with the same positions, sharing every page; it pays for a table of its own. Pathway,
  /// limits and account are inherited; a reservation is not. Takes time in the number of pages.
  ///
  /// A shared page is paid for by the account that took it, until its last holder goes.
  [[nodiscard]] Result<Context> fork() const noexcept;

  /// Forgets the positions from n on and gives back every page without one before n, the reserved ones
  /// included: truncate(size()) ends a reservation. A partly filled page stays shared until it is written.
  /// kInvalidArgument: n > size(). kPrecondition: a row at n would read positions that a window let go
  /// (can_truncate); 0 is always possible, and then everything is computed again.
  Status truncate(std::size_t n) noexcept;
  /// Whether truncate(n) would find all that a row at n reads: n <= size() where nothing was given back.
  [[nodiscard]] bool can_truncate(std::size_t n) const noexcept;

  /// Makes room for n positions more, all of them at once: appending them takes no memory then. It holds until a fork()
  /// (a shared page must be copied when written), a truncate(), or until a kernel takes pages; then reserve again.
  Status reserve(std::size_t n) noexcept;

  /// What a new context with reserve(positions) is charged, in bytes; the greatest number where that
  /// does not fit.
  [[nodiscard]] static std::uint64_t bytes_for(const KvPool& pool, std::size_t positions) noexcept;

 private:
  friend struct ContextAccess;

  // The pages, then the tokens, in one charged block.
  struct Table {
    AlignedBuffer memory;
    std::size_t capacity = 0;  // in pages
    PageRef* pages = nullptr;  // `capacity` of them
    TokenId* tokens = nullptr;

    static Result<Table> create(std::size_t capacity, Budget& account) noexcept;
    Table() noexcept = default;
    Table(Table&& other) noexcept;
    Table& operator=(Table&& other) noexcept;
    ~Table();
  };
  // Pages [first_page, pages_for(held)) hold positions and may be shared, the others never are; those before are null,
  // and so are those from n_pages on.
  struct State {
    std::shared_ptr<KvPool> pool;
    std::shared_ptr<Budget> account;
    Table table;
    std::size_t first_page = 0;
    std::size_t n_pages = 0;
    std::size_t held = 0;  // positions whose keys and values are there
    std::size_t size = 0;  // positions whose tokens are there
    std::size_t prepared = 0;
    std::size_t pages_before_prepare = 0;
    bool preparing = false;
    std::uint64_t pathway_hash = 0;
    bool host_dependent = false;
    std::shared_ptr<const void> edits;
    std::size_t max_positions = 0;
    std::size_t rewind = 0;
  };

  // ContextAccess says what these do.
  Result<KvView> prepare(std::size_t n) noexcept;
  Status commit(std::span<const TokenId> tokens) noexcept;
  void rollback() noexcept;
  Status adopt(std::span<const PageRef> pages, std::span<const TokenId> tokens) noexcept;
  void give_back() noexcept;
  [[nodiscard]] KvView view() const noexcept;
  [[nodiscard]] std::span<const PageRef> pages() const noexcept;
  [[nodiscard]] KvRoom room() const noexcept;

  explicit Context(State&& state) noexcept : state_(std::move(state)) {}

  Status at_rest(std::string_view where) const noexcept;
  [[nodiscard]] bool readable(std::size_t n, std::size_t first_page) const noexcept;
  Status make_room(std::string_view where, std::size_t from, std::size_t n, bool exactly) noexcept;
  Status take_room(std::size_t n_pages, std::size_t capacity) noexcept;
  void drop_pages(std::size_t keep) noexcept;
  void drop_behind_window() noexcept;

  State state_;
};

}  // namespace moxie
