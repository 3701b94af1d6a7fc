// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <moxie/core/config.hpp>
#include <moxie/core/result.hpp>

namespace moxie::inline abi1 {

namespace constraint {
class CompiledSchema;
}

/// Something in an instance that its schema does not allow.
struct SchemaProblem {
  std::string instance_path;  ///< a JSON pointer: "/items/3/name"; empty: the whole
  std::string schema_path;    ///< the schema and the keyword: "#/properties/items/minItems"
  std::string needed;
  std::string came;

  /// On one line, for people and for models: "/items/3/name: needed a string, came 5".
  [[nodiscard]] std::string text() const;
};

struct SchemaOptions {
  /// Documents that $ref may refer to, by URI. Nothing is ever fetched; the meta-schemas of draft 2020-12 are there.
  std::vector<std::pair<std::string, std::string>> documents = {};
};

/// A JSON schema of draft 2020-12, compiled; those of drafts 4 to 2019-09 where they say so and mean the same.
///
///     MOXIE_TRY_LET(const Schema schema, Schema::compile(R"({"type":"integer"})"));
///     MOXIE_TRY_LET(const auto problems, schema.check("2.5"));   // one: needed an integer, came 2.5
///
/// `format` is an annotation, as the draft has it: nothing is checked by it.
///
/// Errors   compile: kFormat, kNotFound, kUnsupported, kBudget, each with the path of the keyword.  check: kFormat: the
///          instance is no JSON; kBudget: checking takes too long, for alternatives inside alternatives.  kNoMemory.
/// Threads  immutable; a copy is a second handle.
class MOXIE_API Schema {
 public:
  [[nodiscard]] static Result<Schema> compile(std::string_view schema, const SchemaOptions& options = {}) noexcept;

  /// What is wrong with an instance, the first `most` things; nothing: it is valid.
  [[nodiscard]] Result<std::vector<SchemaProblem>> check(std::string_view instance,
                                                         std::size_t most = 8) const noexcept;

 private:
  friend class constraint::CompiledSchema;
  explicit Schema(std::shared_ptr<const constraint::CompiledSchema> schema) noexcept : schema_(std::move(schema)) {}
  std::shared_ptr<const constraint::CompiledSchema> schema_;
};

}  // namespace moxie
