// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <moxie/constraint/grammar.hpp>
#include <moxie/constraint/vocabulary.hpp>
#include <moxie/core/config.hpp>
#include <moxie/core/result.hpp>
#include <moxie/core/views.hpp>

namespace moxie::inline abi1 {

/// What a matcher may cost.
struct MatcherLimits {
  std::size_t max_states = std::size_t{1} << 20U;  ///< places that were met, of all clones together
  std::size_t max_mask_bytes = 64U << 20U;         ///< masks that are kept, the last used ones
  std::uint64_t max_steps = 50'000'000;  ///< of one mask, and of one token; docs/constraints.md says what a step is
};

/// Follows a text, token by token, through a grammar, and says which tokens may come next: all those, and only those,
/// behind which the text is still the beginning of one of the grammar's.
///
///     MOXIE_TRY_LET(const Grammar grammar, Grammar::json_schema(schema));
///     MOXIE_TRY_LET(Matcher matcher, Matcher::create(grammar, vocabulary));
///     MOXIE_TRY(matcher.allowed(words));      // a bit for each token
///     MOXIE_TRY(matcher.accept(token));
///
/// Kernel::generate() takes one as a constraint: make_constraint() (kernel/grammar_constraint.hpp).
///
/// What it finds out about the grammar it shares with its clones, behind a lock: the more was asked, the less is left
/// to do.
///
/// Errors   kInvalidArgument: a token that may not come; nothing changed.  kBudget: the limits; where max_steps was one
///          of them, this matcher and its clones find out nothing new from then on.  kNoMemory.
/// Threads  one at a time; clones are others.
class MOXIE_API Matcher {
 public:
  [[nodiscard]] static Result<Matcher> create(const Grammar& grammar, const Vocabulary& vocabulary,
                                              const MatcherLimits& limits = {}) noexcept;
  Matcher(const Matcher& other) = default;
  Matcher(Matcher&&) noexcept = default;
  Matcher& operator=(const Matcher&) = default;
  Matcher& operator=(Matcher&&) noexcept = default;
  ~Matcher();

  /// Sets the bits of the tokens that may come, and clears the others: token t is bit t % 64 of word t / 64.
  Status allowed(std::span<std::uint64_t> words) noexcept;
  /// Whether the text is one of the grammar's as it stands.
  [[nodiscard]] bool may_end() const noexcept;
  /// Whether anything may follow.
  [[nodiscard]] bool may_go_on() const noexcept;
  Status accept(TokenId token) noexcept;
  /// All of them, or none.
  Status accept(std::span<const TokenId> tokens) noexcept;
  /// Bytes instead of a token; counts as one token. `taken`: how many of them fit, also after an error.
  Status accept_bytes(std::string_view bytes, std::size_t* taken = nullptr) noexcept;
  /// kInvalidArgument: fewer tokens were accepted.
  Status rollback(std::size_t n) noexcept;
  /// The tokens that come next whatever is chosen, up to `most`.
  [[nodiscard]] Result<std::vector<TokenId>> forced(std::size_t most = 64) noexcept;
  [[nodiscard]] std::size_t accepted() const noexcept { return path_.size() - 1; }

 private:
  explicit Matcher(std::shared_ptr<constraint::Engine> engine) noexcept : engine_(std::move(engine)) {}

  std::shared_ptr<constraint::Engine> engine_;
  std::vector<std::uint32_t> path_;  // the state behind each token, the first in front of all
};

}  // namespace moxie
