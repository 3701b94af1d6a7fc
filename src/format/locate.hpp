// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include <moxie/core/result.hpp>

namespace moxie::inline abi1::format {

/// The checkpoint that somebody named: where it lies and in which form.
struct Located {
  std::filesystem::path path;  ///< the folder or the file; of a split, its first
  bool gguf = false;           ///< else as Hugging Face stores it
  bool folder = false;
};

/// A GGUF file is known by its first bytes, whatever its name, and by its ending. Of a folder without safetensors the
/// one GGUF file in it is meant, or the one split.
///
/// Errors   kNotFound: nothing there.  kUnsupported: another file; several models in a folder, which it names.  kIo.
///          Lets std::bad_alloc through.
Result<Located> locate_checkpoint(const std::filesystem::path& path);

}  // namespace moxie::format
