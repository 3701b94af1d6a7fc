// SPDX-License-Identifier: Apache-2.0
#include "format/gguf.hpp"

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>

#include <moxie/core/checked.hpp>
#include <moxie/core/text.hpp>

#include "format/gguf_cursor.hpp"
#include "format/gguf_types.hpp"
#include "format/metadata_builder.hpp"

namespace moxie::inline abi1::format {
namespace {

constexpr std::string_view kMagic = "GGUF";
constexpr std::uint32_t kOldestVersion = 2;
constexpr std::uint32_t kNewestVersion = 3;
constexpr std::string_view kAlignmentKey = "general.alignment";
constexpr std::uint64_t kDefaultAlignment = 32;
// A length, one byte, a type and a value; a length, one byte, no dimensions, a type and an offset.
constexpr std::uint64_t kShortestEntry = 8 + 1 + 4 + 1;
constexpr std::uint64_t kShortestTensor = 8 + 1 + 4 + 4 + 8;

std::string at_key(std::string_view file, std::string_view key) {
  constexpr std::size_t kMaxShown = 200;
  std::string text(file);
  text += ": key '";
  text += key.substr(0, kMaxShown);
  text += key.size() > kMaxShown ? "...'" : "'";
  return text;
}

class Parser {
 public:
  Parser(GgufCursor& cursor, std::uint64_t file_bytes, std::string_view file, GgufHeader& header) noexcept
      : cursor_(cursor), file_bytes_(file_bytes), file_(file), header_(header) {}

  Status parse() {
    MOXIE_TRY(preamble());
    for (std::uint64_t i = 0; i < n_keys_; ++i) MOXIE_TRY(entry());
    MOXIE_TRY(index_keys());
    MOXIE_TRY(read_alignment());
    for (std::uint64_t i = 0; i < n_tensors_; ++i) MOXIE_TRY(tensor());
    MOXIE_TRY(place_data());
    MOXIE_TRY(check_cover());
    return check_names();
  }

 private:
  Status preamble() {
    MOXIE_TRY_LET(const std::byte* magic, cursor_.take(kMagic.size(), file_));
    if (std::string_view(reinterpret_cast<const char*>(magic), kMagic.size()) != kMagic) {
      return Status(Code::kFormat, file_, "a file that begins with 'GGUF'", "another beginning");
    }
    MOXIE_TRY_LET(const auto version, cursor_.number<std::uint32_t>(file_));
    if (version < kOldestVersion || version > kNewestVersion) {
      // Byte order shows in the version alone: nobody has written 65,536 of them.
      const bool swapped = version != 0 && (version & 0xffff) == 0;
      return Status(Code::kUnsupported, file_,
                    Text("GGUF version ", kOldestVersion, " or ", kNewestVersion, ", little-endian"),
                    swapped ? Text("a big-endian file") : Text("version ", version));
    }
    MOXIE_TRY_LET(n_tensors_, count("tensors", kMaxGgufTensors, kShortestTensor));
    MOXIE_TRY_LET(n_keys_, count("keys", kMaxGgufKeys, kShortestEntry));
    header_.metadata.reserve(static_cast<std::size_t>(n_keys_));
    header_.tensors.reserve(static_cast<std::size_t>(n_tensors_));
    return {};
  }

  // A count that the file could hold: it decides how much memory is reserved.
  Result<std::uint64_t> count(std::string_view what, std::uint64_t most, std::uint64_t shortest) {
    MOXIE_TRY_LET(const auto number, cursor_.number<std::uint64_t>(file_));
    const std::uint64_t room = std::min(most, file_bytes_ / shortest);
    if (number <= room) return number;
    return Status(Code::kFormat, file_, Text("at most ", room, ' ', what), Text(number));
  }

  Status entry() {
    MOXIE_TRY_LET(const std::string_view key, cursor_.text(file_));
    const std::string where = at_key(file_, key);
    if (key.empty()) return Status(Code::kFormat, where, "a key of at least one byte", "an empty one");
    MOXIE_TRY_LET(const MetadataType type, value_type(where));
    MOXIE_TRY_LET(const MetadataValue value, this->value(type, where));
    header_.metadata.push_back({.key = key, .value = value});
    return {};
  }

  Result<MetadataType> value_type(std::string_view where) {
    MOXIE_TRY_LET(const auto number, cursor_.number<std::uint32_t>(where));
    if (number <= static_cast<std::uint32_t>(MetadataType::kF64)) return static_cast<MetadataType>(number);
    return Status(Code::kFormat, where, "a value of type 0 to 12", Text(number));
  }

  Result<MetadataValue> value(MetadataType type, std::string_view where) {
    switch (type) {
      case MetadataType::kString: {
        MOXIE_TRY_LET(const std::string_view text, cursor_.text(where));
        return MetadataBuilder::string(reinterpret_cast<const std::byte*>(text.data()), text.size());
      }
      case MetadataType::kArray: return array(where);
      default: {
        MOXIE_TRY_LET(const std::byte* data, cursor_.take(width_of(type), where));
        if (type == MetadataType::kBool) MOXIE_TRY(check_bools(data, 1, where));
        return MetadataBuilder::scalar(type, data);
      }
    }
  }

