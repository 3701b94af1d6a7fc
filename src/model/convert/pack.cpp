// SPDX-License-Identifier: Apache-2.0
#include <moxie/model/pack.hpp>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <moxie/backend/linear.hpp>
#include <moxie/core/guard.hpp>
#include <moxie/core/ranges.hpp>
#include <moxie/format/checkpoint.hpp>
#include <moxie/format/gguf_writer.hpp>

#include "model/families/family.hpp"
#include "model/load/config.hpp"
#include "model/load/gguf_names.hpp"
#include "model/load/tensor_rows.hpp"

namespace moxie::inline abi1::model {

namespace {

/// Tiles of a tensor's matrices, one matrix after the other.
class TileSource {
 public:
  /// `head_width`: rows are put in order within heads of so many (interleaved_rows.hpp); 0: they are. `joined`:
  /// matrices that lie one behind the other as one.
  TileSource(const Checkpoint& checkpoint, const Tensor& tensor, std::size_t head_width, std::size_t joined,
             Executor* executor)
      : checkpoint_(checkpoint), tensor_(tensor), executor_(executor), head_width_(head_width), matrices_(joined) {
    const std::span<const std::uint64_t> dims = tensor.dims;
    rows_ = static_cast<std::size_t>(dims[dims.size() - 2]) / joined;
    width_ = static_cast<std::size_t>(dims.back());
    for (const std::uint64_t dim : dims.first(dims.size() - 2)) matrices_ *= static_cast<std::size_t>(dim);
    tiles_ = (rows_ + 15) / 16;
  }

  Status fill(std::uint64_t first, std::span<std::byte> bytes) {
    // One matrix at a time is in memory, while its tiles are asked for.
    if (head_width_ != 0 && first == 0) apart_ = halves_apart(tensor_.bytes, tensor_.bytes.size() / rows_, head_width_);
    const std::size_t tile = tile_bytes(tensor_.type, width_);
    const std::size_t count = bytes.size() / tile;
    SerialExecutor serial;
    Executor& executor = executor_ == nullptr ? serial : *executor_;
    std::vector<Workspace> workspaces(executor.width());
    Workers workers(executor, workspaces);
    // Ranges of whole panels, where the chunk begins with one: 4 tiles, of which none is then made twice.
    const std::size_t panels = std::max<std::size_t>(count / 4, 1);
    MOXIE_TRY(each_range(workers, Cut(panels, workers.width() * 4), [&](Range range, Workspace&) {
      const std::size_t begin = range.begin * 4;
      const std::size_t end = range.end == panels ? count : range.end * 4;
      return pack(static_cast<std::size_t>(first) + begin, bytes.subspan(begin * tile, (end - begin) * tile), tile);
    }));
    if (first + count == tiles_ * matrices_) {
      checkpoint_.release_pages(tensor_);
      apart_ = {};
    }
    return {};
  }

 private:
  Status pack(std::size_t first, std::span<std::byte> bytes, std::size_t tile) const {
    const std::size_t matrix_bytes = matrices_ == 0 ? 0 : tensor_.bytes.size() / matrices_;
    while (!bytes.empty()) {
      const std::size_t matrix = first / tiles_;
      const std::size_t count = std::min(bytes.size() / tile, tiles_ - first % tiles_);
      const Weights weights{.data = (head_width_ != 0 ? apart_.data() : tensor_.bytes.data()) + matrix * matrix_bytes,
                            .type = tensor_.type,
                            .out_width = rows_,
                            .in_width = width_,
                            .tiled = false};
      MOXIE_TRY(pack_tiles(weights, first % tiles_, bytes.first(count * tile)));
      bytes = bytes.subspan(count * tile);
      first += count;
    }
    return {};
  }

