// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <moxie/core/config.hpp>
#include <moxie/core/element_type.hpp>
#include <moxie/core/host.hpp>
#include <moxie/core/status.hpp>
#include <moxie/format/metadata.hpp>

namespace moxie::inline abi1 {

/// One tensor that a GgufWriter is to write, and where its bytes come from.
///
/// Shapes   dims: outermost first, at most Tensor::kMaxRank; the innermost a multiple of the type's block.
///          A row is the innermost dimension; a scalar is one row. Of a tiled tensor, [..., out, in], what is
///          filled row by row are tiles of 16 rows, out / 16 of them for each matrix, rounded up.
struct GgufTensor {
  /// Writes the rows from `first_row` on into `rows`: whole rows, as many as fit there exactly. Called in order,
  /// for each row once.
  using Fill = std::function<Status(std::uint64_t first_row, std::span<std::byte> rows)>;

  std::string name;
  ElementType type = ElementType::kF32;
  std::vector<std::uint64_t> dims;
  Fill fill;
  bool tiled = false;  ///< in moxie's tiles: see Tensor::tiled
};

/// Writes a GGUF file, version 3. Metadata and the list of tensors are gathered first; their bytes are asked for while
/// the file is written, a few MiB at a time, so that a file may be far larger than memory.
///
///     GgufWriter writer;
///     MOXIE_TRY(writer.set_string("general.architecture", "qwen3moe"));
///     MOXIE_TRY(writer.add({"output_norm.weight", ElementType::kF32, {2048}, ones}));
///     MOXIE_TRY(writer.write("model.gguf"));
///
/// Errors   kInvalidArgument: a key, or a tensor's name, that is empty or there already; general.alignment, which
///          is the writer's own; a type that GGUF does not have, or dimensions that it cannot hold; no fill.
///          kNoMemory.
///          write: kIo: the system's reason, such as no space left; kCancelled, kHostException: from the callbacks or
///          a fill; whatever a fill returns.  The file is made under another name beside `path` and takes its name
///          when it is whole: after an error, `path` is what it was, and nothing else is left.
/// Threads  one at a time. Fills and callbacks are called on the thread that calls write().
/// Source   docs/gguf.md of github.com/ggml-org/ggml
class MOXIE_API GgufWriter {
 public:
  /// Where each tensor begins is a multiple of this many bytes; in a file with tiled tensors, of kTiledAlignment.
  static constexpr std::uint64_t kAlignment = 32;
  static constexpr std::uint64_t kTiledAlignment = 64;

  GgufWriter() noexcept;
  GgufWriter(GgufWriter&& other) noexcept;
  GgufWriter& operator=(GgufWriter&& other) noexcept;
  ~GgufWriter();

  Status set_u32(std::string_view key, std::uint32_t value) noexcept;
  Status set_u64(std::string_view key, std::uint64_t value) noexcept;
  Status set_i32(std::string_view key, std::int32_t value) noexcept;
  Status set_f32(std::string_view key, float value) noexcept;
  Status set_bool(std::string_view key, bool value) noexcept;
  Status set_string(std::string_view key, std::string_view value) noexcept;
  Status set_bools(std::string_view key, const std::vector<bool>& values) noexcept;
  Status set_i32s(std::string_view key, std::span<const std::int32_t> values) noexcept;
  Status set_f32s(std::string_view key, std::span<const float> values) noexcept;
  Status set_strings(std::string_view key, std::span<const std::string> values) noexcept;
  /// A value of another file as it is. kInvalidArgument: an absent one.
  Status set(std::string_view key, const MetadataValue& value) noexcept;

  Status add(GgufTensor tensor) noexcept;

  /// Bytes that the file will have; 0 where they do not fit in 64 bits.
  [[nodiscard]] std::uint64_t file_bytes() const noexcept;
  /// Progress "write tensors" counts bytes of tensors. May be called again, for another file.
  Status write(const std::filesystem::path& path, const HostCallbacks& callbacks = {}) const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace moxie
