// SPDX-License-Identifier: Apache-2.0
#include "constraint/schema/validator.hpp"

#include <algorithm>
#include <mutex>

#include <moxie/core/guard.hpp>
#include <moxie/core/json_string.hpp>
#include <moxie/core/text.hpp>
#include <moxie/core/utf8.hpp>

#include "constraint/regex/pattern.hpp"
#include "constraint/schema/compiled_schema.hpp"

namespace moxie::inline abi1::constraint {

using Kind = JsonTree::Kind;

Result<bool> PatternCache::matches(std::string_view expression, std::string_view text, std::string_view path) {
  auto known = known_.find(expression);
  if (known == known_.end()) {
    const auto what = pattern(regexes_, expression, Writing::kPlain, Match::kAnywhere);
    if (!what.ok()) return Status(what.status().code(), path, what.status().needed(), what.status().came());
    known = known_.emplace(expression, *what).first;
  }
  const bool accepts = regexes_.accepts(known->second, text);
  MOXIE_TRY(regexes_.check(path));
  return accepts;
}

void Validator::Seen::add(const Seen& other) {
  members.insert(members.end(), other.members.begin(), other.members.end());
  items.insert(items.end(), other.items.begin(), other.items.end());
  first_items = std::max(first_items, other.first_items);
}

Result<bool> Validator::valid(SchemaId schema, JsonId instance) {
  bool ok = true;
  Seen seen;
  MOXIE_TRY(apply(schema, instance, seen, ok, nullptr));
  return ok;
}

Status Validator::explain(SchemaId schema, JsonId instance, std::size_t most, std::vector<SchemaProblem>& problems) {
  bool ok = true;
  Seen seen;
  Problems found{.list = {}, .most = std::max<std::size_t>(most, 1)};
  MOXIE_TRY(apply(schema, instance, seen, ok, &found));
  problems = std::move(found.list);
  return {};
}

Status Validator::fail(const Schema2020& s, std::string_view keyword, std::string_view needed, std::string came,
                       bool& ok, Problems* problems) {
  ok = false;
  if (problems == nullptr || problems->list.size() >= problems->most) return {};
  std::string where = s.path;
  if (!keyword.empty()) where.append("/").append(keyword);
  problems->list.push_back({path_, std::move(where), std::string(needed), std::move(came)});
  return {};
}

Status Validator::apply(SchemaId id, JsonId at, Seen& seen, bool& ok, Problems* problems) {
  const Schema2020& s = set_[id];
  if (s.form == Schema2020::Form::kAlways) return {};
  if (s.form == Schema2020::Form::kNever) return fail(s, "", "nothing here", describe(tree_, at), ok, problems);
  if (++steps_ > kMaxSteps) return Status(Code::kBudget, s.path, Text("at most ", kMaxSteps, " checks"), "more");
  if (depth_ >= kMaxDepth) return Status(Code::kBudget, s.path, Text("schemas at most ", kMaxDepth, " deep"), "more");
  ++depth_;
  const bool enters = scope_.empty() || scope_.back() != s.resource;
  if (enters) scope_.push_back(s.resource);
  Seen own;
  bool fine = true;
  const auto run = [&]() -> Status {
    MOXIE_TRY(values(s, at, fine, problems));
    if (tree_.is(at, Kind::kNumber)) MOXIE_TRY(numbers(s, at, fine, problems));
    if (tree_.is(at, Kind::kString)) MOXIE_TRY(strings(s, at, fine, problems));
    if (tree_.is(at, Kind::kArray)) MOXIE_TRY(arrays(s, at, own, fine, problems));
    if (tree_.is(at, Kind::kObject)) MOXIE_TRY(objects(s, at, own, fine, problems));
    MOXIE_TRY(in_place(id, at, own, fine, problems));
    // Last, since the others say what was evaluated.
    if (fine) MOXIE_TRY(unevaluated(s, at, own, fine, problems));
    return {};
  };
  Status status = run();
  if (enters) scope_.pop_back();
  --depth_;
  MOXIE_TRY(std::move(status));
  if (fine) {
    seen.add(own);
  } else {
    ok = false;
  }
  return {};
}

Status Validator::part(SchemaId id, JsonId at, std::string_view step, bool& ok, Problems* problems) {
  const std::size_t size = path_.size();
  if (problems != nullptr) {
    path_ += '/';
    for (const char c : step) path_ += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  }
  Seen ignored;
  const Status status = apply(id, at, ignored, ok, problems);
  path_.resize(size);
  return status;
}

Status Validator::values(const Schema2020& s, JsonId at, bool& ok, Problems* problems) {
  if (s.types != kAnyType) {
    std::uint8_t type = kNullType;
    switch (tree_.kind(at)) {
      case Kind::kNull: break;
      case Kind::kFalse:
      case Kind::kTrue: type = kBooleanType; break;
      case Kind::kNumber: type = tree_.number(at).whole() ? kIntegerType : kFractionType; break;
      case Kind::kString: type = kStringType; break;
      case Kind::kArray: type = kArrayType; break;
      case Kind::kObject: type = kObjectType; break;
    }
    if ((s.types & type) == 0) MOXIE_TRY(fail(s, "type", type_names(s.types), describe(tree_, at), ok, problems));
  }
  const JsonTree& schema = set_.tree(s);
  const auto same = [&](JsonId one) { return equal(tree_, at, schema, one); };
  if (s.is_const && !same(s.constant)) {
    MOXIE_TRY(fail(s, "const", describe(schema, s.constant), describe(tree_, at), ok, problems));
  }
  if (s.has_enum && std::ranges::none_of(s.enumerated, same)) {
    std::string needed = "one of";
    for (std::size_t i = 0; i < s.enumerated.size() && needed.size() < 200; ++i) {
      needed.append(i == 0 ? " " : ", ").append(describe(schema, s.enumerated[i]));
    }
    MOXIE_TRY(fail(s, "enum", needed, describe(tree_, at), ok, problems));
  }
  return {};
}

Status Validator::numbers(const Schema2020& s, JsonId at, bool& ok, Problems* problems) {
  if (!s.minimum && !s.maximum && !s.exclusive_minimum && !s.exclusive_maximum && !s.multiple_of) return {};
  const Decimal n = tree_.number(at);
  const auto check = [&](bool fits, std::string_view keyword, std::string_view word, const Decimal& bound) -> Status {
    if (fits) return {};
    return fail(s, keyword, std::string(word).append(" ").append(bound.text()), n.text(), ok, problems);
  };
  if (s.minimum) MOXIE_TRY(check(n >= *s.minimum, "minimum", "at least", *s.minimum));
  if (s.maximum) MOXIE_TRY(check(n <= *s.maximum, "maximum", "at most", *s.maximum));
  if (s.exclusive_minimum) {
    MOXIE_TRY(check(n > *s.exclusive_minimum, "exclusiveMinimum", "more than", *s.exclusive_minimum));
  }
  if (s.exclusive_maximum) {
    MOXIE_TRY(check(n < *s.exclusive_maximum, "exclusiveMaximum", "less than", *s.exclusive_maximum));
  }
  if (s.multiple_of) {
    MOXIE_TRY(check(is_multiple(n, *s.multiple_of), "multipleOf", "a multiple of", *s.multiple_of));
  }
  return {};
}

Status Validator::strings(const Schema2020& s, JsonId at, bool& ok, Problems* problems) {
  const std::string_view text = tree_.text(at);
  if (s.min_length > 0 || s.max_length) {
    const auto size =
        static_cast<std::uint64_t>(std::ranges::count_if(text, [](char c) { return !utf8::is_continuation(c); }));
    if (size < s.min_length) {
      MOXIE_TRY(fail(s, "minLength", Text("at least ", s.min_length, " characters"), std::string(Text(size).view()), ok,
                     problems));
    }
    if (s.max_length && size > *s.max_length) {
      MOXIE_TRY(fail(s, "maxLength", Text("at most ", *s.max_length, " characters"), std::string(Text(size).view()), ok,
                     problems));
    }
  }
  if (s.pattern) {
    MOXIE_TRY_LET(const bool matches, patterns_.matches(*s.pattern, text, s.path + "/pattern"));
    if (!matches) {
      MOXIE_TRY(fail(s, "pattern", std::string("a text that matches ").append(*s.pattern), describe(tree_, at), ok,
                     problems));
    }
  }
  return {};
}

Status Validator::arrays(const Schema2020& s, JsonId at, Seen& seen, bool& ok, Problems* problems) {
  const std::uint64_t size = tree_.size(at);
  const auto length = [&](std::string_view keyword, std::string_view word, std::uint64_t bound) {
    return fail(s, keyword, Text(word, bound, " elements"), std::string(Text(size).view()), ok, problems);
  };
  if (size < s.min_items) MOXIE_TRY(length("minItems", "at least ", s.min_items));
  if (s.max_items && size > *s.max_items) MOXIE_TRY(length("maxItems", "at most ", *s.max_items));
  std::uint32_t index = 0;
  std::uint64_t contained = 0;
  for (const JsonId item : tree_.children(at)) {
    const Text step(index);
    if (index < s.prefix_items.size()) {
      MOXIE_TRY(part(s.prefix_items[index], item, step, ok, problems));
      seen.first_items = std::max(seen.first_items, index + 1);
    } else if (s.items != kNoSchema) {
      MOXIE_TRY(part(s.items, item, step, ok, problems));
      seen.first_items = std::max(seen.first_items, index + 1);
    }
    if (s.contains != kNoSchema) {
      bool is = true;
      MOXIE_TRY(part(s.contains, item, step, is, nullptr));
      if (is) {
        ++contained;
        seen.items.push_back(item);
      }
    }
    ++index;
  }
  if (s.contains != kNoSchema) {
    const auto count = [&](std::string_view keyword, std::string_view word, std::uint64_t bound) {
      return fail(s, keyword, Text(word, bound, " elements as `contains` has them"),
                  std::string(Text(contained).view()), ok, problems);
    };
    if (contained < s.min_contains) MOXIE_TRY(count("contains", "at least ", s.min_contains));
    if (s.max_contains && contained > *s.max_contains) MOXIE_TRY(count("maxContains", "at most ", *s.max_contains));
  }
  if (!s.unique_items) return {};
  std::vector<JsonId> items;
  for (const JsonId item : tree_.children(at)) items.push_back(item);
  for (std::size_t i = 0; i < items.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (++steps_ > kMaxSteps) return Status(Code::kBudget, s.path, Text("at most ", kMaxSteps, " checks"), "more");
      if (equal(tree_, items[i], tree_, items[j])) {
        return fail(s, "uniqueItems", "elements that differ", std::string(Text("the same at ", j, " and ", i).view()),
                    ok, problems);
      }
    }
  }
  return {};
}

