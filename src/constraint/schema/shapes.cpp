// SPDX-License-Identifier: Apache-2.0
#include "constraint/schema/shapes.hpp"

#include <algorithm>
#include <utility>

#include <moxie/core/text.hpp>

#include "constraint/regex/char_set.hpp"
#include "constraint/schema/array_places.hpp"
#include "constraint/schema/expansion.hpp"
#include "constraint/schema/object_places.hpp"

namespace moxie::inline abi1::constraint {

std::string ShapeMaker::written_name(std::string_view name) { return written(name, Writing::kJsonString); }

GoalId ShapeMaker::goal(Goal wants) {
  regexes_.spend(8 + 4 * wants.size());
  std::erase_if(wants, [&](const Want& want) {
    if (want.constant) return false;
    if (want.id == kNoSchema) return true;  // anything
    const auto form = set_[want.id].form;
    return form == (want.holds ? Schema2020::Form::kAlways : Schema2020::Form::kNever);
  });
  std::ranges::sort(wants);
  wants.erase(std::unique(wants.begin(), wants.end()), wants.end());
  const auto [known, fresh] = index_.emplace(wants, static_cast<GoalId>(goals_.size()));
  if (fresh) goals_.push_back({.wants = std::move(wants), .shapes = {}});
  return known->second;
}

GoalId ShapeMaker::with(GoalId id, const std::vector<Want>& more) {
  if (more.empty()) return id;
  Goal wants = goals_[id].wants;
  wants.insert(wants.end(), more.begin(), more.end());
  return goal(std::move(wants));
}

Result<const Shapes*> ShapeMaker::shapes(GoalId id) {
  if (goals_[id].shapes != nullptr) return goals_[id].shapes.get();
  if (goals_.size() > kMaxGoals) {
    return Status(Code::kBudget, "schema", Text("at most ", kMaxGoals, " kinds of values"), "more");
  }
  if (depth_ >= kMaxDepth) {
    return Status(Code::kBudget, "schema", Text("schemas at most ", kMaxDepth, " inside each other"), "more");
  }
  ++depth_;
  auto made = std::make_unique<Shapes>();
  const Status status = Expansion(*this, id).run(*made);
  --depth_;
  if (!status.ok()) return status;
  if (goals_[id].shapes == nullptr) goals_[id].shapes = std::move(made);
  return goals_[id].shapes.get();
}

Result<bool> ShapeMaker::possible(GoalId id) {
  std::uint32_t lowest = UINT32_MAX;
  return possible(id, lowest);
}

// The least fixed point: a goal that is asked for while it is being looked at counts as impossible there, since no
// finite value contains itself. What was found impossible that way may be possible elsewhere, so only what did not
// depend on an outer one is kept.
Result<bool> ShapeMaker::possible(GoalId id, std::uint32_t& lowest) {
  if (goals_[id].possible >= 0) return goals_[id].possible != 0;
  MOXIE_TRY(regexes_.check("schema"));
  if (goals_[id].open != 0) {
    lowest = std::min(lowest, goals_[id].open);
    return false;
  }
  MOXIE_TRY_LET(const Shapes* shapes, this->shapes(id));
  if (regexes_.possible(shapes->scalars)) {
    goals_[id].possible = 1;
    return true;
  }
  if (depth_ >= kMaxDepth) {
    return Status(Code::kBudget, "schema", Text("schemas at most ", kMaxDepth, " inside each other"), "more");
  }
  ++depth_;
  const std::uint32_t own = depth_;
  goals_[id].open = own;
  std::uint32_t touched = UINT32_MAX;
  const auto look = [&]() -> Result<bool> {
    for (const ArrayShape& shape : shapes->arrays) {
      MOXIE_TRY_LET(const bool has, has_array(shape, touched));
      if (has) return true;
    }
    for (const ObjectShape& shape : shapes->objects) {
      MOXIE_TRY_LET(const bool has, has_object(shape, touched));
      if (has) return true;
    }
    return false;
  };
  const Result<bool> found = look();
  goals_[id].open = 0;
  --depth_;
  if (!found.ok()) return found.status();
  if (*found) {
    goals_[id].possible = 1;
  } else if (touched >= own) {
    goals_[id].possible = 0;
  } else {
    lowest = std::min(lowest, touched);
  }
  return *found;
}

Result<bool> ShapeMaker::has_object(const ObjectShape& shape, std::uint32_t& lowest) {
  const CanBe can_be = [&](GoalId goal, const std::vector<Want>& more) { return possible(with(goal, more), lowest); };
  const ObjectPlaces places(shape, regexes_, can_be, true);
  return places.can_end(places.start());
}

Result<bool> ShapeMaker::has_array(const ArrayShape& shape, std::uint32_t& lowest) {
  const CanBe can_be = [&](GoalId goal, const std::vector<Want>& more) { return possible(with(goal, more), lowest); };
  ArrayPlaces places(shape, can_be);
  return places.can_end(places.start());
}

}  // namespace moxie::constraint
