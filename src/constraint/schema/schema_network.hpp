// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <moxie/constraint/grammar.hpp>

#include "constraint/engine/network.hpp"
#include "constraint/schema/array_places.hpp"
#include "constraint/schema/object_places.hpp"
#include "constraint/schema/shapes.hpp"

namespace moxie::inline abi1::constraint {

/// The JSON texts of the values that a schema allows. A rule is a goal; its nodes are places in the arrays and objects
/// of the goal's shapes, made when they are reached.
class SchemaNetwork final : public Network {
 public:
  SchemaNetwork(std::shared_ptr<const CompiledSchema> schema, const JsonTextOptions& options);

  [[nodiscard]] NodeId start() const override { return start_; }
  Result<const NetworkNode*> node(NodeId id) override;
  bool nullable(NodeId) override { return false; }
  Result<NodeId> captured(NodeId target, const std::string_view* text) override;
  Regexes& regexes() override { return regexes_; }

  /// Refuses what cannot be compiled, in all that the schema reaches, and a schema without any value.
  Status check();

 private:
  enum class Kind : std::uint8_t { kGoal, kEnd, kMember, kValue, kElement, kSeparator };
  struct Place {
    Kind kind = Kind::kGoal;
    GoalId goal = 0;
    std::uint32_t shape = 0;  // of the goal's arrays or objects
    GoalId value = 0;         // kValue: what comes
    bool first = false;       // kMember, kElement: nothing came yet
    bool uncertain = false;   // a name came that nobody knows
    ObjectPlace object{};     // kMember, kValue
    ArrayPlace array{};       // kElement, kSeparator
    friend auto operator<=>(const Place&, const Place&) = default;
  };

  NodeId node_of(Place place);
  NodeId goal_node(GoalId goal) { return node_of({.kind = Kind::kGoal, .goal = goal}); }
  Status make(const Place& place, NetworkNode& node);
  Status make_goal(const Place& place, NetworkNode& node);
  Status make_member(const Place& place, NetworkNode& node);
  Status make_element(const Place& place, NetworkNode& node);
  Status make_separator(const Place& place, NetworkNode& node);
  ArrayPlaces& array_places(GoalId goal, std::uint32_t shape, const ArrayShape& of);

  Regexes regexes_;
  std::shared_ptr<const CompiledSchema> schema_;
  JsonTextOptions options_;
  ShapeMaker shapes_;
  CanBe can_be_;
  RegexId blanks_ = Regexes::kEmpty;
  NodeId start_ = 0;
  std::deque<Place> places_;
  std::map<Place, NodeId> index_;
  std::vector<std::unique_ptr<NetworkNode>> nodes_;
  std::map<std::pair<GoalId, std::uint32_t>, std::unique_ptr<ArrayPlaces>> arrays_;
};

}  // namespace moxie::constraint
