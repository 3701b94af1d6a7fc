// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include <moxie/core/checked.hpp>
#include <moxie/core/result.hpp>
#include <moxie/core/text.hpp>

#include "format/metadata_builder.hpp"

namespace moxie::inline abi1::format {

/// Walks over the first bytes of a file, little-endian, and remembers how many more it would have needed.
class GgufCursor {
 public:
  GgufCursor(std::span<const std::byte> bytes, std::uint64_t file_bytes) noexcept
      : bytes_(bytes), file_bytes_(file_bytes) {}

  [[nodiscard]] std::uint64_t at() const noexcept { return at_; }
  [[nodiscard]] std::uint64_t wanted_bytes() const noexcept { return wanted_bytes_; }

  /// Moves over `count` bytes and gives where they begin.
  Result<const std::byte*> take(std::uint64_t count, std::string_view where) {
    MOXIE_TRY(require(count, where));
    const std::byte* begin = bytes_.data() + at_;
    at_ += count;
    return begin;
  }
  /// That so many bytes are still to come.
  Status require(std::uint64_t count, std::string_view where) {
    if (checked::inside(at_, count, bytes_.size())) return {};
    if (const auto end = checked::add(at_, count); end && *end <= file_bytes_) wanted_bytes_ = *end;
    return Status(Code::kFormat, where, Text(count, " bytes from byte ", at_, " on"),
                  Text("a file of ", file_bytes_, " bytes"));
  }
  template <class T>
  Result<T> number(std::string_view where) {
    MOXIE_TRY_LET(const std::byte* bytes, take(sizeof(T), where));
    return static_cast<T>(read_little_endian(bytes, sizeof(T)));
  }
  /// A length of 8 bytes, then as many bytes.
  Result<std::string_view> text(std::string_view where) {
    MOXIE_TRY_LET(const auto length, number<std::uint64_t>(where));
    MOXIE_TRY_LET(const std::byte* bytes, take(length, where));
    return std::string_view(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(length));
  }

 private:
  std::span<const std::byte> bytes_;
  std::uint64_t file_bytes_;
  std::uint64_t at_ = 0;
  std::uint64_t wanted_bytes_ = 0;
};

}  // namespace moxie::format