  Result<MetadataValue> array(std::string_view where) {
    MOXIE_TRY_LET(const MetadataType element, value_type(where));
    MOXIE_TRY_LET(const auto count, cursor_.number<std::uint64_t>(where));
    if (element == MetadataType::kArray) {
      return Status(Code::kUnsupported, where, "an array of plain values or strings", "an array of arrays");
    }
    // Of strings, at least their lengths.
    const std::uint64_t width = element == MetadataType::kString ? 8 : width_of(element);
    const auto bytes = checked::multiply(count, width);
    if (!bytes) return Status(Code::kFormat, where, "an array whose bytes fit in 64 bits", Text(count, " elements"));
    MOXIE_TRY(cursor_.require(*bytes, where));
    if (element == MetadataType::kString) return strings(count, where);
    MOXIE_TRY_LET(const std::byte* data, cursor_.take(*bytes, where));
    if (element == MetadataType::kBool) MOXIE_TRY(check_bools(data, count, where));
    return MetadataBuilder::array(element, data, count, nullptr);
  }

  Result<MetadataValue> strings(std::uint64_t count, std::string_view where) {
    MOXIE_TRY_LET(const std::byte* data, cursor_.take(0, where));
    const auto n_offsets = checked::add(count, std::uint64_t{1});
    if (!n_offsets) return Status(Code::kFormat, where, "an array whose bytes fit in 64 bits", Text(count, " strings"));
    auto offsets = std::make_unique_for_overwrite<std::uint32_t[]>(static_cast<std::size_t>(*n_offsets));
    const std::uint64_t begin = cursor_.at();
    for (std::uint64_t i = 0; i < count; ++i) {
      // A header of kMaxGgufHeader fits in 32 bits.
      offsets[static_cast<std::size_t>(i)] = static_cast<std::uint32_t>(cursor_.at() - begin);
      MOXIE_TRY(cursor_.text(where).status());
    }
    offsets[static_cast<std::size_t>(count)] = static_cast<std::uint32_t>(cursor_.at() - begin);
    header_.offsets.push_back(std::move(offsets));
    return MetadataBuilder::array(MetadataType::kString, data, count, header_.offsets.back().get());
  }

  static Status check_bools(const std::byte* data, std::uint64_t count, std::string_view where) {
    const auto wrong = std::find_if(data, data + count, [](std::byte byte) { return byte > std::byte{1}; });
    if (wrong == data + count) return {};
    return Status(Code::kFormat, where, "a bool of 0 or 1", Text(std::to_integer<unsigned>(*wrong)));
  }

  Status index_keys() {
    std::vector<MetadataEntry>& entries = header_.metadata;
    header_.by_key.resize(entries.size());
    std::iota(header_.by_key.begin(), header_.by_key.end(), 0U);
    std::sort(header_.by_key.begin(), header_.by_key.end(),
              [&](std::uint32_t a, std::uint32_t b) { return entries[a].key < entries[b].key; });
    const auto twin = std::adjacent_find(header_.by_key.begin(), header_.by_key.end(),
                                         [&](auto a, auto b) { return entries[a].key == entries[b].key; });
    if (twin == header_.by_key.end()) return {};
    return Status(Code::kFormat, at_key(file_, entries[*twin].key), "each key once", "it twice");
  }

  Status read_alignment() {
    const MetadataValue value = header_.find(kAlignmentKey);
    if (!value) return {};
    const std::uint64_t alignment = value.type() == MetadataType::kU32 ? value.as_u64().value_or(0) : 0;
    if (alignment == 0 || alignment > kMaxGgufAlignment || (alignment & (alignment - 1)) != 0) {
      return Status(Code::kFormat, at_key(file_, kAlignmentKey),
                    Text("a power of two of at most ", kMaxGgufAlignment, ", as u32"), value.describe());
    }
    alignment_ = alignment;
    return {};
  }

  Status tensor() {
    MOXIE_TRY_LET(const std::string_view name, cursor_.text(file_));
    const std::string where = at_tensor(file_, name);
    if (name.empty()) return Status(Code::kFormat, where, "a name of at least one byte", "an empty one");
    TensorEntry entry{.name = name};
    MOXIE_TRY_LET(const auto rank, cursor_.number<std::uint32_t>(where));
    if (rank > Tensor::kMaxRank) {
      return Status(Code::kUnsupported, where, Text("at most ", Tensor::kMaxRank, " dimensions"), Text(rank));
    }
    entry.rank = static_cast<std::uint8_t>(rank);
    for (std::uint32_t i = 0; i < rank; ++i) {  // the file has the innermost first
      MOXIE_TRY_LET(entry.dims[rank - 1 - i], cursor_.number<std::uint64_t>(where));
    }
    MOXIE_TRY_LET(const auto type, cursor_.number<std::uint32_t>(where));
    MOXIE_TRY_LET(entry.begin, cursor_.number<std::uint64_t>(where));
    MOXIE_TRY(measure(entry, type, where));
    header_.tensors.push_back(entry);
    return {};
  }

