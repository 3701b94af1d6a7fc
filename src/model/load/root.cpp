// SPDX-License-Identifier: Apache-2.0
#include <moxie/model/root.hpp>

#include <algorithm>
#include <new>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <moxie/core/workers.hpp>

#include "backend/quant/kernels/tile_unpacker.hpp"
#include "backend/tile_rows.hpp"
#include "format/tensor_entry.hpp"
#include "model/families/family.hpp"
#include "model/load/config.hpp"
#include "model/load/gguf_names.hpp"
#include "model/load/make_root.hpp"
#include "model/load/sha256.hpp"
#include "model/load/tensor_rows.hpp"

// The root as docs/design/018-identity.md defines it.

namespace moxie::inline abi1::model {

namespace {

/// What a leaf of the tree covers.
constexpr std::size_t kLeafBytes = std::size_t{4} << 20;

/// A tensor's bytes as a file of rows has them, whatever layout this file has.
class LogicalBytes {
 public:
  /// `head_width`: of a tensor whose rows pack_gguf() has turned; else 0.
  LogicalBytes(const Tensor& tensor, std::size_t head_width) noexcept
      : tensor_(&tensor), head_width_(head_width), size_(tensor.bytes.size()) {
    const std::span<const std::uint64_t> dims = tensor.dims;
    // The reader has counted all of this in checked arithmetic.
    if (tensor.tiled) size_ = static_cast<std::size_t>(format::tensor_bytes(tensor.type, dims).value_or(0));
    const auto width = static_cast<std::size_t>(dims.empty() ? 1 : dims.back());
    rows_.type = tensor.type;
    rows_.tiled = tensor.tiled;
    rows_.in_width = width;
    rows_.out_width = dims.size() < 2 ? 1 : static_cast<std::size_t>(dims[dims.size() - 2]);
    if (tensor.tiled && size_ != 0) {
      matrix_bytes_ = tensor.bytes.size() / (size_ / rows_.row_bytes() / rows_.out_width);
    }
  }

  [[nodiscard]] const Tensor& tensor() const noexcept { return *tensor_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t leaves() const noexcept { return size_ / kLeafBytes + (size_ % kLeafBytes != 0 ? 1 : 0); }

  [[nodiscard]] Result<Digest> leaf(const Sha256Method& method, std::size_t index) const {
    const std::size_t begin = index * kLeafBytes;
    const std::size_t end = begin + std::min(kLeafBytes, size_ - begin);
    Sha256 hash(method, "moxie.root-1 leaf");
    if (!rows_.tiled && rows_.type != ElementType::kMXFP4) {
      hash.bytes(tensor_->bytes.subspan(begin, end - begin));
      return hash.finish();
    }
    const std::size_t row_bytes = rows_.row_bytes();
    std::vector<std::byte> bytes(row_bytes);
    for (std::size_t row = begin / row_bytes; row * row_bytes < end; ++row) {
      take_row(row, bytes);
      const std::size_t at = row * row_bytes;
      const std::size_t from = std::max(begin, at) - at;
      hash.bytes(std::span(bytes).subspan(from, std::min(end - at, row_bytes) - from));
    }
    return hash.finish();
  }

 private:
  void take_row(std::size_t row, std::span<std::byte> out) const noexcept {
    if (!rows_.tiled) {
      std::copy_n(tensor_->bytes.data() + row * out.size(), out.size(), out.data());
      backend::quant::forget_signs_of_zeros(rows_.type, out.data(), out.size() / size_of(rows_.type));
      return;
    }
    Weights matrix = rows_;
    matrix.data = tensor_->bytes.data() + row / rows_.out_width * matrix_bytes_;
    row %= rows_.out_width;
    if (head_width_ != 0) row = row_of_interleaved(row, head_width_);
    backend::unpack_tiled_row(matrix, row, out.data());
  }

  const Tensor* tensor_;
  std::size_t head_width_;
  std::size_t size_;
  Weights rows_;  // of one matrix; where it lies is put in when it is read
  std::size_t matrix_bytes_ = 0;
};

/// Of a packed file whose family's queries and keys were turned: the width of a head; else 0.
Result<std::size_t> turned_head_width(const Checkpoint& checkpoint) {
  if (std::ranges::none_of(checkpoint.tensors(), &Tensor::tiled)) return std::size_t{0};
  MOXIE_TRY_LET(const ModelConfig config, read_gguf_config(checkpoint));
  return find_family(config.model_type)->gguf.interleaved_rows ? config.head_dim : std::size_t{0};
}

class RootHash {
 public:
  RootHash(const Checkpoint& checkpoint, const RootOptions& options, Sha256Method method)
      : checkpoint_(checkpoint), options_(options), method_(std::move(method)) {}

