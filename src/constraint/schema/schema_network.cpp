// SPDX-License-Identifier: Apache-2.0
#include "constraint/schema/schema_network.hpp"

#include <algorithm>
#include <string>

#include <moxie/core/guard.hpp>
#include <moxie/core/text.hpp>

#include "constraint/engine/engine.hpp"

namespace moxie::inline abi1::constraint {

SchemaNetwork::SchemaNetwork(std::shared_ptr<const CompiledSchema> schema, const JsonTextOptions& options)
    : schema_(std::move(schema)), options_(options), shapes_(*schema_, regexes_) {
  regexes_.allow(options.max_steps);
  can_be_ = [this](GoalId goal, const std::vector<Want>& more) { return shapes_.possible(shapes_.with(goal, more)); };
  ByteSet blank;
  for (const char c : {' ', '\t', '\n', '\r'}) blank.add(static_cast<unsigned char>(c));
  blanks_ = regexes_.repeat(regexes_.bytes(blank), 0, static_cast<std::uint32_t>(options.max_blanks));
  start_ = goal_node(shapes_.goal({{.id = schema_->set.root()}}));
}

NodeId SchemaNetwork::node_of(Place place) {
  if (const auto known = index_.find(place); known != index_.end()) return known->second;
  const auto id = static_cast<NodeId>(places_.size());
  places_.push_back(place);
  nodes_.emplace_back();
  index_.emplace(std::move(place), id);
  return id;
}

Result<const NetworkNode*> SchemaNetwork::node(NodeId id) {
  if (nodes_[id] == nullptr) {
    auto made = std::make_unique<NetworkNode>();
    const Place& place = places_[id];
    made->rule = goal_node(place.goal);
    MOXIE_TRY(make(place, *made));
    nodes_[id] = std::move(made);
  }
  return nodes_[id].get();
}

Status SchemaNetwork::make(const Place& place, NetworkNode& node) {
  switch (place.kind) {
    case Kind::kGoal: return make_goal(place, node);
    case Kind::kEnd: node.final = true; return {};
    case Kind::kMember: return make_member(place, node);
    case Kind::kValue: {
      Place then = place;
      then.kind = Kind::kMember;
      then.value = 0;
      node.edges.push_back({.call = goal_node(place.value), .target = node_of(std::move(then))});
      return {};
    }
    case Kind::kElement: return make_element(place, node);
    case Kind::kSeparator: return make_separator(place, node);
  }
  return {};
}

Status SchemaNetwork::make_goal(const Place& place, NetworkNode& node) {
  MOXIE_TRY_LET(const Shapes* shapes, shapes_.shapes(place.goal));
  const NodeId end = node_of({.kind = Kind::kEnd, .goal = place.goal});
  if (regexes_.possible(shapes->scalars)) node.edges.push_back({.lexeme = shapes->scalars, .target = end});
  const auto open = [&](char bracket, Place then) {
    node.edges.push_back({.lexeme = regexes_.cat(regexes_.literal(std::string_view(&bracket, 1)), blanks_),
                          .target = node_of(std::move(then))});
  };
  for (std::uint32_t i = 0; i < shapes->arrays.size(); ++i) {
    ArrayPlaces& places = array_places(place.goal, i, shapes->arrays[i]);
    const ArrayPlace start = places.start();
    MOXIE_TRY_LET(const bool can, places.can_end(start));
    if (can) open('[', {.kind = Kind::kElement, .goal = place.goal, .shape = i, .first = true, .array = start});
  }
  for (std::uint32_t i = 0; i < shapes->objects.size(); ++i) {
    const ObjectPlaces places(shapes->objects[i], regexes_, can_be_, options_.any_order);
    const ObjectPlace start = places.start();
    MOXIE_TRY_LET(const bool can, places.can_end(start));
    if (can) open('{', {.kind = Kind::kMember, .goal = place.goal, .shape = i, .first = true, .object = start});
  }
  return {};
}

Status SchemaNetwork::make_member(const Place& place, NetworkNode& node) {
  MOXIE_TRY_LET(const Shapes* shapes, shapes_.shapes(place.goal));
  const ObjectShape& shape = shapes->objects[place.shape];
  const ObjectPlaces places(shape, regexes_, can_be_, options_.any_order);
  const RegexId quote = regexes_.literal("\"");
  const RegexId in_front =
      place.first ? RegexId{Regexes::kEmpty} : regexes_.cat(blanks_, regexes_.cat(regexes_.literal(","), blanks_));
  const RegexId behind = regexes_.cat(quote, regexes_.cat(blanks_, regexes_.cat(regexes_.literal(":"), blanks_)));
  MOXIE_TRY_LET(const std::vector<ObjectStep> steps, places.steps(place.object));
  for (const ObjectStep& step : steps) {
    const bool listed = step.name != SIZE_MAX;
    const RegexId name = listed ? shape.names[step.name].written : places.names(place.object, step.other);
    std::vector<Want> wants;
    for (const std::size_t claim : step.claims) wants.push_back(shape.claims[claim].value);
    Place then{.kind = Kind::kValue,
               .goal = place.goal,
               .shape = place.shape,
               .value = shapes_.with(listed ? shape.names[step.name].value : shape.others[step.other].value, wants),
               .uncertain = place.uncertain,
               .object = step.then};
    node.edges.push_back({.lexeme = regexes_.cat(in_front, regexes_.cat(quote, regexes_.cat(name, behind))),
                          .target = node_of(std::move(then)),
                          .captures = !listed,
                          .uncertain = place.uncertain && !listed});
  }
  if (places.complete(place.object)) {
    const RegexId before = place.first ? RegexId{Regexes::kEmpty} : blanks_;
    node.edges.push_back({.lexeme = regexes_.cat(before, regexes_.literal("}")),
                          .target = node_of({.kind = Kind::kEnd, .goal = place.goal})});
  }
  return {};
}

Result<NodeId> SchemaNetwork::captured(NodeId target, const std::string_view* text) {
  Place place = places_[target];
  if (text == nullptr) {
    place.uncertain = true;
    return node_of(std::move(place));
  }
  const std::size_t begin = text->find('"') + 1;
  const std::size_t end = text->rfind('"');
  place.object.unknown = SIZE_MAX;
  std::vector<std::string>& used = place.object.used;
  used.emplace_back(text->substr(begin, end - begin));
  std::ranges::sort(used);
  return node_of(std::move(place));
}

Status SchemaNetwork::make_element(const Place& place, NetworkNode& node) {
  MOXIE_TRY_LET(const Shapes* shapes, shapes_.shapes(place.goal));
  ArrayPlaces& places = array_places(place.goal, place.shape, shapes->arrays[place.shape]);
  MOXIE_TRY_LET(const std::vector<ArrayStep> steps, places.steps(place.array));
  for (const ArrayStep& step : steps) {
    Place then = place;
    then.kind = Kind::kSeparator;
    then.first = false;
    then.array = step.then;
    node.edges.push_back({.call = goal_node(shapes_.with(step.value, step.wants)), .target = node_of(std::move(then))});
  }
  if (place.first && places.complete(place.array)) {
    node.edges.push_back(
        {.lexeme = regexes_.literal("]"), .target = node_of({.kind = Kind::kEnd, .goal = place.goal})});
  }
  return {};
}

Status SchemaNetwork::make_separator(const Place& place, NetworkNode& node) {
  MOXIE_TRY_LET(const Shapes* shapes, shapes_.shapes(place.goal));
  ArrayPlaces& places = array_places(place.goal, place.shape, shapes->arrays[place.shape]);
  MOXIE_TRY_LET(const std::vector<ArrayStep> steps, places.steps(place.array));
  if (!steps.empty()) {
    Place then = place;
    then.kind = Kind::kElement;
    node.edges.push_back({.lexeme = regexes_.cat(blanks_, regexes_.cat(regexes_.literal(","), blanks_)),
                          .target = node_of(std::move(then))});
  }
  if (places.complete(place.array)) {
    node.edges.push_back({.lexeme = regexes_.cat(blanks_, regexes_.literal("]")),
                          .target = node_of({.kind = Kind::kEnd, .goal = place.goal})});
  }
  return {};
}

ArrayPlaces& SchemaNetwork::array_places(GoalId goal, std::uint32_t shape, const ArrayShape& of) {
  auto& places = arrays_[{goal, shape}];
  if (places == nullptr) places = std::make_unique<ArrayPlaces>(of, can_be_);
  return *places;
}

// Everything that can be reached is looked at once, so that nothing is refused in the middle of an answer. Names that
// no rule lists are not told apart here.
Status SchemaNetwork::check() {
  MOXIE_TRY_LET(const NetworkNode* first, node(start_));
  if (first->edges.empty()) {
    return Status(Code::kInvalidArgument, "schema", "a schema that some value fits", "one that nothing fits");
  }
  std::vector<GoalId> queue{shapes_.goal({{.id = schema_->set.root()}})};
  std::vector<bool> seen;
  while (!queue.empty()) {
    const GoalId goal = queue.back();
    queue.pop_back();
    if (goal < seen.size() && seen[goal]) continue;
    if (goal >= seen.size()) seen.resize(goal + std::size_t{1});
    seen[goal] = true;
    MOXIE_TRY_LET(const Shapes* shapes, shapes_.shapes(goal));
    MOXIE_TRY(node(goal_node(goal)).status());
    for (const ArrayShape& shape : shapes->arrays) {
      std::vector<GoalId> goals = shape.first;
      goals.push_back(shape.rest);
      for (const GoalId value : goals) {
        queue.push_back(value);
        for (const Claim& claim : shape.claims) {
          queue.push_back(shapes_.with(value, {claim.value}));
          Want other = claim.value;
          other.holds = false;
          if (claim.most != UINT64_MAX) queue.push_back(shapes_.with(value, {other}));
        }
      }
    }
    for (const ObjectShape& shape : shapes->objects) {
      std::vector<GoalId> goals;
      for (const auto& name : shape.names) goals.push_back(name.value);
      for (const auto& other : shape.others) goals.push_back(other.value);
      for (const GoalId value : goals) {
        queue.push_back(value);
        for (const Claim& claim : shape.claims) queue.push_back(shapes_.with(value, {claim.value}));
      }
    }
  }
  return {};
}

namespace {

class SchemaSource final : public GrammarSource {
 public:
  SchemaSource(std::shared_ptr<const CompiledSchema> schema, const JsonTextOptions& options)
      : schema_(std::move(schema)), options_(options) {}
  [[nodiscard]] Result<std::unique_ptr<Network>> network() const override {
    return std::unique_ptr<Network>(std::make_unique<SchemaNetwork>(schema_, options_));
  }

 private:
  std::shared_ptr<const CompiledSchema> schema_;
  JsonTextOptions options_;
};

}  // namespace
}  // namespace moxie::constraint

namespace moxie::inline abi1 {

Result<Grammar> Grammar::json_schema(const Schema& schema, const JsonTextOptions& options) noexcept {
  std::shared_ptr<const constraint::GrammarSource> source;
  const Status status = guarded("Grammar::json_schema", [&]() -> Status {
    const auto& compiled = constraint::CompiledSchema::of(schema);
    constraint::SchemaNetwork network(compiled, options);
    MOXIE_TRY(network.check());
    source = std::make_shared<const constraint::SchemaSource>(compiled, options);
    return {};
  });
  if (!status.ok()) return status;
  return constraint::Engine::grammar(std::move(source));
}

Result<Grammar> Grammar::json_schema(std::string_view schema, const JsonTextOptions& options) noexcept {
  MOXIE_TRY_LET(const Schema compiled, Schema::compile(schema));
  return json_schema(compiled, options);
}

}  // namespace moxie
