// SPDX-License-Identifier: Apache-2.0
#include <moxie/format/gguf_writer.hpp>

#include <algorithm>
#include <bit>
#include <new>
#include <optional>
#include <set>
#include <utility>

#include <moxie/core/checked.hpp>
#include <moxie/core/guard.hpp>
#include <moxie/core/text.hpp>

#include "format/gguf.hpp"
#include "format/gguf_types.hpp"
#include "format/output_file.hpp"
#include "format/tensor_entry.hpp"

namespace moxie::inline abi1 {
namespace {

using namespace format;

constexpr std::string_view kWhere = "GgufWriter";
// What is in memory at once: few enough bytes for a cache, enough for whole blocks of a disk.
constexpr std::uint64_t kChunkBytes = 4U << 20;

void put(std::string& out, std::uint64_t number, std::size_t width) {
  for (std::size_t i = 0; i < width; ++i) out += static_cast<char>(number >> (8 * i) & 0xff);
}
void put(std::string& out, std::string_view text) {
  put(out, text.size(), 8);
  out += text;
}

// So that appending afterwards cannot fail, at the price of push_back.
template <class Container>
void make_room(Container& container, std::size_t count) {
  const std::size_t needed = container.size() + count;
  if (needed > container.capacity()) container.reserve(std::max(needed, container.capacity() * 2));
}

// Where a tensor's bytes lie, and how they are cut.
struct Layout {
  std::uint64_t bytes = 0;
  std::uint64_t rows = 0;
  std::uint64_t row_bytes = 0;
};

std::optional<Layout> layout_of(const GgufTensor& tensor) noexcept {
  if (tensor.tiled) {
    const auto bytes = tiled_bytes(tensor.type, tensor.dims);
    if (!bytes) return std::nullopt;
    const std::uint64_t dims[] = {1, tensor.dims.back()};  // one row, padded to a tile
    const auto tile = tiled_bytes(tensor.type, dims);
    if (!tile || *tile == 0) return Layout{};
    return Layout{.bytes = *bytes, .rows = *bytes / *tile, .row_bytes = *tile};
  }
  const auto bytes = tensor_bytes(tensor.type, tensor.dims);
  if (!bytes) return std::nullopt;
  const std::span<const std::uint64_t> dims = tensor.dims;
  const auto row_bytes = tensor_bytes(tensor.type, dims.last(std::min<std::size_t>(dims.size(), 1)));
  if (!row_bytes || *row_bytes == 0) return Layout{};
  return Layout{.bytes = *bytes, .rows = *bytes / *row_bytes, .row_bytes = *row_bytes};
}

}  // namespace

struct [[gnu::visibility("hidden")]] GgufWriter::State {
  std::set<std::string, std::less<>> keys;
  std::set<std::string, std::less<>> names;
  std::string metadata;  // as it will lie in the file
  std::vector<GgufTensor> tensors;

