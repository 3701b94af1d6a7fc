// SPDX-License-Identifier: Apache-2.0
#include "constraint/schema/schema_set.hpp"

#include <algorithm>
#include <charconv>
#include <set>

#include <moxie/core/text.hpp>

#include "constraint/schema/metaschema.hpp"
#include "constraint/schema/uri.hpp"

namespace moxie::inline abi1::constraint {

using Kind = JsonTree::Kind;

namespace {

constexpr std::size_t kMaxSchemas = std::size_t{1} << 17U;
constexpr std::string_view k2020 = "https://json-schema.org/draft/2020-12/schema";

struct TypeName {
  std::string_view name;
  std::uint8_t bits;
};
constexpr TypeName kTypeNames[] = {{"null", kNullType},       {"boolean", kBooleanType},
                                   {"integer", kIntegerType}, {"number", kIntegerType | kFractionType},
                                   {"string", kStringType},   {"array", kArrayType},
                                   {"object", kObjectType}};

/// Which words a resource uses.
struct Dialect {
  bool old_arrays = false;        ///< items may be a list, with additionalItems (before 2020-12)
  bool old_dependencies = false;  ///< dependencies (before 2019-09)
  bool ref_alone = false;         ///< nothing counts beside $ref (before 2019-09)
  bool old_id = false;            ///< "id" instead of "$id" (draft 4)
  bool anchors_in_id = false;     ///< "$id": "#name" is an anchor (draft 6 and 7)
  bool validation = true;         ///< the vocabulary that checks values is used
};

std::string escaped(std::string_view key) {
  std::string result;
  for (const char c : key) {
    if (c == '~') {
      result += "~0";
    } else if (c == '/') {
      result += "~1";
    } else {
      result += c;
    }
  }
  return result;
}

}  // namespace

/// Reads documents into a set. Schemas are read as they are met; references are resolved when all are known, which may
/// bring more documents.
class SchemaReader {
 public:
  SchemaReader(SchemaSet& set, std::span<const SchemaSet::Document> others) : set_(set), others_(others) {}

  Status run(std::string_view text) {
    MOXIE_TRY(add_document("", text));
    MOXIE_TRY(read_all());
    return check_cycles();
  }

 private:
  struct Resource {
    std::string uri;
    Dialect dialect;
    std::uint32_t document = 0;
    JsonId json = 0;
    std::map<std::string, JsonId, std::less<>> anchors;
  };
  struct Pending {
    SchemaId schema;
    std::string uri;
    bool dynamic;
  };

  [[nodiscard]] const JsonTree& tree(std::uint32_t document) const { return set_.documents_[document].tree; }
  [[nodiscard]] static Status wrong(std::string_view path, std::string_view needed, std::string_view came) {
    return Status(Code::kFormat, path, needed, came);
  }

  Status add_document(std::string_view uri, std::string_view text) {
    const auto document = static_cast<std::uint32_t>(set_.documents_.size());
    MOXIE_TRY_LET(JsonTree parsed, JsonTree::parse(text, uri.empty() ? std::string_view("schema") : uri));
    set_.documents_.push_back({std::string(uri), std::move(parsed)});
    return schema_at(document, JsonTree::kRoot, kNoResource, "#").status();
  }

  /// The schema that is written there, read where it is not yet.
  Result<SchemaId> schema_at(std::uint32_t document, JsonId json, std::uint32_t resource, std::string path) {
    const auto key = std::pair(document, json);
    if (const auto known = known_.find(key); known != known_.end()) return known->second;
    if (set_.schemas_.size() >= kMaxSchemas) {
      return Status(Code::kBudget, path, Text("at most ", kMaxSchemas, " schemas"), "more");
    }
    const JsonTree& t = tree(document);
    const auto id = static_cast<SchemaId>(set_.schemas_.size());
    Schema2020& schema = set_.schemas_.emplace_back();
    known_.emplace(key, id);
    schema.document = document;
    schema.json = json;
    schema.path = std::move(path);
    if (t.is(json, Kind::kTrue) || t.is(json, Kind::kFalse)) {
      schema.form = t.is(json, Kind::kTrue) ? Schema2020::Form::kAlways : Schema2020::Form::kNever;
      if (resource == kNoResource) resource = new_resource(document, json, set_.documents_[document].uri, {});
      schema.resource = resource;
      return id;
    }
    if (!t.is(json, Kind::kObject)) return wrong(schema.path, "a schema: an object, true or false", describe(t, json));
    MOXIE_TRY_LET(schema.resource, resource_of(document, json, resource, schema.path));
    MOXIE_TRY(note_anchors(id));
    unread_.push_back(id);
    return id;
  }

