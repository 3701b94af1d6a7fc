// SPDX-License-Identifier: Apache-2.0
#include "constraint/schema/array_places.hpp"

#include <algorithm>
#include <deque>

#include <moxie/core/text.hpp>

namespace moxie::inline abi1::constraint {
namespace {

constexpr std::size_t kMaxPlaces = 100000;

}  // namespace

bool ArrayPlaces::complete(const ArrayPlace& place) const {
  if (place.count < shape_.least) return false;
  for (std::size_t i = 0; i < shape_.claims.size(); ++i) {
    if (place.met[i] < shape_.claims[i].least) return false;
  }
  return true;
}

Result<std::vector<ArrayStep>> ArrayPlaces::all_steps(const ArrayPlace& place) const {
  std::vector<ArrayStep> steps;
  if (shape_.most != UINT64_MAX && place.count >= shape_.most) return steps;
  // Beyond this many, all numbers of elements are alike.
  const std::uint64_t bound =
      shape_.most != UINT64_MAX ? shape_.most : std::max<std::uint64_t>(shape_.least, shape_.first.size());
  const GoalId goal = place.count < shape_.first.size() ? shape_.first[place.count] : shape_.rest;
  std::vector<std::size_t> open;  // claims that look at this element, and care
  for (std::size_t i = 0; i < shape_.claims.size(); ++i) {
    const Claim& claim = shape_.claims[i];
    if (place.count >= claim.from && (claim.most != UINT64_MAX || place.met[i] < claim.least)) open.push_back(i);
  }
  for (std::size_t set = 0; set < std::size_t{1} << open.size(); ++set) {
    ArrayStep step{.value = goal, .wants = {}, .then = place};
    step.then.count = std::min(place.count + 1, bound);
    bool fits = true;
    for (std::size_t i = 0; i < open.size(); ++i) {
      const Claim& claim = shape_.claims[open[i]];
      const bool meets = (set >> i & 1U) != 0;
      Want want = claim.value;
      if (meets) {
        step.then.met[open[i]] += 1;
        fits = fits && step.then.met[open[i]] <= claim.most;
        step.wants.push_back(want);
      } else if (claim.most != UINT64_MAX) {
        want.holds = !want.holds;  // those that are counted have to be known
        step.wants.push_back(want);
      }
    }
    if (!fits) continue;
    MOXIE_TRY_LET(const bool can, can_be_(goal, step.wants));
    if (can) steps.push_back(std::move(step));
  }
  return steps;
}

Result<bool> ArrayPlaces::can_end(const ArrayPlace& start) {
  if (complete(start)) return true;
  if (const auto known = known_.find(start); known != known_.end()) return known->second;
  // Depth first, since nearly every way leads to an end.
  std::map<ArrayPlace, ArrayPlace> from{{start, start}};
  std::vector<ArrayPlace> stack{start};
  while (!stack.empty()) {
    const ArrayPlace at = std::move(stack.back());
    stack.pop_back();
    // Each place asks for goals, which count their work.
    MOXIE_TRY_LET(const std::vector<ArrayStep> steps, all_steps(at));
    for (const ArrayStep& step : steps) {
      const auto known = known_.find(step.then);
      if (complete(step.then) || (known != known_.end() && known->second)) {
        for (ArrayPlace back = at;; back = from[back]) {
          known_[back] = true;
          if (back == start) return true;
        }
      }
      if (known == known_.end() && from.emplace(step.then, at).second) stack.push_back(step.then);
    }
    if (from.size() > kMaxPlaces) {
      return Status(Code::kBudget, "array", Text("a length that is known after ", kMaxPlaces, " places"), "more");
    }
  }
  for (const auto& [place, before] : from) known_[place] = false;
  return false;
}

Result<std::vector<ArrayStep>> ArrayPlaces::steps(const ArrayPlace& place) {
  MOXIE_TRY_LET(const std::vector<ArrayStep> all, all_steps(place));
  std::vector<ArrayStep> steps;
  for (const ArrayStep& step : all) {
    MOXIE_TRY_LET(const bool ends, can_end(step.then));
    if (ends) steps.push_back(step);
  }
  return steps;
}

}  // namespace moxie::constraint
