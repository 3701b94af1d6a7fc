// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "context/access.hpp"

namespace moxie::inline abi1::kernel {

class IdleContext;

/// Contexts that no answer uses now, and that an answer can compute again: those of chats between questions, and of
/// answers that are done. Their pages are taken, those first that were used longest ago, before anybody waits.
///
/// Threads  that of the kernel.
class IdleContexts {
 public:
  IdleContexts() noexcept = default;
  IdleContexts(const IdleContexts&) = delete;
  IdleContexts& operator=(const IdleContexts&) = delete;

  /// Takes the pages of one. With `alone` only of one that has pages which nobody shares. Says whether there was one.
  bool give_back(bool alone) noexcept;
  /// What their pages take, shared ones as often as they are shared.
  [[nodiscard]] std::uint64_t bytes() const noexcept;

 private:
  friend class IdleContext;
  IdleContext* first_ = nullptr;
  IdleContext* last_ = nullptr;
};

/// One context's place among them, while it has one.
class IdleContext {
 public:
  IdleContext(IdleContexts& list, Context& context) noexcept : list_(list), context_(context) {}
  ~IdleContext() { leave(); }
  IdleContext(const IdleContext&) = delete;
  IdleContext& operator=(const IdleContext&) = delete;

  /// As the one that was used last.
  void join() noexcept;
  void leave() noexcept;

 private:
  friend class IdleContexts;
  IdleContexts& list_;
  Context& context_;
  bool joined_ = false;
  IdleContext* before_ = nullptr;
  IdleContext* behind_ = nullptr;
};

}  // namespace moxie