Status Validator::objects(const Schema2020& s, JsonId at, Seen& seen, bool& ok, Problems* problems) {
  const std::uint64_t size = tree_.size(at);
  const auto length = [&](std::string_view keyword, std::string_view word, std::uint64_t bound) {
    return fail(s, keyword, Text(word, bound, " members"), std::string(Text(size).view()), ok, problems);
  };
  if (size < s.min_properties) MOXIE_TRY(length("minProperties", "at least ", s.min_properties));
  if (s.max_properties && size > *s.max_properties) MOXIE_TRY(length("maxProperties", "at most ", *s.max_properties));
  const auto has = [&](std::string_view name) { return tree_.find(at, name) != kNoJson; };
  const auto need = [&](std::string_view name, std::string_view keyword) -> Status {
    if (has(name)) return {};
    return fail(s, keyword, Text("the member \"", name, "\""), "none", ok, problems);
  };
  for (const std::string_view name : s.required) MOXIE_TRY(need(name, "required"));
  for (const auto& [name, others] : s.dependent_required) {
    if (!has(name)) continue;
    for (const std::string_view other : others) MOXIE_TRY(need(other, "dependentRequired"));
  }
  const bool looks_at_members = !s.properties.empty() || !s.pattern_properties.empty() ||
                                s.additional_properties != kNoSchema || s.property_names != kNoSchema;
  if (!looks_at_members) return {};
  for (const JsonId member : tree_.children(at)) {
    const std::string_view key = tree_.key(member);
    bool known = false;
    const auto property = std::ranges::find(s.properties, key, [](const auto& one) { return one.first; });
    if (property != s.properties.end()) {
      known = true;
      MOXIE_TRY(part(property->second, member, key, ok, problems));
    }
    for (const auto& [expression, schema] : s.pattern_properties) {
      MOXIE_TRY_LET(const bool matches, patterns_.matches(expression, key, s.path + "/patternProperties"));
      if (!matches) continue;
      known = true;
      MOXIE_TRY(part(schema, member, key, ok, problems));
    }
    if (!known && s.additional_properties != kNoSchema) {
      known = true;
      if (set_[s.additional_properties].form == Schema2020::Form::kNever) {
        std::string needed = s.properties.empty() ? "no member" : "no member but";
        for (const auto& [name, schema] : s.properties) {
          if (needed.size() < 200) needed.append(" \"").append(name).append("\"");
        }
        MOXIE_TRY(fail(s, "additionalProperties", needed, std::string("\"").append(key).append("\""), ok, problems));
      } else {
        MOXIE_TRY(part(s.additional_properties, member, key, ok, problems));
      }
    }
    if (known) seen.members.push_back(member);
    if (s.property_names != kNoSchema) {
      std::string name;
      json::write_string(key, [&](std::string_view piece) { name += piece; });
      MOXIE_TRY_LET(const JsonTree names, JsonTree::parse(name, "name"));
      Validator inner(set_, patterns_, names);
      inner.scope_ = scope_;
      inner.depth_ = depth_;
      MOXIE_TRY_LET(const bool fits, inner.valid(s.property_names, JsonTree::kRoot));
      steps_ += inner.steps_;
      if (!fits) MOXIE_TRY(fail(s, "propertyNames", "a name that its schema allows", name, ok, problems));
    }
  }
  return {};
}

