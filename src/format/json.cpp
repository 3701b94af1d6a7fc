// SPDX-License-Identifier: Apache-2.0
#include "format/json.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <limits>

#include <moxie/core/checked.hpp>

namespace moxie::inline abi1::format {

class JsonDocument::Builder final : public JsonEvents {
 public:
  Builder(JsonDocument& document, std::string_view where) noexcept : document_(document), where_(where) {}

  Status census(const JsonCensus& census) override {
    document_.nodes_.reserve(census.values);
    document_.text_.reserve(census.string_bytes);
    return {};
  }

  Status scalar(const JsonScalar& scalar) override {
    Node node{.kind = scalar.kind};
    switch (scalar.kind) {
      case JsonKind::kBool: node.payload = scalar.boolean ? 1 : 0; break;
      case JsonKind::kUnsigned: node.payload = scalar.whole; break;
      case JsonKind::kNegative: node.payload = static_cast<std::uint64_t>(scalar.negative); break;
      case JsonKind::kReal:
        if (!scalar.text.empty()) {
          count_element();
          add_text({.kind = JsonKind::kReal, .digits = true}, scalar.text);
          return {};
        }
        node.payload = std::bit_cast<std::uint64_t>(scalar.real);
        break;
      case JsonKind::kString: return string(scalar.text, true);
      default: break;
    }
    count_element();
    document_.nodes_.push_back(node);
    return {};
  }

  Status key(std::string_view key) override { return string(key, false); }

  Status begin(JsonKind kind) override {
    count_element();
    open_.push_back(index());
    document_.nodes_.push_back({.kind = kind});
    return {};
  }

  Status end(JsonKind kind) override {
    const std::uint32_t container = open_.back();
    open_.pop_back();
    document_.nodes_[container].extent = index() - container;
    return kind == JsonKind::kObject ? refuse_twin_keys(container) : Status();
  }

 private:
  // Limits on values keep this in range, see parse().
  [[nodiscard]] std::uint32_t index() const noexcept { return static_cast<std::uint32_t>(document_.nodes_.size()); }

  void count_element() noexcept {
    if (!open_.empty()) ++document_.nodes_[open_.back()].payload;
  }

  Status string(std::string_view text, bool is_value) {
    if (is_value) count_element();
    add_text({.kind = JsonKind::kString}, text);
    return {};
  }

  void add_text(Node node, std::string_view text) {
    node.payload = document_.text_.size();
    node.extent = static_cast<std::uint32_t>(text.size());
    document_.text_.insert(document_.text_.end(), text.begin(), text.end());
    document_.nodes_.push_back(node);
  }

  // Sorting keeps this n log n however the keys are chosen, which a hash table does not.
  Status refuse_twin_keys(std::uint32_t object) {
    keys_.clear();
    const std::uint32_t end = index();
    for (std::uint32_t key = object + 1; key < end; key = document_.after(key + 1)) keys_.push_back(key);
    const auto text = [this](std::uint32_t key) { return document_.text(document_.nodes_[key]); };
    std::sort(keys_.begin(), keys_.end(), [&](std::uint32_t a, std::uint32_t b) { return text(a) < text(b); });
    const auto twin = std::adjacent_find(keys_.begin(), keys_.end(),
                                         [&](std::uint32_t a, std::uint32_t b) { return text(a) == text(b); });
    if (twin == keys_.end()) return {};
    return Status(Code::kFormat, where_, "each key of an object once", Text("'", text(*twin), "' twice"));
  }

