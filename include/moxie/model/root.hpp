// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <string>

#include <moxie/core/config.hpp>
#include <moxie/core/executor.hpp>
#include <moxie/core/host.hpp>
#include <moxie/core/result.hpp>
#include <moxie/format/checkpoint.hpp>

namespace moxie::inline abi1 {

/// A SHA-256.
struct Digest {
  std::array<std::byte, 32> bytes{};

  bool operator==(const Digest&) const = default;
};
/// 64 digits, lower case. Lets std::bad_alloc through.
[[nodiscard]] MOXIE_API std::string hexadecimal(const Digest& digest);

struct RootOptions {
  /// Carries the hashing; null for the calling thread. The root is the same either way.
  Executor* executor = nullptr;
  HostCallbacks callbacks = {};  ///< progress "hash tensors" counts bytes, as a file of rows has them
};

/// Names a checkpoint: a SHA-256 over its configuration (config.json, or the metadata) and over every bit of every
/// tensor. Checkpoints of equal roots are the same model. One GGUF file, the same in pieces, and the same packed
/// (pack_gguf) have one root; a checkpoint of Hugging Face and the GGUF file made of it have two. Reads everything:
/// Model::fingerprint() is the quick answer, which a small change may escape.
///
/// Errors   kFormat: a packed file whose configuration Model::load refuses.  kUnsupported: a libcrypto without SHA-256.
///          kNoMemory.  kCancelled, kHostException: from the callbacks.  Those of the executor.
/// Threads  any, each with its own executor.
/// Source   docs/design/018-identity.md
MOXIE_API Result<Digest> checkpoint_root(const Checkpoint& checkpoint, const RootOptions& options = {}) noexcept;

/// Likewise of the checkpoint at `path`, as Checkpoint::open takes it.
///
/// Errors   also those of Checkpoint::open.
MOXIE_API Result<Digest> checkpoint_root(const std::filesystem::path& path, const RootOptions& options = {}) noexcept;

/// Likewise, kept beside the file in PATH.root, or in a folder in moxie.root, and taken from there while every file has
/// the size, the time of change and the number that it had, and the checkpoint its fingerprint. Who writes the file
/// decides what it says: where a root is verified, call checkpoint_root(). Where the file cannot be written, the log
/// says so (kInfo) and the root is good all the same; files changed in the last two seconds are hashed, but not kept.
MOXIE_API Result<Digest> cached_checkpoint_root(const std::filesystem::path& path,
                                                const RootOptions& options = {}) noexcept;

}  // namespace moxie
