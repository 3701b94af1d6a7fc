// SPDX-License-Identifier: Apache-2.0
#include "format/shard_index.hpp"

#include <algorithm>
#include <functional>
#include <map>

#include <moxie/core/text.hpp>

#include "format/json_events.hpp"
#include "format/safetensors.hpp"

namespace moxie::inline abi1::format {
namespace {

// The shortest entry there can be: `"":"a.safetensors",`
constexpr std::uint64_t kShortestEntry = 19;
constexpr std::string_view kWeightMapKey = "weight_map";
constexpr std::string_view kMetadataKey = "metadata";

bool is_plain_name(std::string_view name) noexcept {
  constexpr std::string_view kEnding = ".safetensors";
  // 255: the longest name that a file system takes. A zero byte would end the name early for the system.
  return name.size() > kEnding.size() && name.size() <= 255 && name.ends_with(kEnding) && !name.starts_with('.') &&
         name.find_first_of(std::string_view("/\\\0", 3)) == std::string_view::npos;
}

class IndexEvents final : public JsonEvents {
 public:
  IndexEvents(ShardIndex& index, std::string_view file, std::uint64_t text_bytes) noexcept
      : index_(index), file_(file), text_bytes_(text_bytes) {}

  Status census(const JsonCensus& census) override {
    index_.entries.reserve(static_cast<std::size_t>(std::min(census.values / 2, text_bytes_ / kShortestEntry)));
    return {};
  }

  Status key(std::string_view key) override {
    if (place_ == Place::kMap) tensor_ = index_.names.keep(key);
    if (place_ != Place::kTop) return {};
    next_ = key == kWeightMapKey ? Next::kMap : key == kMetadataKey ? Next::kMetadata : Next::kOther;
    bool* seen = next_ == Next::kMap ? &has_map_ : next_ == Next::kMetadata ? &has_metadata_ : nullptr;
    if (seen == nullptr) return {};
    if (*seen) return Status(Code::kFormat, file_, Text("'", key, "' once"), "it twice");
    *seen = true;
    return {};
  }

  Status scalar(const JsonScalar& scalar) override {
    switch (place_) {
      case Place::kStart: return Status(Code::kFormat, file_, "an object", "a single value");
      case Place::kTop: return next_ == Next::kOther ? Status() : not_an_object("a single value");
      case Place::kMap: return entry(scalar);
      default: return {};
    }
  }

  Status begin(JsonKind kind) override {
    const bool object = kind == JsonKind::kObject;
    switch (place_) {
      case Place::kStart:
        if (!object) return Status(Code::kFormat, file_, "an object", "an array");
        place_ = Place::kTop;
        return {};
      case Place::kTop:
        if (next_ != Next::kOther && !object) return not_an_object("an array");
        place_ = next_ == Next::kMap ? Place::kMap : Place::kSkipped;
        depth_ = 1;
        return {};
      case Place::kMap: return not_a_name(object ? "an object" : "an array");
      case Place::kSkipped: ++depth_; return {};
    }
    return {};
  }

  Status end(JsonKind /*kind*/) override {
    if (place_ == Place::kMap || (place_ == Place::kSkipped && --depth_ == 0)) place_ = Place::kTop;
    return {};
  }

  [[nodiscard]] bool has_map() const noexcept { return has_map_; }

 private:
  enum class Place : std::uint8_t { kStart, kTop, kMap, kSkipped };
  enum class Next : std::uint8_t { kMap, kMetadata, kOther };

  Status not_an_object(std::string_view came) const {
    return Status(Code::kFormat, file_, Text(next_ == Next::kMap ? kWeightMapKey : kMetadataKey, " as an object"),
                  came);
  }
  Status not_a_name(std::string_view came) const {
    return Status(Code::kFormat, at_tensor(file_, tensor_),
                  "its shard as the plain name of a .safetensors file in the same folder", came);
  }

  Status entry(const JsonScalar& scalar) {
    if (scalar.kind != JsonKind::kString) return not_a_name("something else");
    if (!is_plain_name(scalar.text)) return not_a_name(Text("'", scalar.text.substr(0, 200), "'"));
    auto shard = shards_.find(scalar.text);
    if (shard == shards_.end()) {
      if (index_.shards.size() == kMaxShards) {
        return Status(Code::kFormat, file_, Text("at most ", kMaxShards, " shards"), "more");
      }
      shard = shards_.emplace(scalar.text, static_cast<std::uint32_t>(index_.shards.size())).first;
      index_.shards.emplace_back(scalar.text);
    }
    index_.entries.push_back({.tensor = tensor_, .shard = shard->second});
    return {};
  }

  ShardIndex& index_;
  std::string_view file_;
  std::uint64_t text_bytes_;
  Place place_ = Place::kStart;
  Next next_ = Next::kOther;
  std::uint64_t depth_ = 0;
  bool has_map_ = false;
  bool has_metadata_ = false;
  std::string_view tensor_;
  std::map<std::string, std::uint32_t, std::less<>> shards_;
};

bool before(const ShardIndex::Entry& a, const ShardIndex::Entry& b) noexcept { return a.tensor < b.tensor; }

}  // namespace

const ShardIndex::Entry* ShardIndex::find(std::string_view tensor) const noexcept {
  const auto found = std::lower_bound(entries.begin(), entries.end(), Entry{.tensor = tensor}, before);
  return found != entries.end() && found->tensor == tensor ? &*found : nullptr;
}

Result<ShardIndex> parse_shard_index(std::string_view text, std::string_view file) {
  const JsonLimits limits{.max_bytes = kMaxIndexBytes, .max_depth = 64, .max_values = kMaxIndexBytes};
  ShardIndex index;
  IndexEvents events(index, file, text.size());
  MOXIE_TRY(parse_json(text, limits, file, events));
  if (!events.has_map()) return Status(Code::kFormat, file, "weight_map", "none");
  if (index.entries.empty()) return Status(Code::kFormat, file, "weight_map to name tensors", "an empty one");
  std::sort(index.entries.begin(), index.entries.end(), before);
  const auto twin =
      std::adjacent_find(index.entries.begin(), index.entries.end(),
                         [](const ShardIndex::Entry& a, const ShardIndex::Entry& b) { return a.tensor == b.tensor; });
  if (twin != index.entries.end()) {
    return Status(Code::kFormat, at_tensor(file, twin->tensor), "each name once", "it twice");
  }
  return index;
}

}  // namespace moxie::format