SchemaId Validator::dynamic_target(const Schema2020& s) const {
  if (s.dynamic_anchor.empty()) return s.dynamic_ref;
  for (const std::uint32_t resource : scope_) {
    const SchemaId found = set_.dynamic_anchor(resource, s.dynamic_anchor);
    if (found != kNoSchema) return found;
  }
  return s.dynamic_ref;
}

Status Validator::in_place(SchemaId id, JsonId at, Seen& seen, bool& ok, Problems* problems) {
  const Schema2020& s = set_[id];
  if (s.ref != kNoSchema) MOXIE_TRY(apply(s.ref, at, seen, ok, problems));
  if (s.dynamic_ref != kNoSchema) {
    MOXIE_TRY(apply(dynamic_target(s), at, seen, ok, problems));
  }
  for (const SchemaId one : s.all_of) MOXIE_TRY(apply(one, at, seen, ok, problems));
  MOXIE_TRY(choices(s, at, seen, ok, problems));
  if (s.not_ != kNoSchema) {
    bool is = true;
    Seen ignored;
    MOXIE_TRY(apply(s.not_, at, ignored, is, nullptr));
    if (is) MOXIE_TRY(fail(s, "not", "something that this schema does not allow", describe(tree_, at), ok, problems));
  }
  if (s.if_ != kNoSchema) {
    bool is = true;
    MOXIE_TRY(apply(s.if_, at, seen, is, nullptr));
    const SchemaId next = is ? s.then_ : s.else_;
    if (next != kNoSchema) MOXIE_TRY(apply(next, at, seen, ok, problems));
  }
  if (!tree_.is(at, Kind::kObject)) return {};
  for (const auto& [name, schema] : s.dependent_schemas) {
    if (tree_.find(at, name) != kNoJson) MOXIE_TRY(apply(schema, at, seen, ok, problems));
  }
  return {};
}

