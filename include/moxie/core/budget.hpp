// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <string_view>
#include <utility>

#include <moxie/core/result.hpp>

namespace moxie::inline abi1 {

/// An account with a hard limit: bytes, tokens, calls. What is to be spent is charged first, and the
/// limit is never overrun by one unit, from however many threads. An account may lie within another:
/// a charge is then taken from both or from neither.
///
///     auto pool = Budget::create("kv pages", 1 << 30);
///     auto mine = Budget::create("context 7", 1 << 20, pool);
///     MOXIE_TRY_LET(Charge page, mine->charge(4096));   // given back when `page` goes
///
/// Errors   kBudget: which account, what was asked, what was left.
/// Threads  every member may be called from any thread.
class Budget;

/// Units taken from a Budget; its destructor gives them back.
class [[nodiscard]] Charge {
 public:
  Charge() noexcept = default;
  Charge(Charge&& other) noexcept : budget_(std::move(other.budget_)), units_(std::exchange(other.units_, 0)) {}
  Charge& operator=(Charge&& other) noexcept {
    std::swap(budget_, other.budget_);
    std::swap(units_, other.units_);
    return *this;
  }
  inline ~Charge();
  [[nodiscard]] std::uint64_t units() const noexcept { return units_; }

 private:
  friend class Budget;
  Charge(std::shared_ptr<Budget> budget, std::uint64_t units) noexcept : budget_(std::move(budget)), units_(units) {}

  std::shared_ptr<Budget> budget_;
  std::uint64_t units_ = 0;
};

class Budget : public std::enable_shared_from_this<Budget> {
  struct Private {};

 public:
  static constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max();

  /// `label` names the account in errors, `unit` what it counts; both must outlive it: literals.
  static std::shared_ptr<Budget> create(std::string_view label, std::uint64_t limit,
                                        std::shared_ptr<Budget> parent = nullptr, std::string_view unit = "units") {
    return std::make_shared<Budget>(Private{}, label, limit, std::move(parent), unit);
  }
  Budget(Private, std::string_view label, std::uint64_t limit, std::shared_ptr<Budget> parent,
         std::string_view unit) noexcept
      : label_(label), unit_(unit), limit_(limit), parent_(std::move(parent)) {}

  [[nodiscard]] Result<Charge> charge(std::uint64_t units) {
    MOXIE_TRY(take(units));
    return Charge(shared_from_this(), units);
  }

  [[nodiscard]] std::uint64_t used() const noexcept { return used_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t limit() const noexcept { return limit_; }
  [[nodiscard]] std::uint64_t left() const noexcept { return limit_ - used(); }
  [[nodiscard]] std::string_view label() const noexcept { return label_; }

  /// Charge without an object to hold it: give() must return what take() took.
  Status take(std::uint64_t units) noexcept {
    std::uint64_t used = used_.load(std::memory_order_relaxed);
    do {
      if (units > limit_ - used) {
        return Status(Code::kBudget, label_, Text(units, ' ', unit_), Text(limit_ - used, " left of ", limit_));
      }
    } while (!used_.compare_exchange_weak(used, used + units, std::memory_order_relaxed));
    if (parent_ != nullptr) {
      if (Status above = parent_->take(units); !above.ok()) {
        used_.fetch_sub(units, std::memory_order_relaxed);
        return above;
      }
    }
    return {};
  }
  void give(std::uint64_t units) noexcept {
    used_.fetch_sub(units, std::memory_order_relaxed);
    if (parent_ != nullptr) parent_->give(units);
  }

 private:
  std::string_view label_;
  std::string_view unit_;
  std::uint64_t limit_;
  std::shared_ptr<Budget> parent_;
  std::atomic<std::uint64_t> used_{0};
};

inline Charge::~Charge() {
  if (budget_ != nullptr && units_ != 0) budget_->give(units_);
}

}  // namespace moxie