  Status take_key(std::string_view key) {
    if (key.empty() || key == "general.alignment" || keys.contains(key)) {
      return Status(Code::kInvalidArgument, kWhere, "a key that is not empty, general.alignment or there already",
                    Text('\'', key.substr(0, 100), '\''));
    }
    keys.emplace(key);
    return {};
  }
  [[nodiscard]] bool has_tiles() const noexcept {
    return std::any_of(tensors.begin(), tensors.end(), [](const GgufTensor& tensor) { return tensor.tiled; });
  }
  [[nodiscard]] std::uint64_t alignment() const noexcept { return has_tiles() ? kTiledAlignment : kAlignment; }
  [[nodiscard]] std::optional<std::string> header() const;
  [[nodiscard]] std::optional<std::uint64_t> file_bytes(std::uint64_t header) const noexcept;
  Status write_tensor(OutputFile & file, const GgufTensor& tensor, std::vector<std::byte>& chunk,
                      const HostCallbacks& callbacks, Progress& progress) const;
};

// Magic, version, counts, metadata and the list of tensors, padded; nothing where an offset does not fit.
std::optional<std::string> GgufWriter::State::header() const {
  std::string out = "GGUF";
  put(out, 3, 4);
  put(out, tensors.size(), 8);
  put(out, keys.size() + (has_tiles() ? 1 : 0), 8);
  if (has_tiles()) {
    put(out, "general.alignment");
    put(out, static_cast<std::uint64_t>(MetadataType::kU32), 4);
    put(out, kTiledAlignment, 4);
  }
  out += metadata;
  std::optional<std::uint64_t> offset = 0;
  for (const GgufTensor& tensor : tensors) {
    put(out, tensor.name);
    put(out, tensor.dims.size(), 4);
    for (auto dim = tensor.dims.rbegin(); dim != tensor.dims.rend(); ++dim) put(out, *dim, 8);
    put(out, *gguf_type(tensor.type) + (tensor.tiled ? kTiledTypes : 0), 4);
    put(out, *offset, 8);
    offset = checked::add(*offset, layout_of(tensor)->bytes);
    if (offset) offset = checked::align_up(*offset, alignment());
    if (!offset) return std::nullopt;
  }
  const auto padded = checked::align_up(out.size(), alignment());
  if (!padded) return std::nullopt;
  out.resize(static_cast<std::size_t>(*padded), '\0');
  return out;
}

std::optional<std::uint64_t> GgufWriter::State::file_bytes(std::uint64_t header) const noexcept {
  std::optional<std::uint64_t> total = header;
  for (const GgufTensor& tensor : tensors) {
    total = checked::add(*total, layout_of(tensor)->bytes);
    if (total) total = checked::align_up(*total, alignment());
    if (!total) return std::nullopt;
  }
  return total;
}

Status GgufWriter::State::write_tensor(OutputFile& file, const GgufTensor& tensor, std::vector<std::byte>& chunk,
                                       const HostCallbacks& callbacks, Progress& progress) const {
  const Layout layout = *layout_of(tensor);
  const std::uint64_t rows_at_once =
      layout.row_bytes == 0 ? 1 : std::max<std::uint64_t>(kChunkBytes / layout.row_bytes, 1);
  for (std::uint64_t row = 0; row < layout.rows;) {
    MOXIE_TRY(callbacks.progress(progress));
    const std::uint64_t count = std::min(rows_at_once, layout.rows - row);
    chunk.resize(static_cast<std::size_t>(count * layout.row_bytes));
    MOXIE_TRY(guarded(at_tensor(kWhere, tensor.name), [&] { return tensor.fill(row, chunk); }));
    MOXIE_TRY(file.write(chunk));
    progress.done += chunk.size();
    row += count;
  }
  const std::byte padding[kTiledAlignment] = {};
  const auto left = static_cast<std::size_t>(layout.bytes % alignment());
  return left == 0 ? Status()
                   : file.write(std::span(padding).first(static_cast<std::size_t>(alignment())).subspan(left));
}

GgufWriter::GgufWriter() noexcept = default;
GgufWriter::GgufWriter(GgufWriter&& other) noexcept = default;
GgufWriter& GgufWriter::operator=(GgufWriter&& other) noexcept = default;
GgufWriter::~GgufWriter() = default;

namespace {

// Appends "key, type, value" and undoes what it did where memory ends.
template <class State, class Write>
Status set_value(std::unique_ptr<State>& state, std::string_view key, MetadataType type, Write&& write) noexcept {
  return guarded(kWhere, [&]() -> Status {
    if (state == nullptr) state = std::make_unique<State>();
    std::string bytes;
    put(bytes, key);
    put(bytes, static_cast<std::uint64_t>(type), 4);
    write(bytes);
    make_room(state->metadata, bytes.size());
    MOXIE_TRY(state->take_key(key));
    state->metadata += bytes;
    return {};
  });
}

void put_array(std::string& out, MetadataType element, std::uint64_t count) {
  put(out, static_cast<std::uint64_t>(element), 4);
  put(out, count, 8);
}

}  // namespace

Status GgufWriter::set_u32(std::string_view key, std::uint32_t value) noexcept {
  return set_value(state_, key, MetadataType::kU32, [&](std::string& out) { put(out, value, 4); });
}
Status GgufWriter::set_u64(std::string_view key, std::uint64_t value) noexcept {
  return set_value(state_, key, MetadataType::kU64, [&](std::string& out) { put(out, value, 8); });
}
Status GgufWriter::set_i32(std::string_view key, std::int32_t value) noexcept {
  return set_value(state_, key, MetadataType::kI32,
                   [&](std::string& out) { put(out, static_cast<std::uint32_t>(value), 4); });
}
Status GgufWriter::set_f32(std::string_view key, float value) noexcept {
  return set_value(state_, key, MetadataType::kF32,
                   [&](std::string& out) { put(out, std::bit_cast<std::uint32_t>(value), 4); });
}
Status GgufWriter::set_bool(std::string_view key, bool value) noexcept {
  return set_value(state_, key, MetadataType::kBool, [&](std::string& out) { put(out, value ? 1 : 0, 1); });
}
Status GgufWriter::set_string(std::string_view key, std::string_view value) noexcept {
  return set_value(state_, key, MetadataType::kString, [&](std::string& out) { put(out, value); });
}
Status GgufWriter::set_i32s(std::string_view key, std::span<const std::int32_t> values) noexcept {
  return set_value(state_, key, MetadataType::kArray, [&](std::string& out) {
    put_array(out, MetadataType::kI32, values.size());
    for (const std::int32_t value : values) put(out, static_cast<std::uint32_t>(value), 4);
  });
}
Status GgufWriter::set_bools(std::string_view key, const std::vector<bool>& values) noexcept {
  return set_value(state_, key, MetadataType::kArray, [&](std::string& out) {
    put_array(out, MetadataType::kBool, values.size());
    for (const bool value : values) put(out, value ? 1u : 0u, 1);
  });
}
Status GgufWriter::set_f32s(std::string_view key, std::span<const float> values) noexcept {
  return set_value(state_, key, MetadataType::kArray, [&](std::string& out) {
    put_array(out, MetadataType::kF32, values.size());
    for (const float value : values) put(out, std::bit_cast<std::uint32_t>(value), 4);
  });
}
Status GgufWriter::set_strings(std::string_view key, std::span<const std::string> values) noexcept {
  return set_value(state_, key, MetadataType::kArray, [&](std::string& out) {
    put_array(out, MetadataType::kString, values.size());
    for (const std::string& value : values) put(out, value);
  });
}

Status GgufWriter::set(std::string_view key, const MetadataValue& value) noexcept {
  if (!value) return Status(Code::kInvalidArgument, kWhere, Text("a value for '", key.substr(0, 100), "'"), "none");
  return set_value(state_, key, *value.type(), [&](std::string& out) {
    if (value.is_array()) put_array(out, *value.element_type(), value.size());
    const std::span<const std::byte> bytes = value.bytes();
    if (value.type() == MetadataType::kString) put(out, bytes.size(), 8);
    out.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  });
}

Status GgufWriter::add(GgufTensor tensor) noexcept {
  return guarded(kWhere, [&]() -> Status {
    const std::string where = at_tensor(kWhere, tensor.name);
    if (tensor.name.empty()) return Status(Code::kInvalidArgument, where, "a name", "an empty one");
    if (!gguf_type(tensor.type)) return Status(Code::kInvalidArgument, where, kGgufTypes, name(tensor.type));
    if (tensor.dims.size() > Tensor::kMaxRank || !layout_of(tensor)) {
      return Status(
          Code::kInvalidArgument, where,
          Text("at most ", Tensor::kMaxRank, " dimensions, the innermost in whole blocks of ",
               traits(tensor.type).block_elements, ", whose bytes fit in 64 bits"),
          Text(tensor.dims.size(), " dimensions, the innermost ", tensor.dims.empty() ? 1 : tensor.dims.back()));
    }
    if (!tensor.fill) return Status(Code::kInvalidArgument, where, "a function that gives its bytes", "none");
    if (state_ == nullptr) state_ = std::make_unique<State>();
    if (state_->tensors.size() == kMaxGgufTensors) {
      return Status(Code::kInvalidArgument, where, Text("at most ", kMaxGgufTensors, " tensors, as readers take"),
                    "more");
    }
    if (state_->names.contains(tensor.name)) return Status(Code::kInvalidArgument, where, "each name once", "it twice");
    make_room(state_->tensors, 1);
    state_->names.insert(tensor.name);
    state_->tensors.push_back(std::move(tensor));
    return {};
  });
}

std::uint64_t GgufWriter::file_bytes() const noexcept {
  std::uint64_t bytes = 0;
  // Without memory there is no header to measure; the words of write() will say so.
  static_cast<void>(guarded(kWhere, [&]() -> Status {
    const State empty;
    const State& state = state_ == nullptr ? empty : *state_;
    if (const auto header = state.header()) bytes = state.file_bytes(header->size()).value_or(0);
    return {};
  }));
  return bytes;
}

Status GgufWriter::write(const std::filesystem::path& path, const HostCallbacks& callbacks) const noexcept {
  return guarded(path.native(), [&]() -> Status {
    const State empty;
    const State& state = state_ == nullptr ? empty : *state_;
    const auto header = state.header();
    const auto bytes = header ? state.file_bytes(header->size()) : std::nullopt;
    if (!bytes)
      return Status(Code::kInvalidArgument, path.native(), "a file whose bytes fit in 64 bits", "a larger one");
    Progress progress{.what = "write tensors", .done = 0, .total = 0};
    for (const GgufTensor& tensor : state.tensors) progress.total += layout_of(tensor)->bytes;
    MOXIE_TRY_LET(OutputFile file, OutputFile::create(path, *bytes));
    MOXIE_TRY(file.write(std::as_bytes(std::span(*header))));
    std::vector<std::byte> chunk;
    for (const GgufTensor& tensor : state.tensors) {
      MOXIE_TRY(state.write_tensor(file, tensor, chunk, callbacks, progress));
    }
    MOXIE_TRY(callbacks.progress(progress));
    return file.commit();
  });
}

}  // namespace moxie