  std::uint32_t new_resource(std::uint32_t document, JsonId json, std::string uri, const Dialect& dialect) {
    const auto id = static_cast<std::uint32_t>(resources_.size());
    by_uri_.emplace(std::string(without_fragment(uri)), id);
    resources_.push_back(
        {.uri = std::move(uri), .dialect = dialect, .document = document, .json = json, .anchors = {}});
    return id;
  }

  Result<std::uint32_t> resource_of(std::uint32_t document, JsonId json, std::uint32_t outer, std::string_view path) {
    const JsonTree& t = tree(document);
    Dialect dialect = outer == kNoResource ? Dialect() : resources_[outer].dialect;
    if (const JsonId name = t.find(json, "$schema"); t.is(name, Kind::kString)) {
      MOXIE_TRY_LET(dialect, dialect_of(t.text(name), path));
    }
    const std::string_view base = outer == kNoResource ? set_.documents_[document].uri : resources_[outer].uri;
    const JsonId written = t.find(json, dialect.old_id ? "id" : "$id");
    // Before 2019-09 nothing beside $ref counts, its $id neither.
    const bool alone = dialect.ref_alone && t.find(json, "$ref") != kNoJson;
    if (t.is(written, Kind::kString) && !alone && !t.text(written).starts_with('#')) {
      const std::string uri = resolve_uri(base, t.text(written));
      const std::uint32_t id = new_resource(document, json, uri, dialect);
      // A document is found by the name under which it was given too.
      if (outer == kNoResource && !set_.documents_[document].uri.empty()) {
        by_uri_.emplace(set_.documents_[document].uri, id);
      }
      return id;
    }
    if (outer == kNoResource) return new_resource(document, json, std::string(base), dialect);
    return outer;
  }

  Result<Dialect> dialect_of(std::string_view name, std::string_view path) {
    name = name.substr(0, name.find_last_not_of('#') + 1);
    Dialect dialect;
    if (name == k2020) return dialect;
    dialect.old_arrays = true;
    if (name == "https://json-schema.org/draft/2019-09/schema") return dialect;
    dialect.old_dependencies = dialect.ref_alone = dialect.anchors_in_id = true;
    for (const std::string_view draft : {"draft-07", "draft-06"}) {
      for (const std::string_view scheme : {"http", "https"}) {
        if (name == std::string(scheme).append("://json-schema.org/").append(draft).append("/schema")) return dialect;
      }
    }
    dialect.old_id = true;
    if (name == "http://json-schema.org/draft-04/schema" || name == "http://json-schema.org/schema") return dialect;
    // One of somebody's own: its vocabularies say what is used.
    for (const auto& [uri, text] : others_) {
      if (uri != name) continue;
      MOXIE_TRY_LET(const JsonTree meta, JsonTree::parse(text, uri));
      Dialect own;
      const JsonId vocabularies = meta.find(JsonTree::kRoot, "$vocabulary");
      if (vocabularies == kNoJson) return own;
      own.validation = false;
      for (const JsonId vocabulary : meta.children(vocabularies)) {
        const std::string_view which = meta.key(vocabulary);
        constexpr std::string_view kOurs = "https://json-schema.org/draft/2020-12/vocab/";
        if (which == "https://json-schema.org/draft/2020-12/vocab/validation") own.validation = true;
        if (!which.starts_with(kOurs) && meta.is(vocabulary, Kind::kTrue)) {
          return Status(Code::kUnsupported, std::string(path) + "/$schema", "the vocabularies of draft 2020-12", which);
        }
      }
      return own;
    }
    return Status(Code::kUnsupported, std::string(path) + "/$schema",
                  "draft 4, 6, 7, 2019-09 or 2020-12, or a meta-schema that was given", name);
  }

