// SPDX-License-Identifier: Apache-2.0
#include "kernel/idle_contexts.hpp"

namespace moxie::inline abi1::kernel {

bool IdleContexts::give_back(bool alone) noexcept {
  for (IdleContext* idle = first_; idle != nullptr; idle = idle->behind_) {
    const ContextUsage usage = idle->context_.usage();
    if (usage.pages == (alone ? usage.shared_pages : 0)) continue;
    ContextAccess::give_back(idle->context_);
    return true;
  }
  return false;
}

std::uint64_t IdleContexts::bytes() const noexcept {
  std::uint64_t bytes = 0;
  for (const IdleContext* idle = first_; idle != nullptr; idle = idle->behind_) {
    bytes += ContextAccess::room(idle->context_).bytes_of_pages();
  }
  return bytes;
}

void IdleContext::join() noexcept {
  leave();
  joined_ = true;
  before_ = list_.last_;
  (before_ == nullptr ? list_.first_ : before_->behind_) = this;
  list_.last_ = this;
}

void IdleContext::leave() noexcept {
  if (!joined_) return;
  joined_ = false;
  (before_ == nullptr ? list_.first_ : before_->behind_) = behind_;
  (behind_ == nullptr ? list_.last_ : behind_->before_) = before_;
  before_ = behind_ = nullptr;
}

}  // namespace moxie
