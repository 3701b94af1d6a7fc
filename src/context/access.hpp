// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <utility>

#include <moxie/context/context.hpp>

namespace moxie::inline abi1 {

/// What the kernel does with a context, and a host does not: it appends positions, and reads pages.
///
///     MOXIE_TRY_LET(const KvView kv, ContextAccess::prepare(context, n));  // [size, size + n) may be written
///     ... write them in every layer; read every position before them ...
///     MOXIE_TRY(ContextAccess::commit(context, tokens));                   // or rollback()
///
/// Errors   as Context; kPrecondition: a call that does not fit between prepare() and commit() or rollback().
struct ContextAccess {
  /// Makes positions [size(), size() + n) writable and returns all pages up to them, good until the context's next
  /// call that is not const. In between only commit, rollback and const calls (but fork) are allowed.
  ///
  /// What the positions hold before they are written is unspecified but initialised: zero in a fresh
  /// page, old values elsewhere, NaN under KvPoolOptions::poison_freed. A kernel that loads whole
  /// vectors of 32 lanes must drop the others by selection, never by multiplying with zero.
  static Result<KvView> prepare(Context& context, std::size_t n) noexcept { return context.prepare(n); }
  /// Makes the first tokens.size() prepared positions part of the context and gives back what the
  /// others took. kInvalidArgument: more tokens than prepared positions; then they stay prepared.
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

  // Pages one by one, as contexts take and share them; kv_pool.hpp says what each does.
  static Result<std::byte*> acquire(KvPool& pool, Budget& account) noexcept { return pool.acquire(account); }
  static void share(std::byte* page) noexcept { KvPool::share(page); }
  static void release(std::byte* page) noexcept { KvPool::release(page); }
  [[nodiscard]] static bool is_shared(const std::byte* page) noexcept { return KvPool::is_shared(page); }
};

}  // namespace moxie
