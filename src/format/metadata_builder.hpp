// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include <moxie/format/metadata.hpp>

namespace moxie::inline abi1 {

/// Makes metadata out of checked bytes: the one that may write what others only read.
class MetadataBuilder {
 public:
  static MetadataValue scalar(MetadataType type, const std::byte* data) noexcept {
    MetadataValue value;
    value.type_ = type;
    value.data_ = data;
    return value;
  }
  static MetadataValue string(const std::byte* data, std::uint64_t bytes) noexcept {
    MetadataValue value = scalar(MetadataType::kString, data);
    value.count_ = bytes;
    return value;
  }
  /// `offsets`: of an array of strings, [count + 1], as MetadataValue keeps them; of others null.
  static MetadataValue array(MetadataType element, const std::byte* data, std::uint64_t count,
                             const std::uint32_t* offsets) noexcept {
    MetadataValue value = scalar(MetadataType::kArray, data);
    value.count_ = count;
    value.element_ = element;
    value.offsets_ = offsets;
    return value;
  }
  static Metadata table(std::span<const MetadataEntry> entries, std::span<const std::uint32_t> by_key) noexcept {
    Metadata metadata;
    metadata.entries_ = entries;
    metadata.by_key_ = by_key;
    return metadata;
  }
};

namespace format {

/// Bytes of one value of a plain type; 0 for strings and arrays.
constexpr std::size_t width_of(MetadataType type) noexcept {
  switch (type) {
    case MetadataType::kU8:
    case MetadataType::kI8:
    case MetadataType::kBool: return 1;
    case MetadataType::kU16:
    case MetadataType::kI16: return 2;
    case MetadataType::kU32:
    case MetadataType::kI32:
    case MetadataType::kF32: return 4;
    case MetadataType::kU64:
    case MetadataType::kI64:
    case MetadataType::kF64: return 8;
    case MetadataType::kString:
    case MetadataType::kArray: break;
  }
  return 0;
}

/// `width` bytes as a little-endian number.
inline std::uint64_t read_little_endian(const std::byte* bytes, std::size_t width) noexcept {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < width; ++i) value |= std::to_integer<std::uint64_t>(bytes[i]) << (8 * i);
  return value;
}

}  // namespace format
}  // namespace moxie
