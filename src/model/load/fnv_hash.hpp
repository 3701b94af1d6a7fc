// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace moxie::inline abi1::model {

/// FNV-1a over 64 bits.
/// Source   Fowler, Noll and Vo; offset basis and prime as in RFC 9923.
class FnvHash {
 public:
  void add(std::span<const std::byte> bytes) noexcept {
    for (const std::byte byte : bytes) step(std::to_integer<std::uint64_t>(byte));
  }
  void add(std::string_view text) noexcept {
    add(std::as_bytes(std::span(text)));
    add(std::uint64_t{text.size()});
  }
  void add(std::uint64_t number) noexcept {
    for (int shift = 0; shift < 64; shift += 8) step((number >> shift) & 0xff);
  }
  [[nodiscard]] std::uint64_t value() const noexcept { return value_; }

 private:
  void step(std::uint64_t byte) noexcept { value_ = (value_ ^ byte) * 0x100000001b3u; }
  std::uint64_t value_ = 0xcbf29ce484222325u;
};

}  // namespace moxie::model
