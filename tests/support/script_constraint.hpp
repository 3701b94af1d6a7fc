// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstring>
#include <functional>
#include <memory>
#include <vector>

#include <moxie/kernel/constraint.hpp>

namespace moxie::test {

/// Lets an answer be these tokens, and then end or be anything.
class ScriptConstraint final : public TokenConstraint {
 public:
  enum class Member { kAllowed, kMayEnd, kAccept, kForced, kClone };

  struct Rules {
    std::vector<TokenId> script = {};
    bool forces = false;                                      ///< tells of the script by forced() too
    bool free_after = false;                                  ///< anything may come behind the script
    std::size_t free_before = 0;                              ///< anything may come before it, so many tokens
    std::size_t may_end_from = 0;                             ///< tokens; where 0, from the end of the script
    std::function<Status(Member, std::size_t at)> hook = {};  ///< what a member does first
  };

  explicit ScriptConstraint(Rules rules) : rules_(std::move(rules)) {}

  Status allowed(TokenMask out) override {
    MOXIE_TRY(hook(Member::kAllowed));
    const auto left = rest();
    if (!left.empty()) {
      out.set(left.front());
    } else if (at_ < rules_.free_before || rules_.free_after) {
      out.fill(true);
    }
    return {};
  }
  Result<bool> may_end() override {
    MOXIE_TRY(hook(Member::kMayEnd));
    return at_ >= (rules_.may_end_from != 0 ? rules_.may_end_from : end());
  }
  Status accept(std::span<const TokenId> tokens) override {
    MOXIE_TRY(hook(Member::kAccept));
    const std::size_t before = at_;
    for (const TokenId token : tokens) {
      const auto left = rest();
      const bool fits = left.empty() ? at_ < rules_.free_before || rules_.free_after : token == left.front();
      if (!fits) {
        at_ = before;
        return Status(Code::kInvalidArgument, "ScriptConstraint::accept", "the token of the script", Text(token));
      }
      ++at_;
    }
    return {};
  }
  Result<std::span<const TokenId>> forced() override {
    MOXIE_TRY(hook(Member::kForced));
    return rules_.forces ? rest() : std::span<const TokenId>();
  }
  Status rollback(std::size_t n) override {
    if (n > at_) return Status(Code::kInvalidArgument, "ScriptConstraint::rollback", Text("at most ", at_), Text(n));
    at_ -= n;
    return {};
  }
  [[nodiscard]] Result<std::unique_ptr<TokenConstraint>> clone() const override {
    MOXIE_TRY(hook(Member::kClone));
    return std::unique_ptr<TokenConstraint>(std::make_unique<ScriptConstraint>(*this));
  }
  [[nodiscard]] Result<std::vector<std::byte>> save() const override {
    std::vector<std::byte> bytes(sizeof(at_));
    std::memcpy(bytes.data(), &at_, sizeof(at_));
    return bytes;
  }
  Status load(std::span<const std::byte> bytes) {
    if (bytes.size() != sizeof(at_)) return Status(Code::kFormat, "ScriptConstraint::load", "a place", "other bytes");
    std::memcpy(&at_, bytes.data(), sizeof(at_));
    return {};
  }

 private:
  [[nodiscard]] Status hook(Member member) const { return rules_.hook ? rules_.hook(member, at_) : Status(); }
  [[nodiscard]] std::size_t end() const noexcept { return rules_.free_before + rules_.script.size(); }
  /// What is left of the script, once it has begun.
  [[nodiscard]] std::span<const TokenId> rest() const noexcept {
    if (at_ < rules_.free_before || at_ >= end()) return {};
    return std::span(rules_.script).subspan(at_ - rules_.free_before);
  }

  Rules rules_;
  std::size_t at_ = 0;
};

}  // namespace moxie::test