  Status note_anchors(SchemaId id) {
    const Schema2020& schema = set_.schemas_[id];
    const JsonTree& t = tree(schema.document);
    Resource& resource = resources_[schema.resource];
    if (const JsonId name = t.find(schema.json, "$anchor"); t.is(name, Kind::kString)) {
      resource.anchors.emplace(t.text(name), schema.json);
    }
    if (const JsonId name = t.find(schema.json, "$dynamicAnchor"); t.is(name, Kind::kString)) {
      resource.anchors.emplace(t.text(name), schema.json);
      set_.dynamic_anchors_.emplace(std::pair(schema.resource, std::string(t.text(name))), id);
    }
    if (!resource.dialect.anchors_in_id) return {};
    if (const JsonId name = t.find(schema.json, "$id"); t.is(name, Kind::kString) && t.text(name).starts_with('#')) {
      resource.anchors.emplace(t.text(name).substr(1), schema.json);
    }
    return {};
  }

  Status read_all() {
    while (!unread_.empty() || !pending_.empty()) {
      while (!unread_.empty()) {
        const SchemaId id = unread_.front();
        unread_.pop_front();
        MOXIE_TRY(read(id));
      }
      if (pending_.empty()) break;
      const Pending next = std::move(pending_.front());
      pending_.pop_front();
      MOXIE_TRY(resolve(next));
    }
    return {};
  }

  Status read(SchemaId id);
  Status read_values(SchemaId id, std::string_view keyword, JsonId value, bool& known);
  Status read_schemas(SchemaId id, std::string_view keyword, JsonId value);

  Status child(SchemaId of, JsonId json, std::string_view steps, SchemaId& out) {
    const Schema2020& schema = set_.schemas_[of];
    const std::uint32_t document = schema.document;
    const std::uint32_t resource = schema.resource;
    MOXIE_TRY_LET(out, schema_at(document, json, resource, schema.path + "/" + std::string(steps)));
    return {};
  }
  Status list(SchemaId of, JsonId json, std::string_view keyword, std::vector<SchemaId>& out) {
    const JsonTree& t = tree(set_.schemas_[of].document);
    if (!t.is(json, Kind::kArray)) return wrong(set_.schemas_[of].path, Text("a list as ", keyword), describe(t, json));
    for (const JsonId one : t.children(json)) {
      SchemaId schema = kNoSchema;
      MOXIE_TRY(child(of, one, std::string(keyword) + "/" + std::to_string(out.size()), schema));
      out.push_back(schema);
    }
    return {};
  }
  Status members(SchemaId of, JsonId json, std::string_view keyword,
                 std::vector<std::pair<std::string_view, SchemaId>>& out) {
    const JsonTree& t = tree(set_.schemas_[of].document);
    if (!t.is(json, Kind::kObject)) {
      return wrong(set_.schemas_[of].path, Text("an object as ", keyword), describe(t, json));
    }
    for (const JsonId one : t.children(json)) {
      SchemaId schema = kNoSchema;
      MOXIE_TRY(child(of, one, std::string(keyword) + "/" + escaped(t.key(one)), schema));
      out.emplace_back(t.key(one), schema);
    }
    return {};
  }

