// SPDX-License-Identifier: Apache-2.0
#include "constraint/schema/expansion.hpp"

#include <algorithm>

#include <moxie/core/text.hpp>

namespace moxie::inline abi1::constraint {

using Kind = JsonTree::Kind;

namespace {

std::uint8_t bits_of(std::uint8_t types) noexcept {
  unsigned bits = 0;
  if ((types & kNullType) != 0) bits |= 1;
  if ((types & kBooleanType) != 0) bits |= 2 | 4;
  if ((types & kIntegerType) != 0) bits |= 8;
  if ((types & kFractionType) != 0) bits |= 16;
  if ((types & kStringType) != 0) bits |= 32;
  if ((types & kArrayType) != 0) bits |= 64;
  if ((types & kObjectType) != 0) bits |= 128;
  return static_cast<std::uint8_t>(bits);
}

std::uint64_t at_most(std::uint64_t a, const std::optional<std::uint64_t>& b) { return b ? std::min(a, *b) : a; }

Status unsupported(const Schema2020& s, std::string_view keyword, std::string_view needed) {
  return Status(Code::kUnsupported, s.path + "/" + std::string(keyword), needed, "what no mask can say yet");
}

}  // namespace

void Expansion::Case::mention(std::string_view name) {
  if (std::ranges::find(order, name) == order.end()) order.emplace_back(name);
}

std::size_t Expansion::Case::weight() const noexcept {
  std::size_t all = 16 + multiples.size() + no_multiples.size() + not_equal.size() + texts.size() + contains.size() +
                    member_claims.size() + order.size() + required.size() + absent.size() + names.size() +
                    unevaluated.size() + done.size() + todo.size() + (equal ? equal->size() : 0);
  for (const ItemRule& rule : items) all += 1 + rule.first.size() + rule.scopes.size();
  for (const MemberRule& rule : members) all += 1 + rule.names.size() + rule.patterns.size() + rule.scopes.size();
  return all;
}

void Expansion::Case::add_least(const Decimal& value, bool open) {
  if (!least || least->value < value || (least->value == value && open)) least = Bound{value, open};
}

void Expansion::Case::add_most(const Decimal& value, bool open) {
  if (!most || most->value > value || (most->value == value && open)) most = Bound{value, open};
}

Status Expansion::run(Shapes& out) {
  out_ = &out;
  Case first;
  for (const Want& want : maker_.wants(goal_)) first.todo.push_back({want, {}});
  MOXIE_TRY(go_on(std::move(first)));
  out.scalars = regexes_.alt(scalars_);
  out.texts = regexes_.alt(strings_);
  return {};
}

Status Expansion::go_on(Case one) {
  while (!one.todo.empty() && one.types != 0) {
    MOXIE_TRY(regexes_.check("schema"));
    const Todo todo = std::move(one.todo.front());
    one.todo.pop_front();
    if (!one.done.emplace(todo.want, todo.scopes).second) continue;
    bool split_up = false;
    MOXIE_TRY(meet(one, todo, split_up));
    if (split_up) return {};
  }
  return one.types == 0 ? Status() : settle(one);
}

Status Expansion::split(const Case& one, const std::vector<Branch>& branches) {
  for (const Branch& branch : branches) {
    if (++cases_ > kMaxCases) {
      const Want& first = maker_.wants(goal_).front();
      return Status(Code::kBudget, first.constant ? std::string("schema") : set_[first.id].path,
                    Text("at most ", kMaxCases, " alternatives of one value"), "more");
    }
    regexes_.spend(4 * one.weight());
    Case next = one;
    MOXIE_TRY(branch(next));
    MOXIE_TRY(go_on(std::move(next)));
  }
  return {};
}

Status Expansion::meet(Case& one, const Todo& todo, bool& split_up) {
  if (todo.want.constant) return constant(one, todo.want, split_up);
  return todo.want.holds ? holds(one, todo.want.id, todo.scopes, split_up) : fails(one, todo.want.id, split_up);
}

Status Expansion::check_dynamic_ref(const Schema2020& s) const {
  if (s.dynamic_ref == kNoSchema || s.dynamic_anchor.empty() || set_.dynamic_anchors(s.dynamic_anchor) <= 1) return {};
  return unsupported(s, "$dynamicRef", "one place that has the anchor");
}

// --- a schema that holds ---

Status Expansion::holds(Case& one, SchemaId id, Scopes scopes, bool& split_up) {
  const Schema2020& s = set_[id];
  if (s.form == Schema2020::Form::kAlways) return {};
  if (s.form == Schema2020::Form::kNever) {
    one.types = 0;
    return {};
  }
  MOXIE_TRY(check_dynamic_ref(s));
  for (const bool items : {false, true}) {
    const SchemaId rest = items ? s.unevaluated_items : s.unevaluated_properties;
    if (rest == kNoSchema) continue;
    const std::uint32_t owner = owners_++;
    one.unevaluated.push_back({owner, schema(rest), scopes, s.path, items});
    scopes.push_back(owner);
  }
  one.only(bits_of(s.types));
  MOXIE_TRY(holds_values(one, s));
  MOXIE_TRY(holds_arrays(one, s, scopes));
  MOXIE_TRY(holds_objects(one, s, scopes));
  for (const SchemaId next : {s.ref, s.dynamic_ref}) {
    if (next != kNoSchema) one.todo.push_back({schema(next), scopes});
  }
  for (const SchemaId next : s.all_of) one.todo.push_back({schema(next), scopes});
  if (s.not_ != kNoSchema) one.todo.push_back({schema(s.not_, false), {}});
  std::vector<std::vector<Branch>> choices;
  MOXIE_TRY(holds_choices(one, id, scopes, choices));
  if (s.has_enum) {
    const JsonTree& tree = set_.tree(s);
    choices.push_back(values(tree, s.document, s.enumerated));
  }
  if (choices.empty()) return {};
  split_up = true;
  // All of them: the first is taken apart, and each of its branches goes on with the others.
  std::function<Status(const Case&, std::size_t)> all = [&](const Case& from, std::size_t i) -> Status {
    for (const Branch& branch : choices[i]) {
      MOXIE_TRY(regexes_.check("schema"));
      regexes_.spend(4 * from.weight());
      Case next = from;
      if (i + 1 == choices.size()) {
        MOXIE_TRY(split(next, {branch}));
        continue;
      }
      MOXIE_TRY(branch(next));
      if (next.types != 0) MOXIE_TRY(all(next, i + 1));
    }
    return {};
  };
  return all(one, 0);
}

Status Expansion::holds_values(Case& one, const Schema2020& s) {
  if (s.is_const) one.todo.push_back({value(s.document, s.constant), {}});
  if (one.can(kNumber)) {
    if (s.minimum) one.add_least(*s.minimum, false);
    if (s.exclusive_minimum) one.add_least(*s.exclusive_minimum, true);
    if (s.maximum) one.add_most(*s.maximum, false);
    if (s.exclusive_maximum) one.add_most(*s.exclusive_maximum, true);
    if (s.multiple_of) one.multiples.push_back(*s.multiple_of);
  }
  if (!one.can(kString)) return {};
  one.min_length = std::max(one.min_length, s.min_length);
  one.max_length = at_most(one.max_length, s.max_length);
  if (s.pattern) {
    MOXIE_TRY_LET(const RegexId what, pattern_of(*s.pattern, s.path + "/pattern"));
    one.texts.push_back(what);
  }
  return {};
}

Status Expansion::holds_arrays(Case& one, const Schema2020& s, const Scopes& scopes) {
  if (!one.can(kArray)) return {};
  one.min_items = std::max(one.min_items, s.min_items);
  one.max_items = at_most(one.max_items, s.max_items);
  if (s.unique_items) {
    one.unique = true;
    one.unique_path = s.path + "/uniqueItems";
  }
  if (!s.prefix_items.empty() || s.items != kNoSchema || s.contains != kNoSchema) {
    ItemRule rule{.first = {}, .rest = {}, .scopes = scopes, .contains = s.contains != kNoSchema};
    for (const SchemaId first : s.prefix_items) rule.first.push_back(schema(first));
    if (s.items != kNoSchema) rule.rest = schema(s.items);
    one.items.push_back(std::move(rule));
  }
  if (s.contains != kNoSchema && (s.min_contains > 0 || s.max_contains)) {
    one.contains.push_back(
        {.value = schema(s.contains), .least = s.min_contains, .most = s.max_contains.value_or(UINT64_MAX)});
  }
  return {};
}

Status Expansion::holds_objects(Case& one, const Schema2020& s, const Scopes& scopes) {
  if (!one.can(kObject)) return {};
  one.min_properties = std::max(one.min_properties, s.min_properties);
  one.max_properties = at_most(one.max_properties, s.max_properties);
  // Each name is looked for among those that were mentioned.
  const std::size_t named = s.properties.size() + s.required.size();
  regexes_.spend(named * (one.order.size() + named) / 8);
  for (const auto& [name, property] : s.properties) one.mention(name);
  for (const std::string_view name : s.required) {
    one.mention(name);
    one.required.emplace(name);
  }
  if (!s.properties.empty() || !s.pattern_properties.empty() || s.additional_properties != kNoSchema) {
    MemberRule rule{.names = {}, .patterns = {}, .others = {}, .scopes = scopes, .path = s.path};
    for (const auto& [name, property] : s.properties) rule.names.emplace_back(name, schema(property));
    for (const auto& [expression, property] : s.pattern_properties) {
      rule.patterns.emplace_back(expression, schema(property));
    }
    if (s.additional_properties != kNoSchema) rule.others = schema(s.additional_properties);
    one.members.push_back(std::move(rule));
  }
  if (s.property_names != kNoSchema) one.names.push_back(s.property_names);
  return {};
}

Status Expansion::holds_choices(Case& one, SchemaId id, const Scopes& scopes,
                                std::vector<std::vector<Branch>>& choices) {
  const Schema2020& s = set_[id];
  const auto add = [](Case& to, SchemaId which, bool is, const Scopes& of) {
    to.todo.push_back({schema(which, is), is ? of : Scopes()});
  };
  if (!s.any_of.empty()) {
    auto& branches = choices.emplace_back();
    if (scopes.empty()) {
      for (const SchemaId which : s.any_of) {
        branches.push_back([=](Case& to) {
          add(to, which, true, {});
          return Status();
        });
      }
    } else {
      // What is evaluated depends on each of them.
      const std::size_t n = s.any_of.size();
      if (n > 6)
        return unsupported(s, "anyOf", "at most 6 alternatives beside unevaluatedProperties or unevaluatedItems");
      for (std::size_t set = 1; set < std::size_t{1} << n; ++set) {
        branches.push_back([=, list = s.any_of](Case& to) {
          for (std::size_t i = 0; i < n; ++i) add(to, list[i], (set >> i & 1U) != 0, scopes);
          return Status();
        });
      }
    }
  }
  if (!s.one_of.empty()) {
    auto& branches = choices.emplace_back();
    for (const SchemaId which : s.one_of) {
      std::vector<SchemaId> others;
      for (const SchemaId other : s.one_of) {
        if (other == which) continue;
        MOXIE_TRY_LET(const bool apart, disjoint(which, other));
        if (!apart) others.push_back(other);
      }
      // The same schema twice is never the only one.
      if (std::ranges::count(s.one_of, which) > 1) continue;
      branches.push_back([=](Case& to) {
        add(to, which, true, scopes);
        for (const SchemaId other : others) add(to, other, false, {});
        return Status();
      });
    }
  }
  if (s.if_ != kNoSchema && (s.then_ != kNoSchema || s.else_ != kNoSchema || !scopes.empty())) {
    auto& branches = choices.emplace_back();
    for (const bool is : {true, false}) {
      branches.push_back([=, condition = s.if_, next = is ? s.then_ : s.else_](Case& to) {
        add(to, condition, is, scopes);
        if (next != kNoSchema) add(to, next, true, scopes);
        return Status();
      });
    }
  }
  if (!one.can(kObject)) return {};
  const auto depends = [&](std::string_view name, auto then) {
    auto& branches = choices.emplace_back();
    branches.push_back([=](Case& to) {
      to.mention(name);
      to.absent.emplace(name);
      return Status();
    });
    branches.push_back([=](Case& to) {
      to.only(kObject);
      to.mention(name);
      to.required.emplace(name);
      then(to);
      return Status();
    });
  };
  for (const auto& [name, others] : s.dependent_required) {
    depends(name, [list = others](Case& to) {
      for (const std::string_view other : list) {
        to.mention(other);
        to.required.emplace(other);
      }
    });
  }
  for (const auto& [name, next] : s.dependent_schemas) {
    depends(name, [=, then = next](Case& to) { add(to, then, true, scopes); });
  }
  return {};
}

Result<bool> Expansion::disjoint(SchemaId a, SchemaId b) {
  Goal both{schema(a), schema(b)};
  const GoalId goal = maker_.goal(std::move(both));
  if (goal == goal_) return false;
  const auto possible = maker_.possible(goal);
  if (!possible.ok()) {
    MOXIE_TRY(regexes_.check("schema"));
    // Whether they are apart is not known; then what holds of both is excluded below.
    if (possible.status().code() == Code::kUnsupported || possible.status().code() == Code::kBudget) return false;
    return possible.status();
  }
  return !*possible;
}

// --- a schema that does not hold: one of its keywords does not ---

Status Expansion::fails(Case& one, SchemaId id, bool& split_up) {
  const Schema2020& s = set_[id];
  if (s.form == Schema2020::Form::kNever) return {};
  if (s.form == Schema2020::Form::kAlways) {
    one.types = 0;
    return {};
  }
  MOXIE_TRY(check_dynamic_ref(s));
  for (const bool items : {false, true}) {
    const SchemaId rest = items ? s.unevaluated_items : s.unevaluated_properties;
    if (rest != kNoSchema && set_[rest].form != Schema2020::Form::kAlways && one.can(items ? kArray : kObject)) {
      return unsupported(s, items ? "unevaluatedItems" : "unevaluatedProperties", "it outside of not, if and oneOf");
    }
  }
  std::vector<Branch> branches;
  fails_values(s, branches);
  if (one.can(kArray)) fails_arrays(s, branches);
  if (one.can(kObject)) fails_objects(s, branches);
  fails_choices(s, branches);
  split_up = true;
  return split(one, branches);
}

void Expansion::fails_values(const Schema2020& s, std::vector<Branch>& branches) {
  if (s.types != kAnyType) {
    branches.push_back([bits = bits_of(s.types)](Case& to) {
      to.only(static_cast<std::uint8_t>(~bits));
      return Status();
    });
  }
  if (s.has_enum) {
    branches.push_back([this, &s](Case& to) {
      for (const JsonId one : s.enumerated) exclude(to, set_.tree(s), s.document, one);
      return Status();
    });
  }
  if (s.is_const) {
    branches.push_back([&s](Case& to) {
      to.todo.push_back({value(s.document, s.constant, false), {}});
      return Status();
    });
  }
  const auto number = [&](auto then) {
    branches.push_back([=](Case& to) {
      to.only(kNumber);
      then(to);
      return Status();
    });
  };
  if (s.minimum) number([v = *s.minimum](Case& to) { to.add_most(v, true); });
  if (s.exclusive_minimum) number([v = *s.exclusive_minimum](Case& to) { to.add_most(v, false); });
  if (s.maximum) number([v = *s.maximum](Case& to) { to.add_least(v, true); });
  if (s.exclusive_maximum) number([v = *s.exclusive_maximum](Case& to) { to.add_least(v, false); });
  if (s.multiple_of) number([v = *s.multiple_of](Case& to) { to.no_multiples.push_back(v); });
  if (s.min_length > 0) {
    branches.push_back([n = s.min_length](Case& to) {
      to.only(kString);
      to.max_length = std::min(to.max_length, n - 1);
      return Status();
    });
  }
  if (s.max_length) {
    branches.push_back([n = *s.max_length](Case& to) {
      to.only(kString);
      to.min_length = std::max(to.min_length, n + 1);
      return Status();
    });
  }
  if (s.pattern) {
    branches.push_back([this, &s](Case& to) -> Status {
      to.only(kString);
      if (to.types == 0) return {};
      MOXIE_TRY_LET(const RegexId what, pattern_of(*s.pattern, s.path + "/pattern"));
      to.texts.push_back(regexes_.except(what));
      return {};
    });
  }
}

void Expansion::fails_arrays(const Schema2020& s, std::vector<Branch>& branches) {
  const auto array = [&](auto then) {
    branches.push_back([=](Case& to) {
      to.only(kArray);
      then(to);
      return Status();
    });
  };
  const auto not_always = [&](SchemaId id) { return set_[id].form != Schema2020::Form::kAlways; };
  if (s.min_items > 0) array([n = s.min_items](Case& to) { to.max_items = std::min(to.max_items, n - 1); });
  if (s.max_items) array([n = *s.max_items](Case& to) { to.min_items = std::max(to.min_items, n + 1); });
  for (std::size_t i = 0; i < s.prefix_items.size(); ++i) {
    if (!not_always(s.prefix_items[i])) continue;
    array([=, id = s.prefix_items[i]](Case& to) {
      to.min_items = std::max<std::uint64_t>(to.min_items, i + 1);
      ItemRule rule;
      rule.first.resize(i, Want{.id = kNoSchema});
      rule.first.push_back(schema(id, false));
      to.items.push_back(std::move(rule));
    });
  }
  if (s.items != kNoSchema && not_always(s.items)) {
    array([id = s.items, from = s.prefix_items.size()](Case& to) {
      to.contains.push_back({.from = from, .value = schema(id, false)});
    });
  }
  if (s.contains != kNoSchema) {
    if (s.min_contains > 0) {
      array([id = s.contains, n = s.min_contains](Case& to) {
        to.contains.push_back({.value = schema(id), .least = 0, .most = n - 1});
      });
    }
    if (s.max_contains) {
      array([id = s.contains, n = *s.max_contains](Case& to) {
        to.contains.push_back({.value = schema(id), .least = n + 1});
      });
    }
  }
  if (s.unique_items) {
    branches.push_back([&s](Case& to) {
      to.only(kArray);
      if (to.types == 0 || to.max_items < 2) {
        to.types = 0;
        return Status();
      }
      return unsupported(s, "uniqueItems", "it outside of not, if and oneOf");
    });
  }
}

void Expansion::fails_objects(const Schema2020& s, std::vector<Branch>& branches) {
  const auto object = [&](auto then) {
    branches.push_back([=](Case& to) -> Status {
      to.only(kObject);
      return to.types == 0 ? Status() : then(to);
    });
  };
  const auto not_always = [&](SchemaId id) { return set_[id].form != Schema2020::Form::kAlways; };
  if (s.min_properties > 0) {
    object([n = s.min_properties](Case& to) {
      to.max_properties = std::min(to.max_properties, n - 1);
      return Status();
    });
  }
  if (s.max_properties) {
    object([n = *s.max_properties](Case& to) {
      to.min_properties = std::max(to.min_properties, n + 1);
      return Status();
    });
  }
  const auto lacks = [=](Case& to, std::string_view name) {
    to.mention(name);
    to.absent.emplace(name);
  };
  const auto has = [=](Case& to, std::string_view name) {
    to.mention(name);
    to.required.emplace(name);
  };
  for (const std::string_view name : s.required) {
    object([=](Case& to) {
      lacks(to, name);
      return Status();
    });
  }
  for (const auto& [name, others] : s.dependent_required) {
    for (const std::string_view other : others) {
      object([=, first = name](Case& to) {
        has(to, first);
        lacks(to, other);
        return Status();
      });
    }
  }
  for (const auto& [name, then] : s.dependent_schemas) {
    object([=, first = name, id = then](Case& to) {
      has(to, first);
      to.todo.push_back({schema(id, false), {}});
      return Status();
    });
  }
  for (const auto& [name, property] : s.properties) {
    if (!not_always(property)) continue;
    object([=, first = name, id = property](Case& to) {
      has(to, first);
      MemberRule rule;
      rule.names.emplace_back(first, schema(id, false));
      to.members.push_back(std::move(rule));
      return Status();
    });
  }
  for (const auto& [expression, property] : s.pattern_properties) {
    if (!not_always(property)) continue;
    object([this, &s, text = expression, id = property](Case& to) -> Status {
      MOXIE_TRY_LET(const RegexId names, pattern_of(text, s.path + "/patternProperties"));
      to.member_claims.push_back({.names = names, .value = schema(id, false)});
      return {};
    });
  }
  if (s.additional_properties != kNoSchema && not_always(s.additional_properties)) {
    object([this, &s](Case& to) -> Status {
      std::vector<RegexId> known;
      for (const auto& [name, property] : s.properties) known.push_back(maker_.text_of(name));
      for (const auto& [expression, property] : s.pattern_properties) {
        MOXIE_TRY_LET(const RegexId names, pattern_of(expression, s.path + "/patternProperties"));
        known.push_back(names);
      }
      to.member_claims.push_back(
          {.names = regexes_.except(regexes_.alt(known)), .value = schema(s.additional_properties, false)});
      return {};
    });
  }
  if (s.property_names != kNoSchema && not_always(s.property_names)) {
    object([this, &s](Case& to) -> Status {
      MOXIE_TRY_LET(const RegexId names, names_of(s.property_names));
      // Any value will do: what is not always so is never.
      to.member_claims.push_back({.names = regexes_.except(names), .value = Want{.id = kNoSchema}});
      return {};
    });
  }
}

void Expansion::fails_choices(const Schema2020& s, std::vector<Branch>& branches) {
  const auto add = [&](std::vector<Want> wants) {
    branches.push_back([list = std::move(wants)](Case& to) {
      for (const Want& want : list) to.todo.push_back({want, {}});
      return Status();
    });
  };
  for (const SchemaId next : {s.ref, s.dynamic_ref}) {
    if (next != kNoSchema) add({schema(next, false)});
  }
  for (const SchemaId next : s.all_of) add({schema(next, false)});
  const auto none = [](const std::vector<SchemaId>& list) {
    std::vector<Want> wants;
    for (const SchemaId one : list) wants.push_back(schema(one, false));
    return wants;
  };
  if (!s.any_of.empty()) add(none(s.any_of));
  if (!s.one_of.empty()) {
    add(none(s.one_of));
    for (std::size_t i = 0; i < s.one_of.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) add({schema(s.one_of[i]), schema(s.one_of[j])});
    }
  }
  if (s.not_ != kNoSchema) add({schema(s.not_)});
  if (s.if_ == kNoSchema) return;
  if (s.then_ != kNoSchema) add({schema(s.if_), schema(s.then_, false)});
  if (s.else_ != kNoSchema) add({schema(s.if_, false), schema(s.else_, false)});
}

