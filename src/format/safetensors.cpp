// SPDX-License-Identifier: Apache-2.0
#include "format/safetensors.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <utility>

#include <moxie/core/checked.hpp>
#include <moxie/core/text.hpp>

#include "format/json_events.hpp"

namespace moxie::inline abi1::format {
namespace {

constexpr std::string_view kTypes = "BOOL, U8, I8, F8_E5M2, F8_E4M3, U16, I16, F16, BF16, U32, I32, F32, U64, I64, F64";
// In later versions of the format: well-formed, but nothing that moxie can hold.
constexpr std::string_view kOtherTypes[] = {"F4", "F6_E2M3", "F6_E3M2", "F8_E8M0", "C64", "F8_E4M3FNUZ", "F8_E5M2FNUZ"};
// The shortest entry there can be: `"":{"dtype":"U8","shape":[],"data_offsets":[0,0]},`
constexpr std::uint64_t kShortestEntry = 50;
// Comments about the file. Files have a handful; the limit bounds the search for twins.
constexpr std::size_t kMaxMetadata = 1U << 14;
constexpr std::string_view kMetadataKey = "__metadata__";

std::optional<ElementType> element_type(std::string_view text) noexcept {
  for (int i = 0; i <= static_cast<int>(ElementType::kF64); ++i) {
    const auto type = static_cast<ElementType>(i);
    if (name(type) == text) return type;
  }
  return std::nullopt;
}

// Puts the header's events straight into the table: {name: {dtype, shape, data_offsets}}, and __metadata__.
class HeaderEvents final : public JsonEvents {
 public:
  HeaderEvents(SafetensorsTable& table, std::string_view file, std::uint64_t header_bytes) noexcept
      : table_(table), file_(file), header_bytes_(header_bytes) {}

  Status census(const JsonCensus& census) override {
    table_.entries.reserve(static_cast<std::size_t>(std::min(census.objects, header_bytes_ / kShortestEntry)));
    return {};
  }

  Status key(std::string_view key) override {
    switch (place_) {
      case Place::kTop:
        if (key == kMetadataKey) {
          if (has_metadata_) return Status(Code::kFormat, file_, "each name once", "'__metadata__' twice");
          has_metadata_ = true;
          place_ = Place::kMetadataValue;
          return {};
        }
        entry_ = {.name = table_.names.keep(key)};
        seen_ = 0;
        place_ = Place::kEntryValue;
        return {};
      case Place::kMetadata:
        if (metadata_.size() == kMaxMetadata) {
          return Status(Code::kFormat, file_, Text("at most ", kMaxMetadata, " keys in '__metadata__'"), "more");
        }
        metadata_.push_back(metadata_names_.keep(key));
        return {};
      case Place::kEntry: return field(key);
      default: return unexpected("a key");
    }
  }

  Status scalar(const JsonScalar& scalar) override {
    switch (place_) {
      case Place::kMetadata:
        if (scalar.kind == JsonKind::kString) return {};
        return Status(Code::kFormat, file_, Text("'__metadata__' to hold strings"), words(scalar));
      case Place::kDtype: return dtype(scalar);
      case Place::kShape: return dim(scalar);
      case Place::kOffsets: return offset(scalar);
      default: return unexpected(words(scalar));
    }
  }

  Status begin(JsonKind kind) override {
    const bool object = kind == JsonKind::kObject;
    switch (place_) {
      case Place::kStart:
        if (!object) return unexpected("an array");
        place_ = Place::kTop;
        return {};
      case Place::kMetadataValue:
        if (!object) return unexpected("an array");
        place_ = Place::kMetadata;
        return {};
      case Place::kEntryValue:
        if (!object) return unexpected("an array");
        place_ = Place::kEntry;
        return {};
      case Place::kShapeValue:
        if (object) return unexpected("an object");
        place_ = Place::kShape;
        return {};
      case Place::kOffsetsValue:
        if (object) return unexpected("an object");
        place_ = Place::kOffsets;
        return {};
      default: return unexpected(object ? "an object" : "an array");
    }
  }

  Status end(JsonKind /*kind*/) override {
    switch (place_) {
      case Place::kTop: place_ = Place::kDone; return {};
      case Place::kMetadata: place_ = Place::kTop; return refuse_twin_metadata();
      case Place::kShape: place_ = Place::kEntry; return {};
      case Place::kOffsets:
        place_ = Place::kEntry;
        if (n_offsets_ == 2) return {};
        return tensor_error(Code::kFormat, "2 data_offsets", Text(n_offsets_));
      case Place::kEntry: place_ = Place::kTop; return finish_entry();
      default: return unexpected("an end");
    }
  }

 private:
  // Where the next event belongs. A ...Value place is behind a key, before its value.
  enum class Place : std::uint8_t {
    kStart,
    kTop,
    kMetadataValue,
    kMetadata,
    kEntryValue,
    kEntry,
    kDtype,
    kShapeValue,
    kShape,
    kOffsetsValue,
    kOffsets,
    kDone,
  };
  enum Field : unsigned { kSeenDtype = 1, kSeenShape = 2, kSeenOffsets = 4 };