Status Validator::choices(const Schema2020& s, JsonId at, Seen& seen, bool& ok, Problems* problems) {
  for (const bool one_alone : {false, true}) {
    const std::vector<SchemaId>& list = one_alone ? s.one_of : s.any_of;
    if (list.empty()) continue;
    std::size_t fits = 0;
    for (const SchemaId one : list) {
      bool is = true;
      MOXIE_TRY(apply(one, at, seen, is, nullptr));
      fits += is ? 1 : 0;
    }
    const std::string_view keyword = one_alone ? "oneOf" : "anyOf";
    if (fits == 0) {
      // What comes nearest: the alternative with the fewest problems, which are told.
      Problems best{.list = {}, .most = 0};
      for (const SchemaId one : list) {
        if (problems == nullptr) break;
        Problems of{.list = {}, .most = 8};
        bool is = true;
        Seen ignored;
        MOXIE_TRY(apply(one, at, ignored, is, &of));
        // One of another kind of value is no near miss.
        const bool other_kind = !of.list.empty() && of.list.front().instance_path == path_ &&
                                of.list.front().schema_path.ends_with("/type");
        if (other_kind) continue;
        if (best.list.empty() || of.list.size() < best.list.size()) best = std::move(of);
      }
      MOXIE_TRY(fail(s, keyword, Text("one of ", list.size(), " alternatives"), describe(tree_, at), ok, problems));
      for (SchemaProblem& problem : best.list) {
        if (problems->list.size() < problems->most) problems->list.push_back(std::move(problem));
      }
    } else if (one_alone && fits > 1) {
      MOXIE_TRY(fail(s, keyword, Text("exactly one of ", list.size(), " alternatives"),
                     std::string(Text(fits, " that fit").view()), ok, problems));
    }
  }
  return {};
}

