// SPDX-License-Identifier: Apache-2.0
#include <moxie/kernel/grammar_constraint.hpp>

#include <utility>
#include <vector>

#include <moxie/core/guard.hpp>
#include <moxie/core/text.hpp>

namespace moxie::inline abi1 {
namespace {

class GrammarConstraint final : public TokenConstraint {
 public:
  GrammarConstraint(Matcher matcher, std::size_t vocab_size) : matcher_(std::move(matcher)), vocab_size_(vocab_size) {}

  Status allowed(TokenMask out) override {
    // A model may have more rows than its tokenizer has tokens; those never come.
    if (out.size() < vocab_size_) {
      return Status(Code::kShape, "GrammarConstraint", Text("a mask of ", vocab_size_, " tokens"), Text(out.size()));
    }
    return matcher_.allowed(out.words());
  }
  Result<bool> may_end() override { return matcher_.may_end(); }
  Status accept(std::span<const TokenId> tokens) override { return matcher_.accept(tokens); }
  Result<std::span<const TokenId>> forced() override {
    MOXIE_TRY_LET(forced_, matcher_.forced());
    return std::span<const TokenId>(forced_);
  }
  Status rollback(std::size_t n) override { return matcher_.rollback(n); }
  [[nodiscard]] Result<std::unique_ptr<TokenConstraint>> clone() const override {
    return std::unique_ptr<TokenConstraint>(std::make_unique<GrammarConstraint>(*this));
  }

 private:
  Matcher matcher_;
  std::size_t vocab_size_;
  std::vector<TokenId> forced_;
};

}  // namespace

Result<std::shared_ptr<const TokenConstraint>> make_constraint(const Grammar& grammar, const Vocabulary& vocabulary,
                                                               const MatcherLimits& limits) noexcept {
  MOXIE_TRY_LET(Matcher matcher, Matcher::create(grammar, vocabulary, limits));
  std::shared_ptr<const TokenConstraint> constraint;
  MOXIE_TRY(guarded("make_constraint", [&]() -> Status {
    constraint = std::make_shared<const GrammarConstraint>(std::move(matcher), vocabulary.size());
    return {};
  }));
  return constraint;
}

}  // namespace moxie
