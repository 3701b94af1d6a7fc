// SPDX-License-Identifier: Apache-2.0
#include <moxie/constraint/matcher.hpp>

#include <algorithm>
#include <bit>

#include <moxie/core/guard.hpp>
#include <moxie/core/text.hpp>

#include "constraint/engine/engine.hpp"

namespace moxie::inline abi1 {
namespace {

using constraint::StateId;
using constraint::States;

constexpr std::string_view kWhere = "Matcher";

Result<StateId> walk(constraint::Engine& engine, StateId state, std::string_view bytes, std::size_t& taken) {
  taken = 0;
  for (const char c : bytes) {
    MOXIE_TRY_LET(state, engine.states().step(state, static_cast<unsigned char>(c)));
    if (state == States::kDead) break;
    ++taken;
  }
  return state;
}

Status not_allowed(std::string_view bytes, std::size_t taken) {
  return Status(Code::kInvalidArgument, kWhere, "a token that may come",
                Text("one whose byte ", taken + 1, " of ", bytes.size(), " does not fit"));
}

}  // namespace

Matcher::~Matcher() = default;

Result<Matcher> Matcher::create(const Grammar& grammar, const Vocabulary& vocabulary,
                                const MatcherLimits& limits) noexcept {
  Matcher matcher(nullptr);
  MOXIE_TRY(guarded("Matcher::create", [&]() -> Status {
    MOXIE_TRY_LET(matcher.engine_, constraint::Engine::create(grammar, vocabulary, limits));
    matcher.engine_->begin_steps();
    MOXIE_TRY_LET(const StateId start, matcher.engine_->states().start());
    matcher.path_.push_back(start);
    return {};
  }));
  return matcher;
}

Status Matcher::allowed(std::span<std::uint64_t> words) noexcept {
  return guarded(kWhere, [&]() -> Status {
    const std::lock_guard lock(engine_->mutex());
    engine_->begin_steps();
    MOXIE_TRY_LET(const auto* mask, engine_->masks().of(path_.back()));
    if (words.size() < mask->size()) {
      return Status(Code::kShape, kWhere, Text("a mask of ", mask->size(), " words"), Text(words.size()));
    }
    std::ranges::copy(*mask, words.begin());
    std::ranges::fill(words.subspan(mask->size()), 0);
    return {};
  });
}

bool Matcher::may_end() const noexcept {
  const std::lock_guard lock(engine_->mutex());
  return engine_->states().may_end(path_.back());
}

bool Matcher::may_go_on() const noexcept {
  const std::lock_guard lock(engine_->mutex());
  return engine_->states().goes_on(path_.back());
}

Status Matcher::accept(TokenId token) noexcept { return accept(std::span(&token, 1)); }

Status Matcher::accept(std::span<const TokenId> tokens) noexcept {
  const std::size_t before = path_.size();
  const Status status = guarded(kWhere, [&]() -> Status {
    const constraint::TokenTrie& trie = engine_->trie();
    for (const TokenId token : tokens) {
      if (token < 0 || static_cast<std::size_t>(token) >= trie.vocab_size()) {
        return Status(Code::kInvalidArgument, kWhere, Text("a token below ", trie.vocab_size()), Text(token));
      }
      const std::string_view bytes = trie.bytes(token);
      if (bytes.empty()) {
        return Status(Code::kInvalidArgument, kWhere, "a token that adds text", Text("token ", token));
      }
      MOXIE_TRY(accept_bytes(bytes));
    }
    return {};
  });
  if (!status.ok()) path_.resize(before);
  return status;
}

Status Matcher::accept_bytes(std::string_view bytes, std::size_t* taken) noexcept {
  std::size_t fit = 0;
  const Status status = guarded(kWhere, [&]() -> Status {
    path_.reserve(path_.size() + 1);
    const std::lock_guard lock(engine_->mutex());
    engine_->begin_steps();
    MOXIE_TRY_LET(const StateId state, walk(*engine_, path_.back(), bytes, fit));
    if (state == States::kDead) return not_allowed(bytes, fit);
    path_.push_back(state);
    return {};
  });
  if (taken != nullptr) *taken = fit;
  return status;
}

Status Matcher::rollback(std::size_t n) noexcept {
  if (n >= path_.size()) {
    return Status(Code::kInvalidArgument, kWhere, Text("at most ", path_.size() - 1, " tokens back"), Text(n));
  }
  path_.resize(path_.size() - n);
  return {};
}

Result<std::vector<TokenId>> Matcher::forced(std::size_t most) noexcept {
  std::vector<TokenId> tokens;
  MOXIE_TRY(guarded(kWhere, [&]() -> Status {
    const std::lock_guard lock(engine_->mutex());
    StateId state = path_.back();
    while (tokens.size() < most && !engine_->states().may_end(state)) {
      engine_->begin_steps();
      MOXIE_TRY_LET(const auto* mask, engine_->masks().of(state));
      std::size_t bits = 0;
      TokenId token = 0;
      for (std::size_t word = 0; word < mask->size() && bits < 2; ++word) {
        if ((*mask)[word] == 0) continue;
        bits += static_cast<std::size_t>(std::popcount((*mask)[word]));
        token = static_cast<TokenId>(word * 64 + static_cast<std::size_t>(std::countr_zero((*mask)[word])));
      }
      if (bits != 1) break;
      tokens.push_back(token);
      std::size_t taken = 0;
      MOXIE_TRY_LET(state, walk(*engine_, state, engine_->trie().bytes(token), taken));
    }
    return {};
  }));
  return tokens;
}

}  // namespace moxie