  Status resolve(const Pending& pending) {
    Schema2020& schema = set_.schemas_[pending.schema];
    SchemaId target = kNoSchema;
    const std::string fragment = fragment_of(pending.uri);
    const std::string place(without_fragment(pending.uri));
    const auto missing = [&](std::string_view needed) {
      return Status(Code::kNotFound, schema.path + (pending.dynamic ? "/$dynamicRef" : "/$ref"), needed, pending.uri);
    };
    auto found = by_uri_.find(place);
    if (found == by_uri_.end()) {
      const std::string_view text = text_of(place);
      if (text.empty()) return missing("a schema that is there or was given");
      MOXIE_TRY(add_document(place, text));
      // Its parts may be meant by what was looked up.
      pending_.push_front(pending);
      return {};
    }
    const Resource& resource = resources_[found->second];
    if (fragment.empty() || fragment.front() == '/') {
      MOXIE_TRY(follow(found->second, fragment, target));
      if (target == kNoSchema) return missing("a place in its document");
    } else {
      const auto anchor = resource.anchors.find(fragment);
      if (anchor == resource.anchors.end()) return missing("an anchor that is there");
      MOXIE_TRY_LET(target, schema_at(resource.document, anchor->second, found->second, "#" + fragment));
    }
    if (!pending.dynamic) {
      schema.ref = target;
      return {};
    }
    schema.dynamic_ref = target;
    const Schema2020& to = set_.schemas_[target];
    const JsonTree& t = tree(to.document);
    const JsonId name = t.find(to.json, "$dynamicAnchor");
    if (t.is(name, Kind::kString) && t.text(name) == fragment) {
      schema.dynamic_anchor = t.text(name);
    }
    return {};
  }

  [[nodiscard]] std::string_view text_of(std::string_view uri) const {
    for (const auto& [name, text] : others_) {
      if (without_fragment(name) == uri) return text;
    }
    return metaschema(uri);
  }

  /// Along a JSON pointer from the root of a resource.
  Status follow(std::uint32_t start, std::string_view pointer, SchemaId& target) {
    std::uint32_t resource = start;
    const std::uint32_t document = resources_[start].document;
    const JsonTree& t = tree(document);
    JsonId at = resources_[start].json;
    std::string path = "#";
    while (!pointer.empty()) {
      pointer.remove_prefix(1);
      const std::size_t end = std::min(pointer.find('/'), pointer.size());
      std::string step;
      for (std::size_t i = 0; i < end; ++i) {
        if (pointer[i] == '~' && i + 1 < end) {
          step += pointer[++i] == '1' ? '/' : '~';
        } else {
          step += pointer[i];
        }
      }
      pointer.remove_prefix(end);
      path.append("/").append(escaped(step));
      if (t.is(at, Kind::kArray)) {
        std::uint32_t index = 0;
        const auto [stop, error] = std::from_chars(step.data(), step.data() + step.size(), index);
        if (error != std::errc() || stop != step.data() + step.size() || index >= t.size(at)) return {};
        auto it = t.children(at).begin();
        for (; index > 0; --index) ++it;
        at = *it;
      } else {
        at = t.find(at, step);
        if (at == kNoJson) return {};
      }
      // Schemas that are known on the way say which resource it is.
      if (const auto known = known_.find({document, at}); known != known_.end()) {
        resource = set_.schemas_[known->second].resource;
      }
    }
    MOXIE_TRY_LET(target, schema_at(document, at, resource, path));
    return {};
  }

  Status check_cycles() const;

