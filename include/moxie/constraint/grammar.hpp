// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <moxie/constraint/schema.hpp>
#include <moxie/core/config.hpp>
#include <moxie/core/result.hpp>

namespace moxie::inline abi1 {

namespace constraint {
class Engine;
class GrammarSource;
}  // namespace constraint

/// How the values that a schema allows are written. A string is written in one way: characters as they are, and only
/// what must be escaped is, shortly where JSON has a short form. A number without bounds may have an exponent.
struct JsonTextOptions {
  bool any_order = false;  ///< members in any order; otherwise in that of the schema, those that it does not name last
  std::size_t max_blanks = 0;            ///< blanks and line breaks at each gap where JSON allows them
  std::uint64_t max_steps = 50'000'000;  ///< of compiling; docs/constraints.md says what a step is
};

/// The texts that an answer may be, compiled from a JSON schema, a regular expression, a GBNF grammar or a list of
/// choices. It is checked when it is made: where nothing is possible, it is refused.
///
/// Errors   kFormat: not written as it should be.  kUnsupported: a part that is not known, by name and place.
///          kInvalidArgument: no text is possible.  kBudget: too large.  kNoMemory.
/// Threads  immutable; a copy is a second handle.
class MOXIE_API Grammar {
 public:
  /// The texts that the whole expression matches; docs/constraints.md has the syntax (ECMA-262's, as schemas use it).
  [[nodiscard]] static Result<Grammar> regex(std::string_view expression) noexcept;
  /// JSON texts of the values that the schema allows; docs/constraints.md says which keywords a mask can follow. What
  /// it cannot is kUnsupported, with the path of the keyword.
  [[nodiscard]] static Result<Grammar> json_schema(std::string_view schema,
                                                   const JsonTextOptions& options = {}) noexcept;
  [[nodiscard]] static Result<Grammar> json_schema(const Schema& schema, const JsonTextOptions& options = {}) noexcept;
  /// The texts of a grammar's rule `root`, in the GBNF of llama.cpp's files; docs/constraints.md has the syntax.
  [[nodiscard]] static Result<Grammar> gbnf(std::string_view grammar) noexcept;
  /// One of these texts.
  [[nodiscard]] static Result<Grammar> choice(std::span<const std::string_view> texts) noexcept;

 private:
  friend class constraint::Engine;
  explicit Grammar(std::shared_ptr<const constraint::GrammarSource> source) noexcept : source_(std::move(source)) {}
  std::shared_ptr<const constraint::GrammarSource> source_;
};

}  // namespace moxie
