// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <moxie/constraint/grammar.hpp>
#include <moxie/constraint/matcher.hpp>
#include <moxie/constraint/vocabulary.hpp>
#include <moxie/core/config.hpp>
#include <moxie/core/result.hpp>
#include <moxie/kernel/constraint.hpp>

namespace moxie::inline abi1 {

/// A grammar as a constraint of answers, over the vocabulary of their model:
///
///     MOXIE_TRY_LET(const Grammar grammar, Grammar::json_schema(schema));
///     MOXIE_TRY_LET(const Vocabulary vocabulary, Vocabulary::create(*model.tokenizer()));
///     MOXIE_TRY_LET(options.constraint, make_constraint(grammar, vocabulary));
///
/// One serves any number of generations, which share what was found out about the grammar. Control tokens never come;
/// an answer ends by an end token where the text is one of the grammar's, and nowhere else.
///
/// Errors   kNoMemory; those of Matcher.
[[nodiscard]] MOXIE_API Result<std::shared_ptr<const TokenConstraint>> make_constraint(
    const Grammar& grammar, const Vocabulary& vocabulary, const MatcherLimits& limits = {}) noexcept;

}  // namespace moxie
