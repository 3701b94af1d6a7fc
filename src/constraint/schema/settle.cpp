// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <numeric>

#include <moxie/core/text.hpp>

#include "constraint/regex/pattern.hpp"
#include "constraint/schema/expansion.hpp"

// The end of an alternative: what is said of each kind of value becomes a language or a shape.

namespace moxie::inline abi1::constraint {
namespace {

constexpr std::size_t kMaxPatterns = 8;  // which of them a name matches makes 2^n classes of names
constexpr std::size_t kMaxClaims = 4;

NumberBound bound_of(const Decimal& value, bool open) {
  NumberBound bound{.present = true, .open = open, .negative = value.negative};
  Decimal magnitude = value;
  magnitude.negative = false;
  const std::string text = magnitude.text();
  const std::size_t point = text.find('.');
  bound.whole = text.substr(0, point);
  if (bound.whole == "0") bound.whole.clear();
  if (point != std::string::npos) bound.fraction = text.substr(point + 1);
  return bound;
}

/// One of the expressions of this file.
RegexId plain(Regexes& regexes, std::string_view expression) {
  return pattern(regexes, expression, Writing::kPlain, Match::kWhole).value_or(Regexes::kNever);
}

bool is_anything(const Want& want) noexcept { return !want.constant && want.id == kNoSchema; }

/// The least number that is a multiple of all; false: too large for a mask.
bool common_multiple(const std::vector<Decimal>& multiples, std::uint64_t& step, std::uint32_t& places) {
  std::int64_t least = 0;
  for (const Decimal& one : multiples) least = std::min(least, one.exponent);
  if (least < -18) return false;
  step = 1;
  for (const Decimal& one : multiples) {
    std::uint64_t n = 0;
    for (const char digit : one.digits) n = n * 10 + static_cast<std::uint64_t>(digit - '0');
    for (std::int64_t i = one.exponent; i > least; --i) {
      if (n > NumberLanguage::kMaxStep) return false;
      n *= 10;
    }
    if (n > NumberLanguage::kMaxStep) return false;
    step = std::lcm(step, n);
    if (step > NumberLanguage::kMaxStep) return false;
  }
  places = static_cast<std::uint32_t>(-least);
  return true;
}

}  // namespace

bool Expansion::covers(const Scopes& scopes, std::uint32_t owner) {
  return std::ranges::find(scopes, owner) != scopes.end();
}

RegexId Expansion::any_text() { return regexes_.repeat(one_of(regexes_, CharSet::all(), Writing::kJsonString), 0); }

Result<RegexId> Expansion::pattern_of(std::string_view expression, std::string_view path) {
  const auto what = pattern(regexes_, expression, Writing::kJsonString, Match::kAnywhere);
  if (what.ok()) return *what;
  return Status(what.status().code(), path, what.status().needed(), what.status().came());
}

Result<RegexId> Expansion::names_of(SchemaId id) {
  const GoalId goal = maker_.goal({schema(id)});
  if (goal == goal_) return unsupported_names(id);
  MOXIE_TRY_LET(const Shapes* shapes, maker_.shapes(goal));
  return shapes->texts;
}

Status Expansion::unsupported_names(SchemaId id) const {
  return Status(Code::kUnsupported, set_[id].path, "names that do not depend on themselves", "propertyNames that do");
}

Status Expansion::settle(const Case& one) {
  MOXIE_TRY(settle_scalars(one));
  if (one.can(kArray)) MOXIE_TRY(settle_array(one));
  if (one.can(kObject)) MOXIE_TRY(settle_object(one));
  return regexes_.check("schema");
}

Status Expansion::settle_scalars(const Case& one) {
  if (one.can(kNull)) scalars_.push_back(regexes_.literal("null"));
  if (one.can(kFalse)) scalars_.push_back(regexes_.literal("false"));
  if (one.can(kTrue)) scalars_.push_back(regexes_.literal("true"));
  if (one.can(kNumber)) {
    RegexId what = Regexes::kNever;
    MOXIE_TRY(numbers(one, what));
    if (regexes_.possible(what)) scalars_.push_back(what);
  }
  if (one.can(kString)) {
    RegexId what = Regexes::kNever;
    MOXIE_TRY(texts(one, what));
    if (regexes_.possible(what)) {
      strings_.push_back(what);
      const RegexId quote = regexes_.literal("\"");
      scalars_.push_back(regexes_.cat(quote, regexes_.cat(what, quote)));
    }
  }
  return {};
}

Status Expansion::texts(const Case& one, RegexId& out) {
  if (one.max_length < one.min_length) return {};
  if (one.min_length >= kNoLimit) {
    return Status(Code::kBudget, "minLength", Text("less than ", kNoLimit), Text(one.min_length));
  }
  const auto most = one.max_length >= kNoLimit ? kNoLimit : static_cast<std::uint32_t>(one.max_length);
  const RegexId length = regexes_.repeat(one_of(regexes_, CharSet::all(), Writing::kJsonString),
                                         static_cast<std::uint32_t>(one.min_length), most);
  std::vector<RegexId> parts = one.texts;
  parts.push_back(length);
  out = regexes_.both(parts);
  return {};
}

Status Expansion::numbers(const Case& one, RegexId& out) {
  const bool whole_only = !one.can(kFraction);
  const auto inside = [&](const Decimal& n) {
    if ((n.whole() && !one.can(kWhole)) || (!n.whole() && whole_only)) return false;
    if (one.least && (n < one.least->value || (one.least->open && n == one.least->value))) return false;
    if (one.most && (n > one.most->value || (one.most->open && n == one.most->value))) return false;
    const auto multiple = [&](const Decimal& step) { return is_multiple(n, step); };
    return std::ranges::all_of(one.multiples, multiple) && std::ranges::none_of(one.no_multiples, multiple) &&
           std::ranges::find(one.not_equal, n) == one.not_equal.end();
  };
  if (one.equal) {
    std::vector<std::string> fit;
    for (const Decimal& n : *one.equal) {
      if (inside(n)) fit.push_back(n.text());
    }
    out = regexes_.any_of({fit.begin(), fit.end()});
    return {};
  }
  std::vector<Decimal> multiples = one.multiples;
  if (whole_only) multiples.push_back(Decimal::of("1"));
  NumberLanguage language;
  if (one.least) language.least = bound_of(one.least->value, one.least->open);
  if (one.most) language.most = bound_of(one.most->value, one.most->open);
  const auto too_large = [] {
    return Status(Code::kUnsupported, "multipleOf", "a step that is not so large", "one that no mask can follow");
  };
  if (!multiples.empty()) {
    if (!common_multiple(multiples, language.step, language.step_places)) return too_large();
    if (language.bounded() && language.step > NumberLanguage::kMaxBoundedStep) return too_large();
  }
  const bool free = !language.bounded() && one.not_equal.empty() && one.no_multiples.empty() && one.can(kWhole) &&
                    (multiples.empty() || (language.step == 1 && language.step_places == 0));
  if (free) {
    // Nothing is said but the kind: then numbers with exponents come too. All are less than a double's greatest.
    out = plain(regexes_, "-?(0|[1-9][0-9]{0,299})");
    if (multiples.empty()) {
      out = regexes_.alt(regexes_.cat(out, plain(regexes_, "(\\.[0-9]{1,300})?")),
                         plain(regexes_, "-?[0-9](\\.[0-9]{1,40})?[eE][+-]?([0-9]|[1-9][0-9]|[12][0-9][0-9])"));
    }
    return {};
  }
  std::vector<RegexId> parts{regexes_.number(language)};
  if (!one.can(kWhole)) parts.push_back(regexes_.except(plain(regexes_, "-?[0-9]*(\\.0*)?")));
  for (const Decimal& n : one.not_equal) {
    NumberLanguage point;
    point.least = point.most = bound_of(n, false);
    parts.push_back(regexes_.except(regexes_.number(point)));
  }
  for (const Decimal& step : one.no_multiples) {
    NumberLanguage those;
    if (!common_multiple({step}, those.step, those.step_places) || those.step > NumberLanguage::kMaxBoundedStep) {
      return too_large();
    }
    // Its numbers are written without a point where they are whole; here every writing of them is meant.
    if (those.step_places == 0) {
      those.step *= 10;
      those.step_places = 1;
    }
    parts.push_back(regexes_.except(regexes_.number(those)));
  }
  out = regexes_.both(parts);
  return {};
}

Status Expansion::settle_array(const Case& one) {
  if (one.max_items < one.min_items) return {};
  std::vector<ItemRule> rules = one.items;
  for (const Unevaluated& rest : one.unevaluated) {
    if (!rest.items) continue;
    ItemRule rule{.first = {}, .rest = rest.want, .scopes = rest.scopes};
    bool all = false;
    bool contains = false;
    std::size_t first = 0;
    for (const ItemRule& other : rules) {
      if (!covers(other.scopes, rest.owner)) continue;
      all = all || other.rest.has_value();
      contains = contains || other.contains;
      first = std::max(first, other.first.size());
    }
    // Inner ones evaluate what outer ones would.
    for (const Unevaluated& other : one.unevaluated) all = all || (other.items && covers(other.scopes, rest.owner));
    if (all || set_[rest.want.id].form == Schema2020::Form::kAlways) continue;
    if (contains) {
      return Status(Code::kUnsupported, rest.path + "/unevaluatedItems", "it without contains beside it", "both");
    }
    rule.first.resize(first, Want{.id = kNoSchema});
    rules.push_back(std::move(rule));
  }
  ArrayShape shape{.first = {}, .rest = 0, .claims = one.contains, .least = one.min_items, .most = one.max_items};
  if (shape.claims.size() > kMaxClaims) {
    return Status(Code::kUnsupported, "contains", Text("at most ", kMaxClaims, " for one list"),
                  Text(shape.claims.size()));
  }
  std::size_t first = 0;
  for (const ItemRule& rule : rules) first = std::max(first, rule.first.size());
  for (const Claim& claim : shape.claims) first = std::max<std::size_t>(first, claim.from);
  if (first > 4096) return Status(Code::kBudget, "prefixItems", "at most 4096 of them", Text(first));
  const auto goal_at = [&](std::size_t i) {
    regexes_.spend(rules.size());
    Goal goal;
    for (const ItemRule& rule : rules) {
      const Want* want = i < rule.first.size() ? &rule.first[i] : rule.rest ? &*rule.rest : nullptr;
      if (want != nullptr && !is_anything(*want)) goal.push_back(*want);
    }
    return maker_.goal(std::move(goal));
  };
  for (std::size_t i = 0; i < first; ++i) shape.first.push_back(goal_at(i));
  shape.rest = goal_at(first);
  if (one.unique && shape.most > 1) {
    return Status(Code::kUnsupported, one.unique_path, "lists of at most one element", "longer ones");
  }
  out_->arrays.push_back(std::move(shape));
  return {};
}

Status Expansion::settle_object(const Case& one) {
  if (one.max_properties < one.min_properties) return {};
  std::vector<MemberRule> rules = one.members;
  struct Language {
    std::string_view expression;
    RegexId names;
  };
  // Every pattern once; a claim's language is one too.
  std::vector<RegexId> languages;
  std::map<std::string_view, RegexId> of_pattern;
  const auto add_language = [&](RegexId names) {
    if (std::ranges::find(languages, names) == languages.end()) languages.push_back(names);
  };
  for (const MemberRule& rule : rules) {
    for (const auto& [expression, want] : rule.patterns) {
      MOXIE_TRY_LET(const RegexId names, pattern_of(expression, rule.path + "/patternProperties"));
      of_pattern.emplace(expression, names);
      add_language(names);
    }
  }
  ObjectShape shape{
      .names = {}, .others = {}, .claims = one.member_claims, .least = one.min_properties, .most = one.max_properties};
  for (const Claim& claim : shape.claims) add_language(claim.names);
  if (languages.size() > kMaxPatterns || shape.claims.size() > kMaxClaims) {
    const std::string path = rules.empty() ? "schema" : rules.front().path;
    return Status(Code::kUnsupported, path + "/patternProperties", Text("at most ", kMaxPatterns, " for one object"),
                  Text(languages.size()));
  }
  std::vector<RegexId> allowed;  // names, by propertyNames
  for (const SchemaId id : one.names) {
    MOXIE_TRY_LET(const RegexId names, names_of(id));
    allowed.push_back(names);
  }
  // What a member has to be: what each rule says that knows it, and for the rest each keyword that looks at what nobody
  // evaluated. `name` is null for the members that no rule names.
  const auto goal_of = [&](const std::string* name, const auto& matches) {
    regexes_.spend(one.weight());
    Goal goal;
    std::vector<const Scopes*> evaluated;
    for (const MemberRule& rule : rules) {
      bool known = false;
      const auto take = [&](const Want& want) {
        known = true;
        if (!is_anything(want)) goal.push_back(want);
      };
      for (const auto& [listed, want] : rule.names) {
        if (name != nullptr && *name == listed) take(want);
      }
      for (const auto& [expression, want] : rule.patterns) {
        if (matches(of_pattern.find(expression)->second)) take(want);
      }
      if (!known && rule.others) take(*rule.others);
      if (known) evaluated.push_back(&rule.scopes);
    }
    for (const Unevaluated& rest : one.unevaluated) {
      if (rest.items) continue;
      const bool known = std::ranges::any_of(evaluated, [&](const Scopes* s) { return covers(*s, rest.owner); }) ||
                         std::ranges::any_of(one.unevaluated, [&](const Unevaluated& other) {
                           return !other.items && covers(other.scopes, rest.owner);
                         });
      if (!known) goal.push_back(rest.want);
    }
    return maker_.goal(std::move(goal));
  };
  std::vector<std::string> order = one.order;
  for (const MemberRule& rule : rules) {
    for (const auto& [name, want] : rule.names) {
      if (std::ranges::find(order, name) == order.end()) order.push_back(name);
    }
  }
  std::vector<RegexId> listed;
  for (const std::string& name : order) {
    MOXIE_TRY(regexes_.check("schema"));
    const std::string written = ShapeMaker::written_name(name);
    const RegexId literal = regexes_.literal(written);
    listed.push_back(literal);
    const bool required = one.required.contains(name);
    const bool fits = !one.absent.contains(name) &&
                      std::ranges::all_of(allowed, [&](RegexId names) { return regexes_.accepts(names, written); });
    if (!fits) {
      if (required) return {};
      continue;
    }
    const GoalId goal = goal_of(&name, [&](RegexId names) { return regexes_.accepts(names, written); });
    shape.names.push_back({name, literal, goal, required});
  }
  const RegexId not_listed = regexes_.except(regexes_.alt(listed));
  for (std::size_t set = 0; set < std::size_t{1} << languages.size(); ++set) {
    MOXIE_TRY(regexes_.check("schema"));
    std::vector<RegexId> parts = allowed;
    parts.push_back(any_text());
    parts.push_back(not_listed);
    for (std::size_t i = 0; i < languages.size(); ++i) {
      parts.push_back((set >> i & 1U) != 0 ? languages[i] : regexes_.except(languages[i]));
    }
    const RegexId names = regexes_.both(parts);
    if (!regexes_.possible(names)) continue;
    const auto matches = [&](RegexId of) {
      const auto at = static_cast<std::size_t>(std::ranges::find(languages, of) - languages.begin());
      return (set >> at & 1U) != 0;
    };
    shape.others.push_back({names, goal_of(nullptr, matches)});
  }
  out_->objects.push_back(std::move(shape));
  return {};
}

}  // namespace moxie::constraint