// --- values ---

// One of these: a branch for all strings together, one for all numbers, one for each list and object.
std::vector<Expansion::Branch> Expansion::values(const JsonTree& tree, std::uint32_t document,
                                                 const std::vector<JsonId>& list) {
  std::vector<Branch> branches;
  std::uint8_t words = 0;
  std::vector<std::string> strings;
  std::vector<Decimal> numbers;
  for (const JsonId one : list) {
    switch (tree.kind(one)) {
      case Kind::kNull: words |= kNull; break;
      case Kind::kFalse: words |= kFalse; break;
      case Kind::kTrue: words |= kTrue; break;
      case Kind::kNumber: numbers.push_back(tree.number(one)); break;
      case Kind::kString: strings.push_back(ShapeMaker::written_name(tree.text(one))); break;
      default:
        branches.push_back([=](Case& to) {
          to.todo.push_back({value(document, one), {}});
          return Status();
        });
    }
  }
  if (words != 0) {
    branches.push_back([=](Case& to) {
      to.only(words);
      return Status();
    });
  }
  if (!strings.empty()) {
    const RegexId any = regexes_.any_of({strings.begin(), strings.end()});
    branches.push_back([=](Case& to) {
      to.only(kString);
      to.texts.push_back(any);
      return Status();
    });
  }
  if (!numbers.empty()) {
    branches.push_back([numbers](Case& to) {
      to.only(kNumber);
      if (!to.equal) {
        to.equal = numbers;
      } else {
        std::erase_if(*to.equal, [&](const Decimal& one) { return std::ranges::find(numbers, one) == numbers.end(); });
      }
      return Status();
    });
  }
  return branches;
}

