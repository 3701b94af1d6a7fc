// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <moxie/core/result.hpp>

#include "constraint/schema/decimal.hpp"
#include "constraint/schema/json_tree.hpp"

namespace moxie::inline abi1::constraint {

using SchemaId = std::uint32_t;
inline constexpr SchemaId kNoSchema = UINT32_MAX;

/// Kinds of values as `type` names them; whole numbers are numbers too.
enum TypeBit : std::uint8_t {
  kNullType = 1,
  kBooleanType = 2,
  kIntegerType = 4,   ///< whole numbers
  kFractionType = 8,  ///< numbers that are not whole
  kStringType = 16,
  kArrayType = 32,
  kObjectType = 64,
  kAnyType = 127,
};

/// One schema: its keywords, read and checked, with references to other schemas resolved. Absent ones have the value
/// that allows everything, or none.
struct Schema2020 {
  enum class Form : std::uint8_t { kKeywords, kAlways, kNever };

  Form form = Form::kKeywords;
  std::uint32_t document = 0;
  JsonId json = 0;
  std::uint32_t resource = 0;
  std::string path;  ///< where it is written, as a JSON pointer behind the document's name: "#/properties/a"

  std::uint8_t types = kAnyType;
  bool has_enum = false;
  std::vector<JsonId> enumerated;  ///< in its document; of const one
  bool is_const = false;           ///< both may be there: then `constant` is
  JsonId constant = kNoJson;

  std::optional<Decimal> minimum, maximum, exclusive_minimum, exclusive_maximum, multiple_of;

  std::uint64_t min_length = 0;
  std::optional<std::uint64_t> max_length;
  std::optional<std::string_view> pattern;
  std::string_view format;

  std::vector<SchemaId> prefix_items;
  SchemaId items = kNoSchema;
  SchemaId contains = kNoSchema;
  std::uint64_t min_contains = 1;
  std::optional<std::uint64_t> max_contains;
  std::uint64_t min_items = 0;
  std::optional<std::uint64_t> max_items;
  bool unique_items = false;
  SchemaId unevaluated_items = kNoSchema;

  std::vector<std::pair<std::string_view, SchemaId>> properties;
  std::vector<std::pair<std::string_view, SchemaId>> pattern_properties;
  SchemaId additional_properties = kNoSchema;
  SchemaId property_names = kNoSchema;
  std::vector<std::string_view> required;
  std::uint64_t min_properties = 0;
  std::optional<std::uint64_t> max_properties;
  std::vector<std::pair<std::string_view, std::vector<std::string_view>>> dependent_required;
  std::vector<std::pair<std::string_view, SchemaId>> dependent_schemas;
  SchemaId unevaluated_properties = kNoSchema;

  std::vector<SchemaId> all_of, any_of, one_of;
  SchemaId not_ = kNoSchema;
  SchemaId if_ = kNoSchema;
  SchemaId then_ = kNoSchema;
  SchemaId else_ = kNoSchema;
  SchemaId ref = kNoSchema;
  SchemaId dynamic_ref = kNoSchema;  ///< where it leads if nobody says otherwise
  std::string_view dynamic_anchor;   ///< of $dynamicRef: what outer resources may have; empty: it is like $ref
};

/// A schema with everything that it refers to, read and resolved.
///
/// A document that says that it is of an earlier draft (4 to 2019-09) is read with the words of that draft, where they
/// have a meaning in this one.
///
/// Errors   kFormat: not JSON, a keyword with a value that it cannot have, a cycle of references that reads nothing;
///          the message has the path.  kNotFound: a reference to what is not there.  kUnsupported.
///          Lets std::bad_alloc through.
/// Threads  immutable once it is made.
class SchemaSet {
 public:
  using Document = std::pair<std::string, std::string>;  ///< URI, text

  static Result<SchemaSet> load(std::string_view text, std::span<const Document> others);

  [[nodiscard]] SchemaId root() const noexcept { return 0; }
  [[nodiscard]] const Schema2020& operator[](SchemaId id) const noexcept { return schemas_[id]; }
  [[nodiscard]] std::size_t size() const noexcept { return schemas_.size(); }
  [[nodiscard]] const JsonTree& tree(const Schema2020& schema) const noexcept {
    return documents_[schema.document].tree;
  }
  /// The schema with that $dynamicAnchor in a resource; kNoSchema: it has none.
  [[nodiscard]] SchemaId dynamic_anchor(std::uint32_t resource, std::string_view name) const;
  /// How many resources have one of that name.
  [[nodiscard]] std::size_t dynamic_anchors(std::string_view name) const;
  [[nodiscard]] const JsonTree& tree(std::uint32_t document) const noexcept { return documents_[document].tree; }

 private:
  friend class SchemaReader;
  struct LoadedDocument {
    std::string uri;
    JsonTree tree;
  };
  SchemaSet() = default;

  std::deque<Schema2020> schemas_;
  std::deque<LoadedDocument> documents_;
  std::map<std::pair<std::uint32_t, std::string>, SchemaId> dynamic_anchors_;
};

}  // namespace moxie::constraint
