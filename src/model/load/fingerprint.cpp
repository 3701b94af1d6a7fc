// SPDX-License-Identifier: Apache-2.0
#include "model/load/fingerprint.hpp"

#include <algorithm>

#include "model/load/fnv_hash.hpp"

namespace moxie::inline abi1::model {

std::uint64_t fingerprint(const Checkpoint& checkpoint) noexcept {
  // 16 samples of 64 bytes, ends included: other weights differ almost everywhere, and a large file
  // is not read through for its name.
  constexpr std::size_t kSamples = 16;
  constexpr std::size_t kBytes = 64;
  FnvHash hash;
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