  Result<Digest> run(bool release) {
    MOXIE_TRY_LET(const std::size_t head_width, turned_head_width(checkpoint_));
    for (const Tensor& tensor : checkpoint_.tensors()) {
      const bool turned =
          tensor.tiled && (tensor.name.ends_with(".attn_q.weight") || tensor.name.ends_with(".attn_k.weight"));
      tensors_.emplace_back(tensor, turned ? head_width : 0);
      first_leaf_.push_back(n_leaves_);
      n_leaves_ += tensors_.back().leaves();
    }
    first_leaf_.push_back(n_leaves_);
    MOXIE_TRY(hash_leaves(release));
    return join();
  }

 private:
  [[nodiscard]] std::size_t tensor_of(std::size_t leaf) const {
    return static_cast<std::size_t>(std::ranges::upper_bound(first_leaf_, leaf) - first_leaf_.begin()) - 1;
  }

  Status hash_leaves(bool release) {
    SerialExecutor serial;
    Executor& executor = options_.executor == nullptr ? serial : *options_.executor;
    std::vector<Workspace> workspaces(executor.width());
    Workers workers(executor, workspaces);
    leaves_.resize(n_leaves_);
    Progress progress{.what = "hash tensors", .done = 0, .total = 0};
    for (const LogicalBytes& tensor : tensors_) progress.total += tensor.size();
    // So that a host can stop within a moment, and threads rarely wait for the last of a batch.
    const std::size_t batch = executor.width() * 8;
    for (std::size_t first = 0; first < n_leaves_; first += batch) {
      MOXIE_TRY(options_.callbacks.progress(progress));
      const std::size_t count = std::min(batch, n_leaves_ - first);
      MOXIE_TRY(workers.each(count, [&](std::size_t i, Workspace&) -> Status {
        const std::size_t tensor = tensor_of(first + i);
        MOXIE_TRY_LET(leaves_[first + i], tensors_[tensor].leaf(method_, first + i - first_leaf_[tensor]));
        return {};
      }));
      for (std::size_t leaf = first; leaf < first + count; ++leaf) {
        const std::size_t tensor = tensor_of(leaf);
        const std::size_t index = leaf - first_leaf_[tensor];
        progress.done += std::min(kLeafBytes, tensors_[tensor].size() - index * kLeafBytes);
        if (release && leaf + 1 == first_leaf_[tensor + 1]) checkpoint_.release_pages(tensors_[tensor].tensor());
      }
    }
    return options_.callbacks.progress(progress);
  }

  [[nodiscard]] std::span<const Digest> leaves_of(std::size_t tensor) const {
    return std::span(leaves_).subspan(first_leaf_[tensor], first_leaf_[tensor + 1] - first_leaf_[tensor]);
  }

  /// The head of a GGUF file that is the embedding once more, as pack_gguf() writes it for a tied one.
  [[nodiscard]] std::optional<std::size_t> repeated_head() const {
    if (checkpoint_.kind() != CheckpointKind::kGguf) return std::nullopt;
    const auto find = [&](Part part) {
      const std::string name = kGgufNames.name({part}) + ".weight";
      return static_cast<std::size_t>(
          std::ranges::find(tensors_, name, [](const LogicalBytes& bytes) { return bytes.tensor().name; }) -
          tensors_.begin());
    };
    const std::size_t head = find(Part::kHead), embedding = find(Part::kEmbedding);
    if (head == tensors_.size() || embedding == tensors_.size()) return std::nullopt;
    const Tensor& a = tensors_[head].tensor();
    const Tensor& b = tensors_[embedding].tensor();
    const bool same = a.type == b.type && std::ranges::equal(a.dims, b.dims) &&
                      std::ranges::equal(leaves_of(head), leaves_of(embedding));
    return same ? std::optional(head) : std::nullopt;
  }

