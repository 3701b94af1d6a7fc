// SPDX-License-Identifier: Apache-2.0
#include "format/shard.hpp"

#include <algorithm>

#include <moxie/core/checked.hpp>
#include <moxie/core/text.hpp>

namespace moxie::inline abi1::format {
namespace {

// Between two calls of on_progress: often enough to cancel within a moment on a slow disk.
constexpr std::size_t kProgressBytes = 16U << 20;

Status read_shard(Shard& shard, const HostCallbacks& callbacks, Progress& progress) {
  MOXIE_TRY_LET(const File file, File::open(shard.path));
  if (file.identity() != shard.identity) {
    return Status(Code::kIo, file.name(), "the file as it was when its header was read", "a changed one");
  }
  MOXIE_TRY_LET(shard.read, LargeMemory::create(shard.data_bytes, file.name()));
  std::span<std::byte> left = shard.read.bytes();
  std::uint64_t offset = shard.data_begin;
  while (!left.empty()) {
    MOXIE_TRY(callbacks.progress(progress));
    const std::size_t step = std::min(left.size(), kProgressBytes);
    MOXIE_TRY(file.read(offset, left.first(step)));
    left = left.subspan(step);
    offset += step;
    progress.done += step;
  }
  return {};
}

}  // namespace

Result<Charge> read_shards(std::span<Shard> shards, const LoadOptions& options) {
  std::uint64_t bytes = 0;
  for (const Shard& shard : shards) {
    const auto sum = checked::add(bytes, shard.data_bytes);
    if (!sum) return Status(Code::kFormat, shard.path.native(), "files whose bytes fit in 64 bits", "larger ones");
    bytes = *sum;
  }
  Charge charge;
  if (options.memory != nullptr) {
    MOXIE_TRY_LET(charge, options.memory->charge(bytes));
  }
  Progress progress{.what = "read weights", .done = 0, .total = bytes};
  for (Shard& shard : shards) MOXIE_TRY(read_shard(shard, options.callbacks, progress));
  MOXIE_TRY(options.callbacks.progress(progress));
  return charge;
}

}  // namespace moxie::format