  JsonDocument& document_;
  std::string_view where_;
  std::vector<std::uint32_t> open_;
  std::vector<std::uint32_t> keys_;
};

Result<JsonDocument> JsonDocument::parse(std::string_view text, const JsonLimits& limits, std::string_view where) {
  // Nodes and string sizes are counted in 32 bits.
  constexpr std::uint64_t kMax = std::numeric_limits<std::uint32_t>::max() - 1;
  JsonLimits bounded = limits;
  bounded.max_values = std::min(bounded.max_values, kMax);
  bounded.max_token_bytes = std::min(bounded.max_token_bytes, kMax);
  JsonDocument document;
  Builder builder(document, where);
  MOXIE_TRY(parse_json(text, bounded, where, builder));
  return document;
}

JsonKind JsonValue::kind() const noexcept {
  return document_ == nullptr ? JsonKind::kNull : document_->nodes_[node_].kind;
}

std::optional<bool> JsonValue::as_bool() const noexcept {
  if (kind() != JsonKind::kBool) return std::nullopt;
  return document_->nodes_[node_].payload != 0;
}

std::optional<std::uint64_t> JsonValue::as_u64() const noexcept {
  if (kind() != JsonKind::kUnsigned) return std::nullopt;
  return document_->nodes_[node_].payload;
}

std::optional<std::int64_t> JsonValue::as_i64() const noexcept {
  if (kind() == JsonKind::kUnsigned) return checked::narrow<std::int64_t>(document_->nodes_[node_].payload);
  if (kind() == JsonKind::kNegative) return std::bit_cast<std::int64_t>(document_->nodes_[node_].payload);
  return std::nullopt;
}

std::optional<double> JsonValue::as_double() const noexcept {
  if (const auto digits = as_digits()) {
    double near = 0;  // the parser refused what no double is near
    std::from_chars(digits->data(), digits->data() + digits->size(), near);
    return near;
  }
  if (kind() == JsonKind::kReal) return std::bit_cast<double>(document_->nodes_[node_].payload);
  if (kind() == JsonKind::kUnsigned) return static_cast<double>(document_->nodes_[node_].payload);
  if (const auto whole = as_i64()) return static_cast<double>(*whole);
  return std::nullopt;
}

std::optional<std::string_view> JsonValue::as_digits() const noexcept {
  if (kind() != JsonKind::kReal || !document_->nodes_[node_].digits) return std::nullopt;
  return document_->text(document_->nodes_[node_]);
}

std::optional<std::string_view> JsonValue::as_string() const noexcept {
  if (kind() != JsonKind::kString) return std::nullopt;
  return document_->text(document_->nodes_[node_]);
}

JsonValue JsonValue::find(std::string_view key) const noexcept {
  if (!is_object()) return {};
  for (const Member& member : *this) {
    if (member.key == key) return member.value;
  }
  return {};
}

std::size_t JsonValue::size() const noexcept {
  if (!is_array() && !is_object()) return 0;
  // An object counts its values; a key is not one.
  return static_cast<std::size_t>(document_->nodes_[node_].payload);
}

JsonValue::Iterator JsonValue::begin() const noexcept {
  if (!is_array() && !is_object()) return {};
  return {document_, node_ + 1, is_object()};
}

JsonValue::Iterator JsonValue::end() const noexcept {
  if (!is_array() && !is_object()) return {};
  return {document_, document_->after(node_), is_object()};
}

JsonValue::Member JsonValue::Iterator::operator*() const noexcept {
  if (!keyed_) return {.key = {}, .value = JsonValue(document_, node_)};
  return {.key = document_->text(document_->nodes_[node_]), .value = JsonValue(document_, node_ + 1)};
}

JsonValue::Iterator& JsonValue::Iterator::operator++() noexcept {
  node_ = document_->after(keyed_ ? node_ + 1 : node_);
  return *this;
}

Text JsonValue::describe() const noexcept {
  if (document_ == nullptr) return Text("nothing");
  switch (kind()) {
    case JsonKind::kNull: return Text("null");
    case JsonKind::kBool: return Text(*as_bool());
    case JsonKind::kUnsigned: return Text(*as_u64());
    case JsonKind::kNegative: return Text(*as_i64());
    case JsonKind::kReal:
      if (const auto digits = as_digits()) return Text(digits->substr(0, 100));
      return Text(*as_double());
    case JsonKind::kString: return Text('"', as_string()->substr(0, 100), '"');
    case JsonKind::kArray: return Text("an array of ", size());
    case JsonKind::kObject: return Text("an object of ", size());
  }
  return Text("nothing");
}

}  // namespace moxie::format
