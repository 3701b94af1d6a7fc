// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "constraint/schema/shapes.hpp"

namespace moxie::inline abi1::constraint {

/// The alternatives of one goal. Each alternative is a list of conditions that hold together, and what is left to do;
/// what may be met in several ways becomes several alternatives.
class Expansion {
 public:
  Expansion(ShapeMaker& maker, GoalId goal) : maker_(maker), set_(maker.set_), regexes_(maker.regexes_), goal_(goal) {}

  Status run(Shapes& out);

 private:
  // null, false and true are types of their own here.
  enum Bit : std::uint8_t {
    kNull = 1,
    kFalse = 2,
    kTrue = 4,
    kWhole = 8,
    kFraction = 16,
    kString = 32,
    kArray = 64,
    kObject = 128,
    kNumber = kWhole | kFraction,
    kAll = 255
  };
  /// Whose `unevaluated` keywords look at what a schema evaluates: numbers of owners.
  using Scopes = std::vector<std::uint32_t>;

  struct Todo {
    Want want;
    Scopes scopes;
  };
  struct Bound {
    Decimal value;
    bool open = false;
  };
  /// properties, patternProperties and additionalProperties of one schema, or what stands for them.
  struct MemberRule {
    std::vector<std::pair<std::string, Want>> names;
    std::vector<std::pair<std::string_view, Want>> patterns;
    std::optional<Want> others;
    Scopes scopes;
    std::string path;
  };
  struct ItemRule {
    std::vector<Want> first;
    std::optional<Want> rest;
    Scopes scopes;
    bool contains = false;  // it evaluates elements by `contains`
  };
  struct Unevaluated {
    std::uint32_t owner = 0;
    Want want;
    Scopes scopes;  // of those outside
    std::string path;
    bool items = false;
  };

  struct Case {
    std::uint8_t types = kAll;
    std::optional<Bound> least, most;
    std::vector<Decimal> multiples, no_multiples, not_equal;
    std::optional<std::vector<Decimal>> equal;
    std::vector<RegexId> texts;
    std::uint64_t min_length = 0, max_length = UINT64_MAX;
    std::vector<ItemRule> items;
    std::vector<Claim> contains;
    std::uint64_t min_items = 0, max_items = UINT64_MAX;
    bool unique = false;
    std::string unique_path;
    std::vector<MemberRule> members;
    std::vector<Claim> member_claims;
    std::vector<std::string> order;  // names as schemas mention them
    std::set<std::string> required, absent;
    std::vector<SchemaId> names;
    std::uint64_t min_properties = 0, max_properties = UINT64_MAX;
    std::vector<Unevaluated> unevaluated;
    std::set<std::pair<Want, Scopes>> done;
    std::deque<Todo> todo;

    [[nodiscard]] bool can(std::uint8_t kinds) const noexcept { return (types & kinds) != 0; }
    void only(std::uint8_t kinds) noexcept { types = static_cast<std::uint8_t>(types & kinds); }
    void mention(std::string_view name);
    [[nodiscard]] std::size_t weight() const noexcept;  ///< what a copy costs, in steps
    void add_least(const Decimal& value, bool open);
    void add_most(const Decimal& value, bool open);
  };
  using Branch = std::function<Status(Case&)>;

  static constexpr std::size_t kMaxCases = 3000;

  Status go_on(Case one);
  Status split(const Case& one, const std::vector<Branch>& branches);
  Status meet(Case& one, const Todo& todo, bool& split_up);
  /// kUnsupported where the anchor is in several places: which one holds is only known on the way.
  [[nodiscard]] Status check_dynamic_ref(const Schema2020& s) const;
  Status holds(Case& one, SchemaId id, Scopes scopes, bool& split_up);
  Status fails(Case& one, SchemaId id, bool& split_up);
  Status holds_values(Case& one, const Schema2020& s);
  Status holds_arrays(Case& one, const Schema2020& s, const Scopes& scopes);
  Status holds_objects(Case& one, const Schema2020& s, const Scopes& scopes);
  Status holds_choices(Case& one, SchemaId id, const Scopes& scopes, std::vector<std::vector<Branch>>& choices);
  void fails_values(const Schema2020& s, std::vector<Branch>& branches);
  void fails_arrays(const Schema2020& s, std::vector<Branch>& branches);
  void fails_objects(const Schema2020& s, std::vector<Branch>& branches);
  void fails_choices(const Schema2020& s, std::vector<Branch>& branches);
  Status constant(Case& one, const Want& want, bool& split_up);
  void exclude(Case& one, const JsonTree& tree, std::uint32_t document, JsonId value);
  std::vector<Branch> values(const JsonTree& tree, std::uint32_t document, const std::vector<JsonId>& values);

  Status settle(const Case& one);
  Status settle_scalars(const Case& one);
  Status settle_array(const Case& one);
  Status settle_object(const Case& one);
  Status numbers(const Case& one, RegexId& out);
  Status texts(const Case& one, RegexId& out);
  Result<RegexId> names_of(SchemaId schema);
  [[nodiscard]] Status unsupported_names(SchemaId id) const;
  Result<RegexId> pattern_of(std::string_view expression, std::string_view path);
  Result<bool> disjoint(SchemaId a, SchemaId b);
  [[nodiscard]] static Want schema(SchemaId id, bool holds = true) { return {.id = id, .holds = holds}; }
  [[nodiscard]] static Want value(std::uint32_t document, JsonId json, bool holds = true) {
    return {.id = json, .document = document, .constant = true, .holds = holds};
  }
  [[nodiscard]] static bool covers(const Scopes& scopes, std::uint32_t owner);
  RegexId any_text();

  ShapeMaker& maker_;
  const SchemaSet& set_;
  Regexes& regexes_;
  GoalId goal_;
  std::uint32_t owners_ = 0;
  std::size_t cases_ = 0;
  std::vector<RegexId> scalars_;
  std::vector<RegexId> strings_;
  Shapes* out_ = nullptr;
};

}  // namespace moxie::constraint