  Checkpoint checkpoint_;
  Tensor tensor_;
  Executor* executor_;
  std::size_t head_width_;
  std::vector<std::byte> apart_;
  std::size_t matrices_;
  std::size_t rows_ = 0, width_ = 0, tiles_ = 0;
};

Status add_tiles(GgufWriter& writer, std::string name, const Checkpoint& checkpoint, const Tensor& tensor,
                 std::size_t head_width, std::size_t joined, Executor* executor) {
  const auto source = std::make_shared<TileSource>(checkpoint, tensor, head_width, joined, executor);
  return writer.add(
      {.name = std::move(name),
       .type = tensor.type,
       .dims = {tensor.dims.begin(), tensor.dims.end()},
       .fill = [source](std::uint64_t first, std::span<std::byte> tiles) { return source->fill(first, tiles); },
       .tiled = true});
}

Status add_as_it_is(GgufWriter& writer, const Checkpoint& checkpoint, const Tensor& tensor) {
  return writer.add(
      {.name = std::string(tensor.name),
       .type = tensor.type,
       .dims = {tensor.dims.begin(), tensor.dims.end()},
       .fill = [checkpoint, tensor, at = std::size_t{0}](std::uint64_t, std::span<std::byte> rows) mutable {
         std::copy_n(tensor.bytes.data() + at, rows.size(), rows.data());  // in order, each once
         at += rows.size();
         return Status();
       }});
}

Status pack(const std::filesystem::path& from, const std::filesystem::path& to, const PackOptions& options) {
  MOXIE_TRY_LET(const Checkpoint checkpoint, Checkpoint::open(from));
  if (checkpoint.kind() != CheckpointKind::kGguf) {
    return Status(Code::kUnsupported, from.native(), "a GGUF file (moxie convert makes one)", "another checkpoint");
  }
  const Metadata metadata = checkpoint.metadata();
  if (metadata.find("moxie.layout")) {
    return Status(Code::kUnsupported, from.native(), "a file in llama.cpp's layout", "a packed one");
  }
  MOXIE_TRY_LET(const ModelConfig config, read_gguf_config(checkpoint));
  GgufWriter writer;
  for (const MetadataEntry& entry : metadata.entries()) {
    if (entry.key == "general.alignment" || entry.key.starts_with("split.")) continue;
    MOXIE_TRY(writer.set(entry.key, entry.value));
  }
  MOXIE_TRY(writer.set_string("moxie.layout", kTileLayout));
  const bool interleaved = find_family(config.model_type)->gguf.interleaved_rows;
  const auto head_width = [&](std::string_view tensor) {
    const bool turned = tensor.ends_with(".attn_q.weight") || tensor.ends_with(".attn_k.weight");
    return interleaved && turned ? config.head_dim : 0;
  };
  const std::string embedding = kGgufNames.name({Part::kEmbedding}) + ".weight";
  for (const Tensor& tensor : checkpoint.tensors()) {
    // An unsplit kv_b is cut and turned when it is loaded.
    const bool gate_up = tensor.name.ends_with(".ffn_gate_up_exps.weight");
    // Tiles have 16 rows: each of two matrices that lie in one tensor must have whole ones.
    const bool cut = tensor.name.ends_with(".attn_kv_b.weight") ||
                     (gate_up && (tensor.dims.size() != 3 || tensor.dims[1] % 32 != 0));
    if (tensor.dims.size() < 2 || !has_tiles(tensor.type) || tensor.name == embedding ||
        tensor.name == kGgufNames.name({Part::kLayerInputs}) + ".weight" || cut) {
      MOXIE_TRY(add_as_it_is(writer, checkpoint, tensor));
    } else {
      MOXIE_TRY(add_tiles(writer, std::string(tensor.name), checkpoint, tensor, head_width(tensor.name),
                          gate_up ? 2 : 1, options.executor));
    }
  }
  if (config.tie_word_embeddings) {
    MOXIE_TRY_LET(const Tensor head, checkpoint.find(embedding));
    const std::string name = kGgufNames.name({Part::kHead}) + ".weight";
    if (has_tiles(head.type)) MOXIE_TRY(add_tiles(writer, name, checkpoint, head, 0, 1, options.executor));
  }
  return writer.write(to, options.callbacks);
}

}  // namespace

}  // namespace moxie::model

namespace moxie::inline abi1 {

Status pack_gguf(const std::filesystem::path& from, const std::filesystem::path& to,
                 const PackOptions& options) noexcept {
  return guarded("pack_gguf", [&] { return model::pack(from, to, options); });
}

}  // namespace moxie