  Result<Digest> join() const {
    const std::optional<std::size_t> left_out = repeated_head();
    Sha256 root(method_, "moxie.root-1 checkpoint");
    add_configuration(root);
    root.number(tensors_.size() - (left_out ? 1 : 0));
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      if (left_out == i) continue;
      MOXIE_TRY_LET(const Digest digest, tensor_digest(i));
      root.digest(digest);
    }
    return root.finish();
  }

  [[nodiscard]] Result<Digest> tensor_digest(std::size_t i) const {
    const Tensor& tensor = tensors_[i].tensor();
    Sha256 hash(method_, "moxie.root-1 tensor");
    hash.text(tensor.name);
    hash.text(name(tensor.type));
    hash.number(tensor.dims.size());
    for (const std::uint64_t dim : tensor.dims) hash.number(dim);
    hash.number(tensors_[i].size());
    for (const Digest& leaf : leaves_of(i)) hash.digest(leaf);
    return hash.finish();
  }

  void add_configuration(Sha256& root) const {
    if (checkpoint_.kind() == CheckpointKind::kSafetensors) {
      root.text("safetensors");
      root.text(checkpoint_.config_json());
      return;
    }
    root.text("gguf");
    const Metadata metadata = checkpoint_.metadata();
    std::vector<const MetadataEntry*> entries;
    for (const MetadataEntry& entry : metadata.entries()) {
      // How the file is laid out, not what is in it.
      const bool layout =
          entry.key == "general.alignment" || entry.key == "moxie.layout" || entry.key.starts_with("split.");
      if (!layout) entries.push_back(&entry);
    }
    std::ranges::sort(entries, {}, [](const MetadataEntry* entry) { return entry->key; });
    root.number(entries.size());
    for (const MetadataEntry* entry : entries) {
      const MetadataValue& value = entry->value;
      root.text(entry->key);
      root.number(static_cast<std::uint64_t>(value.type().value_or(MetadataType::kU8)));
      root.number(static_cast<std::uint64_t>(value.element_type().value_or(MetadataType::kU8)));
      root.number(value.size());
      root.text(value.bytes());
    }
  }

  const Checkpoint& checkpoint_;
  const RootOptions& options_;
  Sha256Method method_;
  std::vector<LogicalBytes> tensors_;
  std::vector<std::size_t> first_leaf_;  // of each tensor, and of none behind the last
  std::size_t n_leaves_ = 0;
  std::vector<Digest> leaves_;
};

}  // namespace

Status no_memory_for_root() noexcept {
  return Status(Code::kNoMemory, "checkpoint_root", "memory for hashes", "a refusal from the system");
}

Result<Digest> make_root(const Checkpoint& checkpoint, const RootOptions& options, bool release) {
  MOXIE_TRY_LET(Sha256Method method, Sha256Method::create());
  return RootHash(checkpoint, options, std::move(method)).run(release);
}

}  // namespace moxie::model

namespace moxie::inline abi1 {

std::string hexadecimal(const Digest& digest) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const std::byte byte : digest.bytes) {
    text += kDigits[std::to_integer<std::size_t>(byte >> 4)];
    text += kDigits[std::to_integer<std::size_t>(byte & std::byte{15})];
  }
  return text;
}

Result<Digest> checkpoint_root(const Checkpoint& checkpoint, const RootOptions& options) noexcept try {
  return model::make_root(checkpoint, options, false);
} catch (const std::bad_alloc&) {
  return model::no_memory_for_root();
}

Result<Digest> checkpoint_root(const std::filesystem::path& path, const RootOptions& options) noexcept try {
  MOXIE_TRY_LET(const Checkpoint checkpoint, Checkpoint::open(path));
  return model::make_root(checkpoint, options, true);
} catch (const std::bad_alloc&) {
  return model::no_memory_for_root();
}

}  // namespace moxie
