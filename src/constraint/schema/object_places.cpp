// SPDX-License-Identifier: Apache-2.0
#include "constraint/schema/object_places.hpp"

#include <algorithm>
#include <map>

namespace moxie::inline abi1::constraint {

bool ObjectPlaces::may_come(const ObjectPlace& place, std::size_t name) const {
  if (place.came[name]) return false;
  if (any_order_) return true;
  if (name < place.next) return false;
  for (std::size_t i = place.next; i < name; ++i) {
    if (shape_.names[i].required && !place.came[i]) return false;
  }
  return true;
}

// In order, names that no rule lists come last.
bool ObjectPlaces::others_may_come(const ObjectPlace& place) const {
  if (any_order_) return true;
  for (std::size_t i = place.next; i < shape_.names.size(); ++i) {
    if (shape_.names[i].required && !place.came[i]) return false;
  }
  return true;
}

bool ObjectPlaces::claims_name(const Claim& claim, std::size_t name) const {
  return regexes_.accepts(claim.names, ShapeMaker::written_name(shape_.names[name].name));
}

bool ObjectPlaces::claims_other(const Claim& claim, std::size_t other) const {
  // Classes are cut by the claims' languages, so it is all of a class or none.
  return regexes_.possible(regexes_.both(shape_.others[other].names, claim.names));
}

bool ObjectPlaces::complete(const ObjectPlace& place) const {
  for (std::size_t i = 0; i < shape_.names.size(); ++i) {
    if (shape_.names[i].required && !place.came[i]) return false;
  }
  return place.count >= shape_.least && place.met == (1U << shape_.claims.size()) - 1;
}

RegexId ObjectPlaces::names(const ObjectPlace& place, std::size_t other) const {
  if (place.used.empty()) return shape_.others[other].names;
  const std::vector<std::string_view> used(place.used.begin(), place.used.end());
  return regexes_.both(shape_.others[other].names, regexes_.except(regexes_.any_of(used)));
}

// Required names come; then as many others as are wanted. Claims are met by one of them each, or several by one.
Result<bool> ObjectPlaces::can_end(const ObjectPlace& place) const {
  MOXIE_TRY(regexes_.check("object"));
  regexes_.spend(8 + shape_.names.size() + shape_.others.size());
  std::vector<std::size_t> open;
  for (std::size_t i = 0; i < shape_.claims.size(); ++i) {
    if ((place.met >> i & 1U) == 0) open.push_back(i);
  }
  std::vector<std::size_t> left;  // names that may still come
  std::uint64_t required = 0;
  for (std::size_t i = 0; i < shape_.names.size(); ++i) {
    if (place.came[i]) continue;
    if (!any_order_ && i < place.next) {
      if (shape_.names[i].required) return false;
      continue;
    }
    MOXIE_TRY_LET(const bool can, can_be_(shape_.names[i].value, {}));
    if (can) {
      left.push_back(i);
      if (shape_.names[i].required) ++required;
    } else if (shape_.names[i].required) {
      return false;
    }
  }
  // Members that claims need: of each what they want of it. Negative numbers are members without a listed name.
  std::map<std::int64_t, std::vector<Want>> members;
  std::map<std::int64_t, std::size_t> class_of;
  const auto fits = [&]() -> Result<bool> {
    MOXIE_TRY(regexes_.check("object"));
    regexes_.spend(8 + left.size() + shape_.others.size());
    std::uint64_t more = 0;
    for (const auto& [member, wants] : members) {
      const GoalId goal =
          member >= 0 ? shape_.names[static_cast<std::size_t>(member)].value : shape_.others[class_of[member]].value;
      MOXIE_TRY_LET(const bool can, can_be_(goal, wants));
      if (!can) return false;
      if (member < 0 || !shape_.names[static_cast<std::size_t>(member)].required) ++more;
    }
    std::uint64_t total = place.count + required + more;
    if (total > shape_.most) return false;
    std::vector<std::size_t> in_class(shape_.others.size(), 0);
    for (const auto& [member, which] : class_of) {
      if (members.contains(member)) ++in_class[which];
    }
    const std::uint64_t wanted = shape_.least > total ? shape_.least - total : 0;
    std::uint64_t room = 0;  // optional names, and names of classes
    for (const std::size_t name : left) {
      if (!shape_.names[name].required && !members.contains(static_cast<std::int64_t>(name))) ++room;
    }
    for (std::size_t other = 0; other < shape_.others.size(); ++other) {
      if (room >= wanted && in_class[other] == 0) continue;
      MOXIE_TRY_LET(const bool can, can_be_(shape_.others[other].value, {}));
      if (!can && in_class[other] == 0) continue;
      const std::uint64_t most = wanted + in_class[other] + (place.unknown == other ? 1 : 0);
      std::uint64_t names =
          regexes_.count(this->names(place, other), static_cast<std::size_t>(std::min<std::uint64_t>(most, 4096)));
      if (place.unknown == other && names > 0 && names < most) --names;
      if (names < in_class[other]) return false;
      if (can) room += names - in_class[other];
    }
    return room >= wanted;
  };
  const std::function<Result<bool>(std::size_t)> assign = [&](std::size_t at) -> Result<bool> {
    if (at == open.size()) return fits();
    const Claim& claim = shape_.claims[open[at]];
    for (const std::size_t name : left) {
      if (!claims_name(claim, name)) continue;
      const auto member = static_cast<std::int64_t>(name);
      const bool fresh = !members.contains(member);
      members[member].push_back(claim.value);
      MOXIE_TRY_LET(const bool can, assign(at + 1));
      if (can) return true;
      members[member].pop_back();
      if (fresh) members.erase(member);
    }
    for (std::size_t other = 0; other < shape_.others.size(); ++other) {
      if (!claims_other(claim, other)) continue;
      for (std::int64_t member = -1; member >= -static_cast<std::int64_t>(at) - 1; --member) {
        const bool fresh = !members.contains(member);
        if (!fresh && class_of[member] != other) continue;
        class_of[member] = other;
        members[member].push_back(claim.value);
        MOXIE_TRY_LET(const bool can, assign(at + 1));
        if (can) return true;
        members[member].pop_back();
        if (fresh) members.erase(member), class_of.erase(member);
        if (fresh) break;
      }
    }
    return false;
  };
  return assign(0);
}

Result<std::vector<ObjectStep>> ObjectPlaces::steps(const ObjectPlace& place) const {
  std::vector<ObjectStep> steps;
  const std::uint64_t bound = shape_.most != UINT64_MAX ? shape_.most : shape_.least;
  const auto add = [&](ObjectStep step, GoalId goal, const std::vector<std::size_t>& open) -> Status {
    step.then.count = shape_.most != UINT64_MAX ? place.count + 1 : std::min(place.count + 1, bound);
    if (shape_.most != UINT64_MAX && step.then.count > shape_.most) return {};
    // Which of the claims that it could meet it meets.
    for (std::size_t set = 0; set < std::size_t{1} << open.size(); ++set) {
      ObjectStep one = step;
      std::vector<Want> wants;
      for (std::size_t i = 0; i < open.size(); ++i) {
        if ((set >> i & 1U) == 0) continue;
        one.claims.push_back(open[i]);
        one.then.met |= 1U << open[i];
        wants.push_back(shape_.claims[open[i]].value);
      }
      MOXIE_TRY_LET(const bool value, can_be_(goal, wants));
      if (!value) continue;
      MOXIE_TRY_LET(const bool ends, can_end(one.then));
      if (ends) steps.push_back(std::move(one));
    }
    return {};
  };
  for (std::size_t name = 0; name < shape_.names.size(); ++name) {
    if (!may_come(place, name)) continue;
    std::vector<std::size_t> open;
    for (std::size_t i = 0; i < shape_.claims.size(); ++i) {
      if ((place.met >> i & 1U) == 0 && claims_name(shape_.claims[i], name)) open.push_back(i);
    }
    ObjectStep step{.name = name, .then = place};
    step.then.came[name] = true;
    step.then.next = static_cast<std::uint32_t>(name + 1);
    MOXIE_TRY(add(std::move(step), shape_.names[name].value, open));
  }
  if (!others_may_come(place)) return steps;
  for (std::size_t other = 0; other < shape_.others.size(); ++other) {
    if (!regexes_.possible(names(place, other))) continue;
    std::vector<std::size_t> open;
    for (std::size_t i = 0; i < shape_.claims.size(); ++i) {
      if ((place.met >> i & 1U) == 0 && claims_other(shape_.claims[i], other)) open.push_back(i);
    }
    ObjectStep step{.other = other, .then = place};
    if (!any_order_) step.then.next = static_cast<std::uint32_t>(shape_.names.size());
    // Which name it is nobody knows yet: for counting what is left, it is one that is gone.
    step.then.unknown = other;
    MOXIE_TRY(add(std::move(step), shape_.others[other].value, open));
  }
  return steps;
}

}  // namespace moxie::constraint
