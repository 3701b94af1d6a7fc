// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include <moxie/core/config.hpp>
#include <moxie/core/executor.hpp>
#include <moxie/core/host.hpp>
#include <moxie/core/status.hpp>
#include <moxie/model/gguf_file_type.hpp>

namespace moxie::inline abi1 {

struct ConvertOptions {
  GgufFileType type = GgufFileType::kF16;
  /// Carries the quantizing; null for the calling thread. The file is the same either way.
  Executor* executor = nullptr;
  /// Progress "write tensors" counts bytes of the new file; a warning names each recommendation for sampling that GGUF
  /// has no key for and that is left out.
  HostCallbacks callbacks = {};
};

/// Writes a model of Hugging Face as one GGUF file that llama.cpp and moxie run: weights in the types that
/// gguf_tensor_type() gives, configuration, what generation_config.json recommends for sampling, and, where
/// tokenizer.json is there, the tokenizer and its chat template.
///
/// Errors   those of Checkpoint::open, of the configuration (as Model::load) and of GgufWriter::write.
///          kUnsupported: what llama.cpp's files of the family cannot say (docs/families.md lists it: windows, dense
///          layers between those with experts, ...); a tokenizer that is no byte-level BPE.  kFormat: a tokenizer that
///          contradicts itself or the vocabulary.  kInvalidArgument: a weight that no scale holds.
///          `to` is what it was then.
/// Threads  any.
/// Source   the keys and names that llama.cpp's converter writes
MOXIE_API Status convert_to_gguf(const std::filesystem::path& from, const std::filesystem::path& to,
                                 const ConvertOptions& options = {}) noexcept;

}  // namespace moxie
