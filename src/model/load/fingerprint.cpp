// SPDX-License-Identifier: Apache-2.0
#include "model/load/fingerprint.hpp"

#include <algorithm>
#include <span>
#include <string_view>

namespace moxie::inline abi1::model {

namespace {

/// FNV-1a over 64 bits.
/// Source   Fowler, Noll and Vo; offset basis and prime as in RFC 9923.
class Hash {
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

}  // namespace

std::uint64_t fingerprint(const Checkpoint& checkpoint) noexcept {
  // 16 samples of 64 bytes, ends included: other weights differ almost everywhere, and a large file
  // is not read through for its name.
  constexpr std::size_t kSamples = 16;
  constexpr std::size_t kBytes = 64;
  Hash hash;
  hash.add(checkpoint.config_json());
  const Metadata metadata = checkpoint.metadata();
  for (const MetadataEntry& entry : metadata.entries()) {
    hash.add(entry.key);
    hash.add(static_cast<std::uint64_t>(entry.value.type().value_or(MetadataType::kU8)));
    hash.add(static_cast<std::uint64_t>(entry.value.element_type().value_or(MetadataType::kU8)));
    hash.add(entry.value.bytes());
    hash.add(std::uint64_t{entry.value.bytes().size()});
  }
  for (const Tensor& tensor : checkpoint.tensors()) {
    hash.add(tensor.name);
    hash.add(static_cast<std::uint64_t>(tensor.type));
    hash.add(static_cast<std::uint64_t>(tensor.dims.size()));
    for (const std::uint64_t dim : tensor.dims) hash.add(dim);
    const std::size_t size = tensor.bytes.size();
    const std::size_t sample = std::min(size, kBytes);
    const std::size_t whole = (size - sample) / (kSamples - 1);
    const std::size_t rest = (size - sample) % (kSamples - 1);
    for (std::size_t i = 0; i < kSamples; ++i) {
      hash.add(tensor.bytes.subspan(whole * i + rest * i / (kSamples - 1), sample));  // (size - sample) * i / 15
    }
  }
  return hash.value();
}

}  // namespace moxie::model
