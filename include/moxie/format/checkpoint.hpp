// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>

#include <moxie/core/config.hpp>
#include <moxie/core/element_type.hpp>
#include <moxie/core/result.hpp>
#include <moxie/format/load_options.hpp>
#include <moxie/format/metadata.hpp>

namespace moxie::inline abi1 {

namespace format {
struct CheckpointAccess;
}

/// One tensor of a checkpoint: a view into its file.
///
/// Shapes   dims: outermost first, at most kMaxRank of them; none for a scalar. A dimension may be 0.
///          The innermost is a multiple of traits(type).block_elements.
/// Units    bytes: the elements of a row one after the other, little-endian; of a quantized type, block after block:
///          product(dims) / block_elements * block_bytes in all. Possibly UNALIGNED for the type: copy elements
///          out, do not cast the pointer.
struct Tensor {
  static constexpr std::size_t kMaxRank = 4;

  std::string_view name;
  ElementType type = ElementType::kF32;
  std::span<const std::uint64_t> dims;
  std::span<const std::byte> bytes;
  /// The matrices lie in moxie's tiles instead of row after row, as `moxie.layout` names them (docs/design/010): for
  /// Linear alone. Rows are padded to 16, of types with blocks of 32 to 64 elements.
  bool tiled = false;
};

enum class CheckpointKind : std::uint8_t {
  kSafetensors,  ///< config.json and safetensors: names and shapes as Hugging Face has them
  kGguf,         ///< metadata and tensors in one format: names and shapes as llama.cpp has them
};

/// A model's files, in one of two forms. Everything but the meaning of names, numbers and keys is checked before a
/// tensor can be seen.
///
/// - As Hugging Face stores it: config.json beside model.safetensors, or beside model.safetensors.index.json and
///   the shards that it names.
/// - GGUF, version 2 or 3, little-endian: one file, or all files of a split.
///
///     MOXIE_TRY_LET(const Checkpoint checkpoint, Checkpoint::open("qwen3-30b-a3b-q4_k_m.gguf"));
///     MOXIE_TRY_LET(const Tensor embedding, checkpoint.find("token_embd.weight"));
///     const std::optional<std::string_view> family = checkpoint.metadata().find("general.architecture").as_string();
///
/// A Checkpoint is a handle to shared, immutable state. Copies are cheap, and views live as long as any
/// copy of the Checkpoint they came from.
///
/// Errors   every one names the file, and the tensor, key or field where there is one.
///          kNotFound: no such folder, file or tensor.  kFormat: a file whose content breaks its format.
///          kUnsupported: well-formed, but more than kMaxRank dimensions, an element type not in ElementType, another
///          version or byte order, a split opened by another file than its first, a folder of several GGUF models.
///          kIo: not a regular file, not readable, or changed while it was read.
///          kNoMemory, kBudget: `read` found no memory, or more than LoadOptions::memory had left.
///          kCancelled, kHostException: from LoadOptions::callbacks.
/// Threads  every member may be called from any thread.
/// Source   the safetensors format as its README defines it, the shard index as transformers writes it;
///          docs/gguf.md of github.com/ggml-org/ggml, splits as llama.cpp writes them.
class MOXIE_API Checkpoint {
 public:
  /// `path`: a folder, one .safetensors file with config.json beside it, or a GGUF file, known by its first bytes
  /// whatever its name; of a split one, the first, whose name ends in -00001-of-0000N.gguf beside the others. A folder
  /// without safetensors stands for the one GGUF file in it, or the one split.
  ///
  /// The text of a shard index may only name plain files of its own folder. The folder's entries may be
  /// symbolic links to anywhere (a hub cache consists of them), as long as a regular file is behind each.
  static Result<Checkpoint> open(const std::filesystem::path& path, const LoadOptions& options = {}) noexcept;

  // Copies only, so that there is no empty Checkpoint: a moved-from one is still what it was.
  Checkpoint(const Checkpoint& other) noexcept;
  Checkpoint& operator=(const Checkpoint& other) noexcept;
  ~Checkpoint();

  /// kNotFound names the tensor.
  [[nodiscard]] Result<Tensor> find(std::string_view name) const noexcept;
  [[nodiscard]] bool contains(std::string_view name) const noexcept;
  /// Sorted by name, bytewise.
  [[nodiscard]] std::span<const Tensor> tensors() const noexcept;
  [[nodiscard]] CheckpointKind kind() const noexcept;
  /// The bytes of config.json, at most 1 MiB; not looked into. Empty for GGUF.
  [[nodiscard]] std::string_view config_json() const noexcept;
  /// The key-value pairs of GGUF, of a split its first file's; none for safetensors. They lie in memory whatever
  /// LoadOptions::read says.
  [[nodiscard]] Metadata metadata() const noexcept;
  /// Of all tensors together.
  [[nodiscard]] std::uint64_t bytes() const noexcept;
  /// Tells the system that the pages of a mapped tensor will not be read soon: it may drop the whole pages
  /// inside it, and reads them again from the file when they are needed. Does nothing to a checkpoint
  /// that was read, or to a tensor of another one.
  void release_pages(const Tensor& tensor) const noexcept;
  /// Brings the pages of a mapped tensor into memory now, where the system can (Linux 5.14), so that no later read
  /// waits for one. Otherwise as release_pages().
  void fetch_pages(const Tensor& tensor) const noexcept;

 private:
  friend struct format::CheckpointAccess;
  struct State;
  explicit Checkpoint(std::shared_ptr<const State> state) noexcept;

  std::shared_ptr<const State> state_;
};

}  // namespace moxie