  Status measure(TensorEntry& entry, std::uint32_t number, std::string_view where) const {
    entry.tiled = (number & 0xffff0000U) == kTiledTypes;
    const auto type = element_type_of_gguf(entry.tiled ? number - kTiledTypes : number);
    if (!type) {
      return Status(Code::kUnsupported, where, Text("one of ", kGgufTypes),
                    Text("type ", number, ", ", other_gguf_type(number)));
    }
    entry.type = *type;
    const std::uint64_t block = traits(*type).block_elements;
    const std::uint64_t innermost = entry.rank == 0 ? 1 : entry.dims[entry.rank - 1U];
    if (innermost % block != 0) {
      return Status(Code::kFormat, where, Text("rows in whole blocks of ", block, ", as ", name(*type), " has"),
                    Text("rows of ", innermost));
    }
    const auto bytes = entry.tiled ? tiled_bytes(*type, entry.shape()) : tensor_bytes(*type, entry.shape());
    if (entry.tiled && !bytes) {
      return Status(Code::kFormat, where, "matrices of a type that has tiles, whose bytes fit in 64 bits",
                    Text(entry.rank, " dimensions of ", name(*type)));
    }
    const auto end = bytes ? checked::add(entry.begin, *bytes) : std::nullopt;
    if (!end) return Status(Code::kFormat, where, "a shape and an offset whose bytes fit in 64 bits", "larger ones");
    entry.end = *end;
    return {};
  }

  Status place_data() {
    const auto begin = checked::align_up(cursor_.at(), alignment_);
    if (!begin) return Status(Code::kFormat, file_, "a header whose padding fits in 64 bits", "a larger one");
    // Without tensors some writers leave the padding out.
    header_.data_begin = header_.tensors.empty() ? std::min(*begin, file_bytes_) : *begin;
    if (header_.data_begin > file_bytes_) {
      return Status(Code::kFormat, file_, Text("data from byte ", *begin, " on"),
                    Text("a file of ", file_bytes_, " bytes"));
    }
    header_.data_bytes = file_bytes_ - header_.data_begin;
    return {};
  }

  // Bytes that belong to no tensor could be anything, so there are none but those that align the next one.
  Status check_cover() {
    std::vector<TensorEntry>& tensors = header_.tensors;
    std::sort(tensors.begin(), tensors.end(), [](const TensorEntry& a, const TensorEntry& b) {
      return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
    });
    std::uint64_t expected = 0;
    std::uint64_t covered = 0;
    for (const TensorEntry& entry : tensors) {
      if (entry.begin != expected) {
        return Status(
            Code::kFormat, at_tensor(file_, entry.name),
            Text("its data at offset ", expected, ", next to the tensor before it and aligned to ", alignment_),
            Text(entry.begin));
      }
      if (entry.end > header_.data_bytes) {
        return Status(Code::kFormat, at_tensor(file_, entry.name),
                      Text("data within the ", header_.data_bytes, " bytes behind the header"),
                      Text("offsets ", entry.begin, " to ", entry.end));
      }
      covered = entry.end;
      // Inside the data, which is far from 2^64: but proved, not assumed.
      const auto next = checked::align_up(covered, alignment_);
      if (!next) return Status(Code::kFormat, at_tensor(file_, entry.name), "padding that fits in 64 bits", "more");
      expected = *next;
    }
    if (header_.data_bytes <= expected) return {};
    return Status(Code::kFormat, file_, Text("the tensors to cover all ", header_.data_bytes, " bytes of data"),
                  Text(covered, " bytes of tensors, with ", header_.data_bytes - covered, " left over"));
  }

  Status check_names() {
    std::vector<TensorEntry>& tensors = header_.tensors;
    std::sort(tensors.begin(), tensors.end(), [](auto& a, auto& b) { return a.name < b.name; });
    const auto twin =
        std::adjacent_find(tensors.begin(), tensors.end(), [](auto& a, auto& b) { return a.name == b.name; });
    if (twin == tensors.end()) return {};
    return Status(Code::kFormat, at_tensor(file_, twin->name), "each name once", "it twice");
  }

  GgufCursor& cursor_;
  std::uint64_t file_bytes_;
  std::string_view file_;
  GgufHeader& header_;
  std::uint64_t n_tensors_ = 0;
  std::uint64_t n_keys_ = 0;
  std::uint64_t alignment_ = kDefaultAlignment;
};

}  // namespace

MetadataValue GgufHeader::find(std::string_view key) const noexcept {
  return MetadataBuilder::table(metadata, by_key).find(key);
}

GgufParse parse_gguf(std::span<const std::byte> bytes, std::uint64_t file_bytes, std::string_view file,
                     GgufHeader& header) {
  header = {};
  GgufCursor cursor(bytes, file_bytes);
  Status status = Parser(cursor, file_bytes, file, header).parse();
  return {.status = std::move(status), .wanted_bytes = cursor.wanted_bytes()};
}

}  // namespace moxie::format
