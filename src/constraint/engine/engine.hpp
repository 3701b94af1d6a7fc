// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>

#include <moxie/constraint/grammar.hpp>
#include <moxie/constraint/matcher.hpp>
#include <moxie/constraint/vocabulary.hpp>

#include "constraint/engine/masks.hpp"
#include "constraint/engine/network.hpp"
#include "constraint/engine/states.hpp"
#include "constraint/engine/token_trie.hpp"

namespace moxie::inline abi1::constraint {

/// What a grammar was made from: makes a network of its own for each engine.
class GrammarSource {
 public:
  virtual ~GrammarSource() = default;
  [[nodiscard]] virtual Result<std::unique_ptr<Network>> network() const = 0;
};

/// What matchers that are clones of each other share: everything that was found out about the grammar.
///
/// Threads  whoever uses states() or masks() holds mutex().
class Engine {
 public:
  static Result<std::shared_ptr<Engine>> create(const Grammar& grammar, const Vocabulary& vocabulary,
                                                const MatcherLimits& limits) {
    MOXIE_TRY_LET(std::unique_ptr<Network> network, grammar.source_->network());
    return std::make_shared<Engine>(std::move(network), vocabulary.trie_, limits);
  }
  Engine(std::unique_ptr<Network> network, std::shared_ptr<const TokenTrie> trie, const MatcherLimits& limits)
      : trie_(std::move(trie)),
        network_(std::move(network)),
        states_(*network_, limits.max_states),
        masks_(states_, *trie_, limits.max_mask_bytes),
        max_steps_(limits.max_steps) {}

  [[nodiscard]] std::mutex& mutex() noexcept { return mutex_; }
  [[nodiscard]] States& states() noexcept { return states_; }
  /// In front of what has a number of steps of its own.
  void begin_steps() noexcept { states_.regexes().allow(max_steps_); }
  [[nodiscard]] Masks& masks() noexcept { return masks_; }
  [[nodiscard]] const TokenTrie& trie() const noexcept { return *trie_; }

  static const GrammarSource& source(const Grammar& grammar) noexcept { return *grammar.source_; }
  static Grammar grammar(std::shared_ptr<const GrammarSource> source) noexcept { return Grammar(std::move(source)); }

 private:
  std::mutex mutex_;
  std::shared_ptr<const TokenTrie> trie_;
  std::unique_ptr<Network> network_;
  States states_;
  Masks masks_;
  std::uint64_t max_steps_;
};

/// Refuses a grammar without any text, and one that cannot begin.
Status check_source(const GrammarSource& source);

}  // namespace moxie::constraint
