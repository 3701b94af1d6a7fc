// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <utility>

#include <moxie/context/context.hpp>

#include "context/kv_room.hpp"
#include "context/page_ref.hpp"

namespace moxie::inline abi1 {

/// What the kernel does with a context, and a host does not: it appends positions, and reads pages.
///
///     MOXIE_TRY_LET(const KvView kv, ContextAccess::prepare(context, n));  // [held, held + n) may be written
///     ... write them in every layer; read every position before them ...
///     MOXIE_TRY(ContextAccess::commit(context, tokens));                   // or rollback()
///
/// Errors   as Context; kPrecondition: a call that does not fit between prepare() and commit() or rollback().
struct ContextAccess {
  /// Makes positions [held(), held() + n) writable and returns all pages up to them, good until the context's next
  /// call that is not const. In between only commit, rollback and const calls (but fork) are allowed.
  ///
  /// What the positions hold before they are written is unspecified but initialised: zero in a fresh
  /// page, old values elsewhere, NaN under KvPoolOptions::poison_freed. A kernel that loads whole
  /// vectors of 32 lanes must drop the others by selection, never by multiplying with zero.
  static Result<KvView> prepare(Context& context, std::size_t n) noexcept { return context.prepare(n); }
  /// Makes the first tokens.size() prepared positions part of the context and gives back what the
  /// others took. kInvalidArgument: more tokens than prepared positions, or others than it has for positions that were
  /// absent; then they stay prepared.
  static Status commit(Context& context, std::span<const TokenId> tokens) noexcept { return context.commit(tokens); }
  /// Forgets what was prepared and gives back the pages that prepare() took, but for the copy of a page
  /// that was shared. Without anything prepared it does nothing.
  static void rollback(Context& context) noexcept { context.rollback(); }
  /// Positions that prepare() made writable and nobody has committed yet.
  [[nodiscard]] static std::size_t prepared(const Context& context) noexcept { return context.state_.prepared; }
  /// The pages of the committed positions, to be read only.
  [[nodiscard]] static KvView view(const Context& context) noexcept { return context.view(); }

  /// What the context's pathway lays over its model, for the kernel alone; forks have it too. Null: nothing.
  static void set_edits(Context& context, std::shared_ptr<const void> edits) noexcept {
    context.state_.edits = std::move(edits);
  }
  [[nodiscard]] static const void* edits(const Context& context) noexcept { return context.state_.edits.get(); }

  /// Pages of the committed positions, as many as are there; null behind a window. Whoever shares one holds it.
  [[nodiscard]] static std::span<const PageRef> pages(const Context& context) noexcept { return context.pages(); }
  /// Makes an empty context one that holds these tokens, in pages that somebody has computed: it shares them with their
  /// holders, and copies the last one before it writes into it. A reservation ends.
  ///
  /// Shapes   pages: one for each 32 tokens and one for the rest; null ones first, as many as a window allows.
  /// Errors   kPrecondition: it has positions. kInvalidArgument: too few pages or too many, or one of another pool, and
  ///          thereby of another shape or KvType, or of another pathway. kBudget, kNoMemory.
  static Status adopt(Context& context, std::span<const PageRef> pages, std::span<const TokenId> tokens) noexcept {
    return context.adopt(pages, tokens);
  }
  /// Gives pages back to make room for others. Positions and tokens stay; prepare() then begins where keys and values
  /// are absent. Pages at the beginning that somebody shares stay too, for dropping them would free nothing; where
  /// there are no others they go.
  static void give_back(Context& context) noexcept { context.give_back(); }
  /// Committed positions whose keys and values are there: the next row is computed at this one.
  [[nodiscard]] static std::size_t held(const Context& context) noexcept { return context.state_.held; }
  /// Committed positions behind them, whose pages were given back.
  [[nodiscard]] static std::size_t absent(const Context& context) noexcept {
    return context.state_.size - context.state_.held;
  }
  [[nodiscard]] static KvRoom room(const Context& context) noexcept { return context.room(); }
  /// Who pays: the pool's budget, or the context's own within it.
  [[nodiscard]] static const Budget& account(const Context& context) noexcept { return *context.state_.account; }
};

}  // namespace moxie
