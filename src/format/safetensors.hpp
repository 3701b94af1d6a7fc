// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include <moxie/core/result.hpp>

#include "format/tensor_entry.hpp"
#include "format/text_arena.hpp"

namespace moxie::inline abi1::format {

/// The header of one file.
struct SafetensorsTable {
  std::vector<TensorEntry> entries;  ///< sorted by name
  TextArena names;
};

/// The most that a header may take: the format's own limit.
inline constexpr std::uint64_t kMaxSafetensorsHeader = 100'000'000;
/// The length field in front of the header.
inline constexpr std::uint64_t kSafetensorsPrefix = 8;

/// Decodes the length field and checks it against the file: where the data begins.
///
/// Errors   kFormat: no room for a header, or a length that cannot be.
Result<std::uint64_t> safetensors_data_begin(const std::array<std::byte, kSafetensorsPrefix>& prefix,
                                             std::uint64_t file_bytes, std::string_view file) noexcept;

/// Reads a header whose file has `data_bytes` bytes behind it. Every tensor is checked: its fields, its
/// size against shape and type, and that all tensors together cover the data exactly, without overlap or hole.
///
/// Errors   kFormat, kUnsupported: as Checkpoint; they name `file` and the tensor.
///          Lets std::bad_alloc through.
/// Source   github.com/huggingface/safetensors, README, "Format"
Result<SafetensorsTable> parse_safetensors_header(std::string_view header, std::uint64_t data_bytes,
                                                  std::string_view file);

}  // namespace moxie::format
