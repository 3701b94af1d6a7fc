// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include <moxie/core/config.hpp>
#include <moxie/core/executor.hpp>
#include <moxie/core/host.hpp>
#include <moxie/core/status.hpp>

namespace moxie::inline abi1 {

struct PackOptions {
  /// Carries the packing; null for the calling thread. The file is the same either way.
  Executor* executor = nullptr;
  HostCallbacks callbacks = {};  ///< progress "write tensors" counts bytes of the new file
};

/// Writes a GGUF model once more with its matrices in the tiles that moxie computes with: the same weights, which
/// Model::load then uses as they are mapped, without packing and without a copy. The embedding, F32 matrices and
/// vectors stay as they are; where the embedding is the head too, the head is added. A model from a packed file gives
/// the same bits as from the file that it was made of.
///
/// Errors   those of Checkpoint::open and of GgufWriter::write.  kUnsupported: no GGUF, or packed already.
///          kFormat: a configuration that Model::load refuses. `to` is what it was then.
/// Threads  any.
/// Source   docs/design/010-packed-files.md
MOXIE_API Status pack_gguf(const std::filesystem::path& from, const std::filesystem::path& to,
                           const PackOptions& options = {}) noexcept;

}  // namespace moxie
