// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include <moxie/core/result.hpp>
#include <moxie/format/metadata.hpp>

#include "format/tensor_entry.hpp"

namespace moxie::inline abi1::format {

/// A GGUF file's metadata and the list of its tensors. Names and values point into the bytes that were parsed.
struct GgufHeader {
  std::vector<MetadataEntry> metadata;                    ///< in the order of the file
  std::vector<std::uint32_t> by_key;                      ///< into metadata, sorted by key
  std::vector<std::unique_ptr<std::uint32_t[]>> offsets;  ///< of arrays of strings
  std::vector<TensorEntry> tensors;                       ///< sorted by name
  std::uint64_t data_begin = 0;
  std::uint64_t data_bytes = 0;

  [[nodiscard]] MetadataValue find(std::string_view key) const noexcept;
};

/// The most that a header may take. The largest vocabularies in use need a tenth of it.
inline constexpr std::uint64_t kMaxGgufHeader = 256U << 20;
/// Tensors of a model, and keys of a file: some tens of times the most in use. With them, and with four bytes for
/// each string of an array, a header costs less than 4 times its size and 16 MiB.
inline constexpr std::uint64_t kMaxGgufTensors = 1U << 16;
inline constexpr std::uint64_t kMaxGgufKeys = 1U << 15;
/// general.alignment; more than this would be padding for its own sake.
inline constexpr std::uint64_t kMaxGgufAlignment = 1U << 24;

/// What a parse of the first bytes of a file gave.
struct GgufParse {
  Status status;
  /// Where the bytes ended before the header did: how many are needed to go on. `status` is then what is wrong if
  /// the file has no more.
  std::uint64_t wanted_bytes = 0;
};

/// Reads the header of a file of `file_bytes`, of which `bytes` are the first. Everything is checked: types, counts,
/// lengths, that no key or name is there twice, and that the tensors lie in the file one after the other, with
/// nothing but padding between them.
///
/// Errors   kFormat, kUnsupported: as Checkpoint; they name `file` and the key or tensor.
///          Lets std::bad_alloc through.
/// Source   docs/gguf.md of github.com/ggml-org/ggml, versions 2 and 3
GgufParse parse_gguf(std::span<const std::byte> bytes, std::uint64_t file_bytes, std::string_view file,
                     GgufHeader& header);

}  // namespace moxie::format