  Status tensor_error(Code code, std::string_view needed, std::string_view came) const {
    return Status(code, at_tensor(file_, entry_.name), needed, came);
  }

  static Text words(const JsonScalar& scalar) noexcept {
    switch (scalar.kind) {
      case JsonKind::kBool: return Text(scalar.boolean);
      case JsonKind::kUnsigned: return Text(scalar.whole);
      case JsonKind::kNegative: return Text(scalar.negative);
      case JsonKind::kReal: return Text(scalar.real);
      case JsonKind::kString: return Text('"', scalar.text.substr(0, 100), '"');
      default: return Text("null");
    }
  }

  Status unexpected(std::string_view came) const {
    switch (place_) {
      case Place::kStart: return Status(Code::kFormat, file_, "a header that is an object", came);
      case Place::kMetadataValue: return Status(Code::kFormat, file_, "'__metadata__' as an object of strings", came);
      case Place::kMetadata: return Status(Code::kFormat, file_, "'__metadata__' to hold strings", came);
      case Place::kEntryValue: return tensor_error(Code::kFormat, "an object with dtype, shape, data_offsets", came);
      case Place::kDtype: return tensor_error(Code::kFormat, "dtype as a string", came);
      case Place::kShapeValue: return tensor_error(Code::kFormat, "shape as an array", came);
      case Place::kShape: return tensor_error(Code::kFormat, "dimensions that are whole numbers", came);
      case Place::kOffsetsValue: return tensor_error(Code::kFormat, "data_offsets as an array", came);
      case Place::kOffsets: return tensor_error(Code::kFormat, "data_offsets that are whole numbers", came);
      default: return Status(Code::kInternal, file_, "JSON in its order", came);
    }
  }

  Status field(std::string_view key) {
    unsigned field = 0;
    if (key == "dtype") field = kSeenDtype, place_ = Place::kDtype;
    if (key == "shape") field = kSeenShape, place_ = Place::kShapeValue;
    if (key == "data_offsets") field = kSeenOffsets, place_ = Place::kOffsetsValue;
    if (field == 0) return tensor_error(Code::kFormat, "dtype, shape, data_offsets", Text("'", key, "'"));
    if ((seen_ & field) != 0) return tensor_error(Code::kFormat, Text(key, " once"), "it twice");
    seen_ |= field;
    return {};
  }

  Status dtype(const JsonScalar& scalar) {
    if (scalar.kind != JsonKind::kString) return unexpected(words(scalar));
    place_ = Place::kEntry;
    if (const auto type = element_type(scalar.text)) {
      entry_.type = *type;
      return {};
    }
    const bool known = std::find(std::begin(kOtherTypes), std::end(kOtherTypes), scalar.text) != std::end(kOtherTypes);
    return tensor_error(known ? Code::kUnsupported : Code::kFormat, Text("dtype as one of ", kTypes), words(scalar));
  }

  Status dim(const JsonScalar& scalar) {
    if (scalar.kind != JsonKind::kUnsigned) return unexpected(words(scalar));
    if (entry_.rank == Tensor::kMaxRank) {
      return tensor_error(Code::kUnsupported, Text("at most ", Tensor::kMaxRank, " dimensions"), "more");
    }
    entry_.dims[entry_.rank++] = scalar.whole;
    return {};
  }

  Status offset(const JsonScalar& scalar) {
    if (scalar.kind != JsonKind::kUnsigned) return unexpected(words(scalar));
    if (n_offsets_ == 2) return tensor_error(Code::kFormat, "2 data_offsets", "more");
    (n_offsets_ == 0 ? entry_.begin : entry_.end) = scalar.whole;
    ++n_offsets_;
    return {};
  }

  Status finish_entry() {
    n_offsets_ = 0;
    for (const auto& [field, key] :
         {std::pair(kSeenDtype, "dtype"), std::pair(kSeenShape, "shape"), std::pair(kSeenOffsets, "data_offsets")}) {
      if ((seen_ & field) == 0) return tensor_error(Code::kFormat, key, "none");
    }
    table_.entries.push_back(entry_);
    return {};
  }

  Status refuse_twin_metadata() {
    std::sort(metadata_.begin(), metadata_.end());
    const auto twin = std::adjacent_find(metadata_.begin(), metadata_.end());
    if (twin == metadata_.end()) return {};
    return Status(Code::kFormat, file_, "each key of '__metadata__' once", Text("'", *twin, "' twice"));
  }