void Expansion::exclude(Case& one, const JsonTree& tree, std::uint32_t document, JsonId what) {
  switch (tree.kind(what)) {
    case Kind::kNull: one.only(static_cast<std::uint8_t>(~kNull)); return;
    case Kind::kFalse: one.only(static_cast<std::uint8_t>(~kFalse)); return;
    case Kind::kTrue: one.only(static_cast<std::uint8_t>(~kTrue)); return;
    case Kind::kNumber: one.not_equal.push_back(tree.number(what)); return;
    case Kind::kString: one.texts.push_back(regexes_.except(maker_.text_of(tree.text(what)))); return;
    default: one.todo.push_back({value(document, what, false), {}}); return;
  }
}

Status Expansion::constant(Case& one, const Want& want, bool& split_up) {
  const JsonTree& tree = set_.tree(want.document);
  const JsonId id = want.id;
  const Kind kind = tree.kind(id);
  const std::uint64_t size = tree.size(id);
  if (kind != Kind::kArray && kind != Kind::kObject) {
    if (!want.holds) {
      exclude(one, tree, want.document, id);
      return {};
    }
    for (const Branch& only : values(tree, want.document, {id})) MOXIE_TRY(only(one));
    return {};
  }
  std::vector<Want> parts;
  std::vector<std::string> names;
  for (const JsonId child : tree.children(id)) {
    parts.push_back(value(want.document, child));
    names.emplace_back(tree.key(child));
  }
  const bool array = kind == Kind::kArray;
  if (want.holds) {
    one.only(array ? kArray : kObject);
    if (array) {
      one.min_items = std::max(one.min_items, size);
      one.max_items = std::min(one.max_items, size);
      one.items.push_back({.first = parts, .rest = {}, .scopes = {}});
      return {};
    }
    one.min_properties = std::max(one.min_properties, size);
    one.max_properties = std::min(one.max_properties, size);
    MemberRule rule;
    for (std::size_t i = 0; i < names.size(); ++i) {
      one.mention(names[i]);
      one.required.insert(names[i]);
      rule.names.emplace_back(names[i], parts[i]);
    }
    one.members.push_back(std::move(rule));
    return {};
  }
  std::vector<Branch> branches;
  branches.push_back([=](Case& to) {
    to.only(static_cast<std::uint8_t>(~(array ? kArray : kObject)));
    return Status();
  });
  const auto same_kind = [&](auto then) {
    branches.push_back([=](Case& to) {
      to.only(array ? kArray : kObject);
      then(to);
      return Status();
    });
  };
  if (size > 0) {
    same_kind([=](Case& to) {
      if (array) to.max_items = std::min(to.max_items, size - 1);
      if (!array) to.max_properties = std::min(to.max_properties, size - 1);
    });
  }
  same_kind([=](Case& to) {
    if (array) to.min_items = std::max(to.min_items, size + 1);
    if (!array) to.min_properties = std::max(to.min_properties, size + 1);
  });
  for (std::size_t i = 0; i < parts.size(); ++i) {
    Want other = parts[i];
    other.holds = false;
    same_kind([=, name = names[i]](Case& to) {
      if (array) {
        to.min_items = std::max<std::uint64_t>(to.min_items, i + 1);
        ItemRule rule;
        rule.first.resize(i, Want{.id = kNoSchema});
        rule.first.push_back(other);
        to.items.push_back(std::move(rule));
        return;
      }
      MemberRule rule;
      rule.names.emplace_back(name, other);
      to.members.push_back(std::move(rule));
      to.mention(name);
      to.required.insert(name);
    });
    if (!array) {
      same_kind([name = names[i]](Case& to) {
        to.mention(name);
        to.absent.insert(name);
      });
    }
  }
  split_up = true;
  return split(one, branches);
}

}  // namespace moxie::constraint
