// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "constraint/schema/shapes.hpp"

namespace moxie::inline abi1::constraint {

/// Whether a goal, with what claims want besides, allows any value.
using CanBe = std::function<Result<bool>(GoalId, const std::vector<Want>&)>;

/// A place in an object: what came, so far as it matters for what may come.
struct ObjectPlace {
  std::vector<bool> came;           ///< of the shape's names
  std::uint32_t next = 0;           ///< where names come in order: the first that may come
  std::uint64_t count = 0;          ///< members; no more than matter
  std::uint32_t met = 0;            ///< a bit for each claim
  std::vector<std::string> used{};  ///< names that no rule lists, sorted, as written
  std::size_t unknown = SIZE_MAX;   ///< the class of one more that came, and nobody knows which
  friend auto operator<=>(const ObjectPlace&, const ObjectPlace&) = default;
};

/// One member that may come next.
struct ObjectStep {
  std::size_t name = SIZE_MAX;  ///< of the shape's names; SIZE_MAX: one of `other`
  std::size_t other = SIZE_MAX;
  std::vector<std::size_t> claims{};  ///< those that it meets
  ObjectPlace then{};                 ///< without the name that comes, where no rule lists it
};

/// What may come in an object.
///
/// Threads  one at a time.
class ObjectPlaces {
 public:
  ObjectPlaces(const ObjectShape& shape, Regexes& regexes, const CanBe& can_be, bool any_order)
      : shape_(shape), regexes_(regexes), can_be_(can_be), any_order_(any_order) {}

  [[nodiscard]] ObjectPlace start() const { return {.came = std::vector<bool>(shape_.names.size())}; }
  /// Whether the object may end here.
  [[nodiscard]] bool complete(const ObjectPlace& place) const;
  /// Whether it can be brought to an end.
  Result<bool> can_end(const ObjectPlace& place) const;
  /// The members behind which it still can.
  Result<std::vector<ObjectStep>> steps(const ObjectPlace& place) const;
  /// The names of a class that have not come yet.
  [[nodiscard]] RegexId names(const ObjectPlace& place, std::size_t other) const;

 private:
  [[nodiscard]] bool may_come(const ObjectPlace& place, std::size_t name) const;
  [[nodiscard]] bool others_may_come(const ObjectPlace& place) const;
  [[nodiscard]] bool claims_name(const Claim& claim, std::size_t name) const;
  [[nodiscard]] bool claims_other(const Claim& claim, std::size_t other) const;

  const ObjectShape& shape_;
  Regexes& regexes_;
  const CanBe& can_be_;
  bool any_order_;
};

}  // namespace moxie::constraint