  SafetensorsTable& table_;
  std::string_view file_;
  std::uint64_t header_bytes_;
  Place place_ = Place::kStart;
  TensorEntry entry_;
  unsigned seen_ = 0;
  unsigned n_offsets_ = 0;
  bool has_metadata_ = false;
  std::vector<std::string_view> metadata_;
  TextArena metadata_names_;
};

Status check_size(const TensorEntry& entry, std::uint64_t data_bytes, std::string_view file) {
  const auto fail = [&](std::string_view needed, std::string_view came) {
    return Status(Code::kFormat, at_tensor(file, entry.name), needed, came);
  };
  const auto bytes = tensor_bytes(entry.type, entry.shape());
  if (!bytes) return fail("a shape whose bytes fit in 64 bits", "a larger one");
  if (entry.begin > entry.end) {
    return fail("data_offsets in ascending order", Text("[", entry.begin, ", ", entry.end, "]"));
  }
  if (entry.end > data_bytes) {
    return fail(Text("data_offsets within the ", data_bytes, " bytes of data in the file"),
                Text("[", entry.begin, ", ", entry.end, "]"));
  }
  if (entry.end - entry.begin != *bytes) {
    return fail(Text(*bytes, " bytes for its shape and dtype"),
                Text(entry.end - entry.begin, ", data_offsets [", entry.begin, ", ", entry.end, "]"));
  }
  return {};
}

// The format wants the data covered without holes: bytes that belong to no tensor could be anything.
Status check_cover(std::vector<TensorEntry>& entries, std::uint64_t data_bytes, std::string_view file) {
  std::sort(entries.begin(), entries.end(), [](const TensorEntry& a, const TensorEntry& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
  });
  std::uint64_t covered = 0;
  const TensorEntry* before = nullptr;
  for (const TensorEntry& entry : entries) {
    if (entry.begin != covered) {
      const Text last(before == nullptr ? std::string_view("nothing") : before->name.substr(0, 100));
      return Status(Code::kFormat, at_tensor(file, entry.name), Text("its data to begin at ", covered),
                    entry.begin < covered ? Text(entry.begin, ", inside tensor '", last.view(), "'")
                                          : Text(entry.begin, ", with a hole before it"));
    }
    covered = entry.end;
    before = &entry;
  }
  if (covered == data_bytes) return {};
  return Status(Code::kFormat, file, Text("the tensors to cover all ", data_bytes, " bytes of data"),
                Text(covered, " bytes of tensors, with ", data_bytes - covered, " left over"));
}

Status check_names(std::vector<TensorEntry>& entries, std::string_view file) {
  std::sort(entries.begin(), entries.end(), [](const TensorEntry& a, const TensorEntry& b) { return a.name < b.name; });
  const auto twin = std::adjacent_find(entries.begin(), entries.end(),
                                       [](const TensorEntry& a, const TensorEntry& b) { return a.name == b.name; });
  if (twin == entries.end()) return {};
  return Status(Code::kFormat, at_tensor(file, twin->name), "each name once", "it twice");
}

}  // namespace

Result<std::uint64_t> safetensors_data_begin(const std::array<std::byte, kSafetensorsPrefix>& prefix,
                                             std::uint64_t file_bytes, std::string_view file) noexcept {
  std::uint64_t length = 0;
  for (std::size_t i = 0; i < prefix.size(); ++i) length |= std::to_integer<std::uint64_t>(prefix[i]) << (8 * i);
  if (length < 2) return Status(Code::kFormat, file, "a header of at least 2 bytes", Text("a length of ", length));
  if (length > kMaxSafetensorsHeader) {
    return Status(Code::kFormat, file, Text("a header of at most ", kMaxSafetensorsHeader, " bytes"),
                  Text("a length of ", length));
  }
  if (!checked::inside(kSafetensorsPrefix, length, file_bytes)) {
    return Status(Code::kFormat, file, Text("a header inside the file of ", file_bytes, " bytes"),
                  Text("a length of ", length));
  }
  return kSafetensorsPrefix + length;
}

Result<SafetensorsTable> parse_safetensors_header(std::string_view header, std::uint64_t data_bytes,
                                                  std::string_view file) {
  if (!header.starts_with('{')) return Status(Code::kFormat, file, "a header that begins with '{'", "another byte");
  // Writers pad with spaces to align the data; what is left is not more than the format allows.
  header = header.substr(0, header.find_last_not_of(' ') + 1);
  // Depth 3 is all that a good header has; a little more lets the events say which tensor is at fault. Values are not
  // kept one by one, so their number costs nothing.
  const JsonLimits limits{.max_bytes = kMaxSafetensorsHeader, .max_depth = 8, .max_values = kMaxSafetensorsHeader};
  SafetensorsTable table;
  HeaderEvents events(table, file, header.size());
  MOXIE_TRY(parse_json(header, limits, file, events));
  for (const TensorEntry& entry : table.entries) MOXIE_TRY(check_size(entry, data_bytes, file));
  MOXIE_TRY(check_cover(table.entries, data_bytes, file));
  MOXIE_TRY(check_names(table.entries, file));
  return table;
}

}  // namespace moxie::format
