// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <vector>

#include "constraint/schema/object_places.hpp"
#include "constraint/schema/shapes.hpp"

namespace moxie::inline abi1::constraint {

/// A place in an array: how many elements came, so far as it matters, and how many of each claim.
struct ArrayPlace {
  std::uint64_t count = 0;
  std::vector<std::uint64_t> met{};
  friend auto operator<=>(const ArrayPlace&, const ArrayPlace&) = default;
};

/// One element that may come next.
struct ArrayStep {
  GoalId value = 0;
  std::vector<Want> wants{};  ///< besides, by the claims
  ArrayPlace then{};
};

/// What may come in an array.
///
/// Threads  one at a time.
class ArrayPlaces {
 public:
  ArrayPlaces(const ArrayShape& shape, const CanBe& can_be) : shape_(shape), can_be_(can_be) {}

  [[nodiscard]] ArrayPlace start() const { return {.met = std::vector<std::uint64_t>(shape_.claims.size())}; }
  [[nodiscard]] bool complete(const ArrayPlace& place) const;
  Result<bool> can_end(const ArrayPlace& place);
  /// The elements behind which it can be brought to an end.
  Result<std::vector<ArrayStep>> steps(const ArrayPlace& place);

 private:
  Result<std::vector<ArrayStep>> all_steps(const ArrayPlace& place) const;

  const ArrayShape& shape_;
  const CanBe& can_be_;
  std::map<ArrayPlace, bool> known_;
};

}  // namespace moxie::constraint
