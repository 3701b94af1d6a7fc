// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "constraint/regex/regexes.hpp"
#include "constraint/schema/compiled_schema.hpp"
#include "constraint/schema/schema_set.hpp"

namespace moxie::inline abi1::constraint {

/// That a value is valid against a schema, or that it is not; or that it equals a value of a schema's document, or not.
struct Want {
  std::uint32_t id = 0;        ///< the schema; of a constant its place
  std::uint32_t document = 0;  ///< of a constant
  bool constant = false;
  bool holds = true;
  friend auto operator<=>(const Want&, const Want&) = default;
};

/// What a value has to be: all of these, sorted, each once.
using Goal = std::vector<Want>;
using GoalId = std::uint32_t;

/// The members of an object of which a schema says the same.
struct MemberClass {
  RegexId names = Regexes::kNever;  ///< as written in JSON, without quotation marks
  GoalId value = 0;
};

/// Something that has to be there: among the members whose names are in a language, or among elements from a place on.
struct Claim {
  RegexId names = Regexes::kNever;
  std::uint64_t from = 0;
  Want value;
  std::uint64_t least = 1;
  std::uint64_t most = UINT64_MAX;
};

/// One kind of object that a goal allows.
struct ObjectShape {
  struct Name {
    std::string name;
    RegexId written = 0;
    GoalId value = 0;
    bool required = false;
  };
  std::vector<Name> names;  ///< those that may come, in the order of the schema
  std::vector<MemberClass> others;
  std::vector<Claim> claims;
  std::uint64_t least = 0;
  std::uint64_t most = UINT64_MAX;
};

/// One kind of array that a goal allows.
struct ArrayShape {
  std::vector<GoalId> first;  ///< of the first elements
  GoalId rest = 0;            ///< of the others
  std::vector<Claim> claims;
  std::uint64_t least = 0;
  std::uint64_t most = UINT64_MAX;
};

/// The values that a goal allows, without any nesting of conditions: it is one of the scalars, or has one of the
/// shapes.
struct Shapes {
  RegexId scalars = Regexes::kNever;  ///< null, false, true, numbers, strings, as JSON
  RegexId texts = Regexes::kNever;    ///< of the strings alone, without quotation marks
  std::vector<ArrayShape> arrays;
  std::vector<ObjectShape> objects;
};

/// Turns goals into shapes: references, conditions and choices are multiplied out into alternatives, each of which says
/// for each kind of value what it may be. What is contradictory falls away.
///
/// Errors   kUnsupported: a keyword, by its path, whose meaning this form cannot have.  kBudget: too many alternatives.
/// Threads  one at a time.
class ShapeMaker {
 public:
  ShapeMaker(const CompiledSchema& schema, Regexes& regexes) : schema_(schema), set_(schema.set), regexes_(regexes) {}

  GoalId goal(Goal wants);
  [[nodiscard]] const Goal& wants(GoalId id) const noexcept { return goals_[id].wants; }
  /// Good for good.
  Result<const Shapes*> shapes(GoalId id);
  /// Whether any value is possible.
  Result<bool> possible(GoalId id);
  [[nodiscard]] std::size_t size() const noexcept { return goals_.size(); }
  /// `id` and what the claims want of a value.
  GoalId with(GoalId id, const std::vector<Want>& more);
  [[nodiscard]] RegexId text_of(std::string_view name) { return regexes_.literal(written_name(name)); }
  [[nodiscard]] static std::string written_name(std::string_view name);

 private:
  friend class Expansion;
  static constexpr std::size_t kMaxGoals = 20000;
  static constexpr std::size_t kMaxDepth = 120;
  struct Known {
    Goal wants;
    std::unique_ptr<Shapes> shapes;
    std::int8_t possible = -1;
    std::uint32_t open = 0;  // where it stands on the stack of possible(), from 1
  };

  Result<bool> possible(GoalId id, std::uint32_t& lowest);
  Result<bool> has_object(const ObjectShape& shape, std::uint32_t& lowest);
  Result<bool> has_array(const ArrayShape& shape, std::uint32_t& lowest);

  const CompiledSchema& schema_;
  const SchemaSet& set_;
  Regexes& regexes_;
  std::vector<Known> goals_;
  std::map<Goal, GoalId> index_;
  std::uint32_t depth_ = 0;
};

}  // namespace moxie::constraint