  static constexpr std::uint32_t kNoResource = UINT32_MAX;
  SchemaSet& set_;
  std::span<const SchemaSet::Document> others_;
  std::deque<Resource> resources_;
  std::map<std::string, std::uint32_t, std::less<>> by_uri_;
  std::map<std::pair<std::uint32_t, JsonId>, SchemaId> known_;
  std::deque<SchemaId> unread_;
  std::deque<Pending> pending_;
};

namespace {

Status to_count(const JsonTree& t, JsonId value, std::string_view path, std::string_view keyword, std::uint64_t& out) {
  const Decimal number = t.is(value, Kind::kNumber) ? t.number(value) : Decimal::of("-1");
  if (number.negative || !number.whole() || number.exponent > 18 || number.digits.size() > 18) {
    return Status(Code::kFormat, path, Text("a whole number as ", keyword), describe(t, value));
  }
  const std::string text = number.text();
  out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return {};
}

Status to_names(const JsonTree& t, JsonId value, std::string_view path, std::string_view keyword,
                std::vector<std::string_view>& out) {
  if (!t.is(value, Kind::kArray)) return Status(Code::kFormat, path, Text("a list as ", keyword), describe(t, value));
  for (const JsonId one : t.children(value)) {
    if (!t.is(one, Kind::kString)) {
      return Status(Code::kFormat, path, Text("names as ", keyword), describe(t, one));
    }
    if (std::ranges::find(out, t.text(one)) == out.end()) out.push_back(t.text(one));
  }
  return {};
}

}  // namespace

Status SchemaReader::read(SchemaId id) {
  const std::uint32_t document = set_.schemas_[id].document;
  const JsonId json = set_.schemas_[id].json;
  const JsonTree& t = tree(document);
  const Resource& resource = resources_[set_.schemas_[id].resource];
  const std::string base = resource.uri;
  const Dialect dialect = resource.dialect;
  const std::string& path = set_.schemas_[id].path;
  const auto refer = [&](std::string_view keyword, JsonId value, bool dynamic) -> Status {
    if (!t.is(value, Kind::kString)) return wrong(path, Text("a URI as ", keyword), describe(t, value));
    pending_.push_back({id, resolve_uri(base, t.text(value)), dynamic});
    return {};
  };
  if (const JsonId ref = t.find(json, "$ref"); ref != kNoJson) {
    MOXIE_TRY(refer("$ref", ref, false));
    if (dialect.ref_alone) return {};
  }
  for (const JsonId value : t.children(json)) {
    const std::string_view keyword = t.key(value);
    if (keyword == "$dynamicRef") {
      MOXIE_TRY(refer(keyword, value, true));
      continue;
    }
    if (keyword == "$recursiveRef") {
      return Status(Code::kUnsupported, path + "/$recursiveRef", "$dynamicRef, as in draft 2020-12", "$recursiveRef");
    }
    bool known = false;
    if (dialect.validation) MOXIE_TRY(read_values(id, keyword, value, known));
    if (!known) MOXIE_TRY(read_schemas(id, keyword, value));
  }
  return {};
}

Status SchemaReader::read_values(SchemaId id, std::string_view keyword, JsonId value, bool& known) {
  Schema2020& schema = set_.schemas_[id];
  const JsonTree& t = tree(schema.document);
  const std::string& path = schema.path;
  known = true;
  const auto number = [&](std::optional<Decimal>& out) -> Status {
    if (!t.is(value, Kind::kNumber)) return wrong(path, Text("a number as ", keyword), describe(t, value));
    out = t.number(value);
    return {};
  };
  const auto limit = [&](std::optional<std::uint64_t>& out) -> Status {
    return to_count(t, value, path, keyword, out.emplace());
  };
  if (keyword == "type") {
    schema.types = 0;
    const auto add = [&](JsonId name) -> Status {
      for (const TypeName& type : kTypeNames) {
        if (t.is(name, Kind::kString) && t.text(name) == type.name) {
          schema.types = static_cast<std::uint8_t>(schema.types | type.bits);
          return {};
        }
      }
      return wrong(path + "/type", "null, boolean, integer, number, string, array or object", describe(t, name));
    };
    if (!t.is(value, Kind::kArray)) return add(value);
    for (const JsonId one : t.children(value)) MOXIE_TRY(add(one));
    return {};
  }
  if (keyword == "enum") {
    if (!t.is(value, Kind::kArray)) return wrong(path, "a list as enum", describe(t, value));
    schema.has_enum = true;
    for (const JsonId one : t.children(value)) schema.enumerated.push_back(one);
    return {};
  }
  if (keyword == "const") {
    schema.is_const = true;
    schema.constant = value;
    return {};
  }
  if (keyword == "minimum" || keyword == "maximum") {
    // In draft 4 a flag beside it says that the bound itself is outside.
    const JsonId flag = t.find(schema.json, keyword == "minimum" ? "exclusiveMinimum" : "exclusiveMaximum");
    const bool open = t.is(flag, Kind::kTrue);
    if (keyword == "minimum") return number(open ? schema.exclusive_minimum : schema.minimum);
    return number(open ? schema.exclusive_maximum : schema.maximum);
  }
  if (keyword == "exclusiveMinimum" || keyword == "exclusiveMaximum") {
    if (t.is(value, Kind::kTrue) || t.is(value, Kind::kFalse)) return {};
    return number(keyword == "exclusiveMinimum" ? schema.exclusive_minimum : schema.exclusive_maximum);
  }
  if (keyword == "multipleOf") {
    MOXIE_TRY(number(schema.multiple_of));
    const Decimal& step = *schema.multiple_of;
    if (step.negative || step.zero()) return wrong(path + "/multipleOf", "a number above 0", step.text());
    if (step.digits.size() > 9) {
      return Status(Code::kUnsupported, path + "/multipleOf", "a number of at most nine digits", step.text());
    }
    return {};
  }
  if (keyword == "minLength") return to_count(t, value, path, keyword, schema.min_length);
  if (keyword == "maxLength") return limit(schema.max_length);
  if (keyword == "minItems") return to_count(t, value, path, keyword, schema.min_items);
  if (keyword == "maxItems") return limit(schema.max_items);
  if (keyword == "minProperties") return to_count(t, value, path, keyword, schema.min_properties);
  if (keyword == "maxProperties") return limit(schema.max_properties);
  if (keyword == "minContains") return to_count(t, value, path, keyword, schema.min_contains);
  if (keyword == "maxContains") return limit(schema.max_contains);
  if (keyword == "pattern") {
    if (!t.is(value, Kind::kString)) return wrong(path, "a regular expression as pattern", describe(t, value));
    schema.pattern = t.text(value);
    return {};
  }
  if (keyword == "format") {
    if (t.is(value, Kind::kString)) schema.format = t.text(value);
    return {};
  }
  if (keyword == "uniqueItems") {
    schema.unique_items = t.is(value, Kind::kTrue);
    return {};
  }
  if (keyword == "required") {
    if (t.is(value, Kind::kTrue) || t.is(value, Kind::kFalse)) return {};  // of draft 3; nobody means it
    return to_names(t, value, path, keyword, schema.required);
  }
  if (keyword == "dependentRequired") {
    if (!t.is(value, Kind::kObject)) return wrong(path, "an object as dependentRequired", describe(t, value));
    for (const JsonId one : t.children(value)) {
      auto& [name, names] = schema.dependent_required.emplace_back();
      name = t.key(one);
      MOXIE_TRY(to_names(t, one, path, keyword, names));
    }
    return {};
  }
  known = false;
  return {};
}

Status SchemaReader::read_schemas(SchemaId id, std::string_view keyword, JsonId value) {
  Schema2020& schema = set_.schemas_[id];
  const JsonTree& t = tree(schema.document);
  const Dialect& dialect = resources_[schema.resource].dialect;
  if (keyword == "properties") return members(id, value, keyword, schema.properties);
  if (keyword == "patternProperties") return members(id, value, keyword, schema.pattern_properties);
  if (keyword == "additionalProperties") return child(id, value, keyword, schema.additional_properties);
  if (keyword == "propertyNames") return child(id, value, keyword, schema.property_names);
  if (keyword == "unevaluatedProperties") return child(id, value, keyword, schema.unevaluated_properties);
  if (keyword == "unevaluatedItems") return child(id, value, keyword, schema.unevaluated_items);
  if (keyword == "dependentSchemas") return members(id, value, keyword, schema.dependent_schemas);
  if (keyword == "prefixItems" && !dialect.old_arrays) return list(id, value, keyword, schema.prefix_items);
  if (keyword == "items") {
    // Where no draft is named, a list is what it was in the drafts that had it.
    if (t.is(value, Kind::kArray)) {
      MOXIE_TRY(list(id, value, keyword, schema.prefix_items));
      const JsonId rest = t.find(schema.json, "additionalItems");
      return rest == kNoJson ? Status() : child(id, rest, "additionalItems", schema.items);
    }
    return child(id, value, keyword, schema.items);
  }
  if (keyword == "contains") return child(id, value, keyword, schema.contains);
  if (keyword == "allOf") return list(id, value, keyword, schema.all_of);
  if (keyword == "anyOf") return list(id, value, keyword, schema.any_of);
  if (keyword == "oneOf") return list(id, value, keyword, schema.one_of);
  if (keyword == "not") return child(id, value, keyword, schema.not_);
  if (keyword == "if") return child(id, value, keyword, schema.if_);
  if (keyword == "then") return child(id, value, keyword, schema.then_);
  if (keyword == "else") return child(id, value, keyword, schema.else_);
  if (keyword == "$defs" || keyword == "definitions") {
    if (!t.is(value, Kind::kObject)) return {};
    std::vector<std::pair<std::string_view, SchemaId>> unused;
    return members(id, value, keyword, unused);
  }
  if (keyword == "dependencies" && dialect.old_dependencies && t.is(value, Kind::kObject)) {
    for (const JsonId one : t.children(value)) {
      if (t.is(one, Kind::kArray)) {
        auto& [name, names] = schema.dependent_required.emplace_back();
        name = t.key(one);
        MOXIE_TRY(to_names(t, one, schema.path, keyword, names));
      } else {
        SchemaId dependent = kNoSchema;
        MOXIE_TRY(child(id, one, "dependencies/" + escaped(t.key(one)), dependent));
        schema.dependent_schemas.emplace_back(t.key(one), dependent);
      }
    }
  }
  return {};  // what is unknown says nothing
}

// A schema that refers to itself without reading anything never comes to an end.
Status SchemaReader::check_cycles() const {
  const std::size_t n = set_.schemas_.size();
  std::vector<std::uint8_t> color(n, 0);  // 1: being looked at, 2: done
  const auto in_place = [&](SchemaId id) {
    const Schema2020& s = set_.schemas_[id];
    std::vector<SchemaId> all = s.all_of;
    all.insert(all.end(), s.any_of.begin(), s.any_of.end());
    all.insert(all.end(), s.one_of.begin(), s.one_of.end());
    for (const auto& [name, schema] : s.dependent_schemas) all.push_back(schema);
    for (const SchemaId one : {s.not_, s.if_, s.then_, s.else_, s.ref, s.dynamic_ref}) {
      if (one != kNoSchema) all.push_back(one);
    }
    return all;
  };
  for (SchemaId start = 0; start < n; ++start) {
    if (color[start] != 0) continue;
    std::vector<std::pair<SchemaId, std::vector<SchemaId>>> stack;
    stack.emplace_back(start, in_place(start));
    color[start] = 1;
    while (!stack.empty()) {
      if (stack.back().second.empty()) {
        color[stack.back().first] = 2;
        stack.pop_back();
        continue;
      }
      const SchemaId next = stack.back().second.back();
      stack.back().second.pop_back();
      if (color[next] == 1) {
        return wrong(set_.schemas_[next].path, "references that come to an end",
                     "a schema that refers to itself alone");
      }
      if (color[next] == 2) continue;
      color[next] = 1;
      stack.emplace_back(next, in_place(next));
    }
  }
  return {};
}

Result<SchemaSet> SchemaSet::load(std::string_view text, std::span<const Document> others) {
  SchemaSet set;
  MOXIE_TRY(SchemaReader(set, others).run(text));
  return set;
}

SchemaId SchemaSet::dynamic_anchor(std::uint32_t resource, std::string_view name) const {
  const auto found = dynamic_anchors_.find({resource, std::string(name)});
  return found == dynamic_anchors_.end() ? kNoSchema : found->second;
}

std::size_t SchemaSet::dynamic_anchors(std::string_view name) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(dynamic_anchors_, [&](const auto& one) { return one.first.second == name; }));
}

}  // namespace moxie::constraint
