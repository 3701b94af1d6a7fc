// SPDX-License-Identifier: Apache-2.0
#include "constraint/schema/json_tree.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <moxie/core/json_string.hpp>
#include <moxie/core/text.hpp>

#include "format/json_events.hpp"

namespace moxie::inline abi1::constraint {
namespace {

constexpr format::JsonLimits kLimits{
    .max_bytes = 8U << 20U, .max_depth = 64, .max_values = 1U << 19U, .max_token_bytes = 4U << 20U};

}  // namespace

class JsonTree::Builder final : public format::JsonEvents {
 public:
  Builder(JsonTree& tree, std::string_view where) : tree_(tree), where_(where) {}

  Status scalar(const format::JsonScalar& scalar) override {
    Node& node = add();
    switch (scalar.kind) {
      case format::JsonKind::kNull: node.kind = Kind::kNull; break;
      case format::JsonKind::kBool: node.kind = scalar.boolean ? Kind::kTrue : Kind::kFalse; break;
      case format::JsonKind::kUnsigned: put(node, Text(scalar.whole)); break;
      case format::JsonKind::kNegative: put(node, Text(scalar.negative)); break;
      case format::JsonKind::kReal: {
        std::array<char, 40> digits{};
        const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), scalar.real).ptr;
        put(node, scalar.text.empty() ? std::string_view(digits.data(), static_cast<std::size_t>(end - digits.data()))
                                      : scalar.text);
        break;
      }
      default:
        put(node, scalar.text);
        node.kind = Kind::kString;
        break;
    }
    node.end = static_cast<JsonId>(tree_.nodes_.size());
    return {};
  }
  Status key(std::string_view key) override {
    key_ = static_cast<std::uint32_t>(tree_.text_.size());
    key_size_ = static_cast<std::uint32_t>(key.size());
    tree_.text_ += key;
    return {};
  }
  Status begin(format::JsonKind kind) override {
    add().kind = kind == format::JsonKind::kArray ? Kind::kArray : Kind::kObject;
    open_.push_back(static_cast<JsonId>(tree_.nodes_.size() - 1));
    return {};
  }
  Status end(format::JsonKind) override {
    const JsonId id = open_.back();
    open_.pop_back();
    tree_.nodes_[id].end = static_cast<JsonId>(tree_.nodes_.size());
    if (tree_.nodes_[id].kind != Kind::kObject) return {};
    std::vector<std::string_view> keys;
    for (const JsonId child : tree_.children(id)) keys.push_back(tree_.key(child));
    std::ranges::sort(keys);
    const auto twice = std::ranges::adjacent_find(keys);
    if (twice == keys.end()) return {};
    return Status(Code::kFormat, where_, "each key once in an object", Text("\"", *twice, "\" twice"));
  }

 private:
  Node& add() {
    if (!open_.empty()) ++tree_.nodes_[open_.back()].count;
    Node& node = tree_.nodes_.emplace_back();
    node.key = key_;
    node.key_size = key_size_;
    key_size_ = 0;
    return node;
  }
  void put(Node& node, std::string_view text) {
    node.kind = Kind::kNumber;
    node.text = static_cast<std::uint32_t>(tree_.text_.size());
    node.size = static_cast<std::uint32_t>(text.size());
    tree_.text_ += text;
  }

  JsonTree& tree_;
  std::string_view where_;
  std::vector<JsonId> open_;
  std::uint32_t key_ = 0;
  std::uint32_t key_size_ = 0;
};

Result<JsonTree> JsonTree::parse(std::string_view text, std::string_view where) {
  JsonTree tree;
  Builder builder(tree, where);
  MOXIE_TRY(format::parse_json(text, kLimits, where, builder));
  return tree;
}

JsonId JsonTree::find(JsonId object, std::string_view key) const noexcept {
  if (!is(object, Kind::kObject)) return kNoJson;
  for (const JsonId child : children(object)) {
    if (this->key(child) == key) return child;
  }
  return kNoJson;
}

void JsonTree::write(JsonId id, std::string& out) const {
  const auto quote = [&](std::string_view text) {
    json::write_string(text, [&](std::string_view part) { out += part; });
  };
  switch (kind(id)) {
    case Kind::kNull: out += "null"; return;
    case Kind::kFalse: out += "false"; return;
    case Kind::kTrue: out += "true"; return;
    case Kind::kNumber: out += number(id).text(); return;
    case Kind::kString: quote(text(id)); return;
    default: break;
  }
  const bool array = kind(id) == Kind::kArray;
  out += array ? '[' : '{';
  bool first = true;
  for (const JsonId child : children(id)) {
    if (!first) out += ',';
    first = false;
    if (!array) {
      quote(key(child));
      out += ':';
    }
    write(child, out);
  }
  out += array ? ']' : '}';
}

bool equal(const JsonTree& a, JsonId x, const JsonTree& b, JsonId y) {
  using Kind = JsonTree::Kind;
  if (a.kind(x) != b.kind(y)) return false;
  switch (a.kind(x)) {
    case Kind::kNumber: return a.number(x) == b.number(y);
    case Kind::kString: return a.text(x) == b.text(y);
    case Kind::kArray: {
      if (a.size(x) != b.size(y)) return false;
      auto other = b.children(y).begin();
      for (const JsonId child : a.children(x)) {
        if (!equal(a, child, b, *other)) return false;
        ++other;
      }
      return true;
    }
    case Kind::kObject:
      if (a.size(x) != b.size(y)) return false;
      for (const JsonId child : a.children(x)) {
        const JsonId other = b.find(y, a.key(child));
        if (other == kNoJson || !equal(a, child, b, other)) return false;
      }
      return true;
    default: return true;
  }
}

std::string describe(const JsonTree& tree, JsonId id) {
  using Kind = JsonTree::Kind;
  switch (tree.kind(id)) {
    case Kind::kArray: return std::string(Text("a list of ", tree.size(id)).view());
    case Kind::kObject: return std::string(Text("an object of ", tree.size(id)).view());
    default: {
      std::string text;
      tree.write(id, text);
      if (text.size() > 60) text = text.substr(0, 57) + "...";
      return text;
    }
  }
}

}  // namespace moxie::constraint
