// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <moxie/constraint/schema.hpp>

#include "constraint/regex/regexes.hpp"
#include "constraint/schema/schema_set.hpp"

namespace moxie::inline abi1::constraint {

/// The patterns of a set of schemas, compiled when they are first needed.
class PatternCache {
 public:
  Result<bool> matches(std::string_view expression, std::string_view text, std::string_view path);

 private:
  Regexes regexes_;
  std::unordered_map<std::string_view, RegexId> known_;  // keys are texts of the schemas
};

/// Checks instances against a set of schemas.
///
/// Errors   kBudget: more than kMaxSteps schemas looked at, or more than kMaxDepth inside each other.  kUnsupported: a
///          pattern.  Lets std::bad_alloc through.
/// Threads  one at a time.
/// Source   json-schema.org/draft/2020-12/json-schema-core and -validation
class Validator {
 public:
  static constexpr std::size_t kMaxSteps = 2000000;
  static constexpr std::size_t kMaxDepth = 300;

  Validator(const SchemaSet& set, PatternCache& patterns, const JsonTree& instance)
      : set_(set), patterns_(patterns), tree_(instance) {}

  Result<bool> valid(SchemaId schema, JsonId instance);
  /// The same, and says what is wrong.
  Status explain(SchemaId schema, JsonId instance, std::size_t most, std::vector<SchemaProblem>& problems);

 private:
  // What of an object or an array was looked at by a schema: members by their values, and the first elements.
  struct Seen {
    std::vector<JsonId> members;
    std::uint32_t first_items = 0;
    std::vector<JsonId> items;
    void add(const Seen& other);
  };
  struct Problems {
    std::vector<SchemaProblem> list;
    std::size_t most;
  };

  Status apply(SchemaId id, JsonId at, Seen& seen, bool& ok, Problems* problems);
  Status values(const Schema2020& s, JsonId at, bool& ok, Problems* problems);
  Status numbers(const Schema2020& s, JsonId at, bool& ok, Problems* problems);
  Status strings(const Schema2020& s, JsonId at, bool& ok, Problems* problems);
  Status arrays(const Schema2020& s, JsonId at, Seen& seen, bool& ok, Problems* problems);
  Status objects(const Schema2020& s, JsonId at, Seen& seen, bool& ok, Problems* problems);
  Status in_place(SchemaId id, JsonId at, Seen& seen, bool& ok, Problems* problems);
  Status choices(const Schema2020& s, JsonId at, Seen& seen, bool& ok, Problems* problems);
  Status unevaluated(const Schema2020& s, JsonId at, Seen& seen, bool& ok, Problems* problems);
  // A subschema for a part of the instance: what it saw there is nobody's business.
  Status part(SchemaId id, JsonId at, std::string_view step, bool& ok, Problems* problems);
  Status fail(const Schema2020& s, std::string_view keyword, std::string_view needed, std::string came, bool& ok,
              Problems* problems);
  [[nodiscard]] SchemaId dynamic_target(const Schema2020& s) const;

  const SchemaSet& set_;
  PatternCache& patterns_;
  const JsonTree& tree_;
  std::vector<std::uint32_t> scope_;  // resources, the outermost first
  std::string path_;
  std::size_t steps_ = 0;
  std::size_t depth_ = 0;
};

}  // namespace moxie::constraint