Status Validator::unevaluated(const Schema2020& s, JsonId at, Seen& seen, bool& ok, Problems* problems) {
  if (s.unevaluated_properties != kNoSchema && tree_.is(at, Kind::kObject)) {
    for (const JsonId member : tree_.children(at)) {
      if (std::ranges::find(seen.members, member) != seen.members.end()) continue;
      MOXIE_TRY(part(s.unevaluated_properties, member, tree_.key(member), ok, problems));
      seen.members.push_back(member);
    }
  }
  if (s.unevaluated_items != kNoSchema && tree_.is(at, Kind::kArray)) {
    std::uint32_t index = 0;
    for (const JsonId item : tree_.children(at)) {
      const std::uint32_t i = index++;
      if (i < seen.first_items || std::ranges::find(seen.items, item) != seen.items.end()) continue;
      MOXIE_TRY(part(s.unevaluated_items, item, Text(i), ok, problems));
      seen.items.push_back(item);
    }
  }
  return {};
}

std::string type_names(std::uint8_t types) {
  std::string names;
  const auto add = [&](std::string_view name) { names.append(names.empty() ? "" : " or ").append(name); };
  if ((types & kNullType) != 0) add("null");
  if ((types & kBooleanType) != 0) add("true or false");
  if ((types & kFractionType) != 0) {
    add("a number");
  } else if ((types & kIntegerType) != 0) {
    add("an integer");
  }
  if ((types & kStringType) != 0) add("a string");
  if ((types & kArrayType) != 0) add("a list");
  if ((types & kObjectType) != 0) add("an object");
  return names.empty() ? "nothing" : names;
}

}  // namespace moxie::constraint

namespace moxie::inline abi1 {

std::string SchemaProblem::text() const {
  std::string result = instance_path.empty() ? "the value" : instance_path;
  return result.append(": needed ").append(needed).append(", came ").append(came);
}

Result<Schema> Schema::compile(std::string_view schema, const SchemaOptions& options) noexcept {
  std::shared_ptr<const constraint::CompiledSchema> compiled;
  MOXIE_TRY(guarded("Schema::compile", [&]() -> Status {
    MOXIE_TRY_LET(constraint::SchemaSet set, constraint::SchemaSet::load(schema, options.documents));
    compiled = std::make_shared<const constraint::CompiledSchema>(std::move(set));
    return {};
  }));
  return Schema(std::move(compiled));
}

Result<std::vector<SchemaProblem>> Schema::check(std::string_view instance, std::size_t most) const noexcept {
  std::vector<SchemaProblem> problems;
  MOXIE_TRY(guarded("Schema::check", [&]() -> Status {
    MOXIE_TRY_LET(const constraint::JsonTree tree, constraint::JsonTree::parse(instance, "instance"));
    const std::lock_guard lock(schema_->mutex);
    constraint::Validator validator(schema_->set, schema_->patterns, tree);
    return validator.explain(schema_->set.root(), constraint::JsonTree::kRoot, most, problems);
  }));
  return problems;
}

}  // namespace moxie
